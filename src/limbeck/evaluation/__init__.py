"""Measuring against labels and between sets of images. The only room that reads the truth."""

from limbeck.evaluation.generated import Drawn as Drawn
from limbeck.evaluation.hidden_labels import HiddenLabels as HiddenLabels
from limbeck.evaluation.measure_run import evaluate as evaluate
from limbeck.evaluation.measure_run import outlier_rows as outlier_rows
from limbeck.evaluation.measure_run import untrained_control as untrained_control
from limbeck.evaluation.outlier_table import KeepCost as KeepCost
from limbeck.evaluation.outlier_table import OutlierRow as OutlierRow
from limbeck.evaluation.outlier_table import OutlierTable as OutlierTable
from limbeck.evaluation.outlier_table import keep_cost as keep_cost
from limbeck.evaluation.outlier_table import outlier_auroc as outlier_auroc
from limbeck.evaluation.recognition import PictureJudges as PictureJudges
from limbeck.evaluation.recognition import Recogniser as Recogniser
from limbeck.evaluation.recognition import present_judges as present_judges
from limbeck.evaluation.recognition import recognise as recognise
from limbeck.evaluation.strength import FEWEST_FOR_PSI as FEWEST_FOR_PSI
from limbeck.evaluation.strength import StrengthChoice as StrengthChoice
from limbeck.evaluation.strength import choose_psi as choose_psi

__all__ = [
    "FEWEST_FOR_PSI",
    "Drawn",
    "HiddenLabels",
    "KeepCost",
    "OutlierRow",
    "OutlierTable",
    "PictureJudges",
    "Recogniser",
    "StrengthChoice",
    "choose_psi",
    "evaluate",
    "keep_cost",
    "outlier_auroc",
    "outlier_rows",
    "present_judges",
    "recognise",
    "untrained_control",
]
