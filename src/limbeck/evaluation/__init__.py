"""Measuring against labels and between sets of pictures. The only room that reads the truth."""

from limbeck.evaluation.measuring import evaluate as evaluate
from limbeck.evaluation.measuring import outlier_rows as outlier_rows
from limbeck.evaluation.measuring import untrained_control as untrained_control
from limbeck.evaluation.nearest import lpips_diversity as lpips_diversity
from limbeck.evaluation.nearest import nearest_modes as nearest_modes
from limbeck.evaluation.outliers import KeepCost as KeepCost
from limbeck.evaluation.outliers import OutlierRow as OutlierRow
from limbeck.evaluation.outliers import OutlierTable as OutlierTable
from limbeck.evaluation.outliers import ScoreColumns as ScoreColumns
from limbeck.evaluation.outliers import keep_cost as keep_cost
from limbeck.evaluation.outliers import outlier_auroc as outlier_auroc
from limbeck.evaluation.ranking import auroc as auroc
from limbeck.evaluation.ranking import average_precision as average_precision
from limbeck.evaluation.recovery import ModeRecovery as ModeRecovery
from limbeck.evaluation.recovery import mode_recovery as mode_recovery

__all__ = [
    "KeepCost",
    "ModeRecovery",
    "OutlierRow",
    "OutlierTable",
    "ScoreColumns",
    "auroc",
    "average_precision",
    "evaluate",
    "keep_cost",
    "lpips_diversity",
    "mode_recovery",
    "nearest_modes",
    "outlier_auroc",
    "outlier_rows",
    "untrained_control",
]
