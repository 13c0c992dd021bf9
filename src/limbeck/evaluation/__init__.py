"""Measuring against labels and between sets of pictures. The only room that reads the truth."""

from limbeck.evaluation.drawn import Drawn as Drawn
from limbeck.evaluation.judging import Judge as Judge
from limbeck.evaluation.measuring import evaluate as evaluate
from limbeck.evaluation.measuring import outlier_rows as outlier_rows
from limbeck.evaluation.measuring import untrained_control as untrained_control
from limbeck.evaluation.outliers import KeepCost as KeepCost
from limbeck.evaluation.outliers import OutlierRow as OutlierRow
from limbeck.evaluation.outliers import OutlierTable as OutlierTable
from limbeck.evaluation.outliers import keep_cost as keep_cost
from limbeck.evaluation.outliers import outlier_auroc as outlier_auroc
from limbeck.evaluation.recognising import PictureJudges as PictureJudges
from limbeck.evaluation.recognising import Recogniser as Recogniser
from limbeck.evaluation.recognising import present_judges as present_judges
from limbeck.evaluation.recognising import recognise as recognise

__all__ = [
    "Drawn",
    "Judge",
    "KeepCost",
    "OutlierRow",
    "OutlierTable",
    "PictureJudges",
    "Recogniser",
    "evaluate",
    "keep_cost",
    "outlier_auroc",
    "outlier_rows",
    "present_judges",
    "recognise",
    "untrained_control",
]
