"""Measuring against labels and between sets of pictures. The only room that reads the truth."""

from limbeck.evaluation.comparing import SetDistance as SetDistance
from limbeck.evaluation.comparing import compare_sets as compare_sets
from limbeck.evaluation.distances import frechet_distance as frechet_distance
from limbeck.evaluation.distances import kernel_distance as kernel_distance
from limbeck.evaluation.diversity import Diversity as Diversity
from limbeck.evaluation.diversity import embedding_diversity as embedding_diversity
from limbeck.evaluation.diversity import lpips_diversity as lpips_diversity
from limbeck.evaluation.diversity import lpips_embeddings as lpips_embeddings
from limbeck.evaluation.drawn import Drawn as Drawn
from limbeck.evaluation.featurecache import dataset_features as dataset_features
from limbeck.evaluation.featurecache import picture_features as picture_features
from limbeck.evaluation.featurekinds import FeatureKind as FeatureKind
from limbeck.evaluation.featurekinds import feature_kind as feature_kind
from limbeck.evaluation.featurekinds import present_features as present_features
from limbeck.evaluation.judging import Judge as Judge
from limbeck.evaluation.manifold import Overlap as Overlap
from limbeck.evaluation.manifold import manifold_overlap as manifold_overlap
from limbeck.evaluation.measuring import evaluate as evaluate
from limbeck.evaluation.measuring import outlier_rows as outlier_rows
from limbeck.evaluation.measuring import untrained_control as untrained_control
from limbeck.evaluation.memorising import Lookalike as Lookalike
from limbeck.evaluation.memorising import Memorising as Memorising
from limbeck.evaluation.memorising import memorised as memorised
from limbeck.evaluation.nearest import nearest_modes as nearest_modes
from limbeck.evaluation.outliers import KeepCost as KeepCost
from limbeck.evaluation.outliers import OutlierRow as OutlierRow
from limbeck.evaluation.outliers import OutlierTable as OutlierTable
from limbeck.evaluation.outliers import ScoreColumns as ScoreColumns
from limbeck.evaluation.outliers import keep_cost as keep_cost
from limbeck.evaluation.outliers import outlier_auroc as outlier_auroc
from limbeck.evaluation.ranking import auroc as auroc
from limbeck.evaluation.ranking import average_precision as average_precision
from limbeck.evaluation.recognising import PictureJudges as PictureJudges
from limbeck.evaluation.recognising import Recogniser as Recogniser
from limbeck.evaluation.recognising import present_judges as present_judges
from limbeck.evaluation.recognising import recognise as recognise
from limbeck.evaluation.recovery import ModeRecovery as ModeRecovery
from limbeck.evaluation.recovery import mode_recovery as mode_recovery

__all__ = [
    "Diversity",
    "Drawn",
    "FeatureKind",
    "Judge",
    "KeepCost",
    "Lookalike",
    "Memorising",
    "ModeRecovery",
    "OutlierRow",
    "OutlierTable",
    "Overlap",
    "PictureJudges",
    "Recogniser",
    "ScoreColumns",
    "SetDistance",
    "auroc",
    "average_precision",
    "compare_sets",
    "dataset_features",
    "embedding_diversity",
    "evaluate",
    "feature_kind",
    "frechet_distance",
    "keep_cost",
    "kernel_distance",
    "lpips_diversity",
    "lpips_embeddings",
    "manifold_overlap",
    "memorised",
    "mode_recovery",
    "nearest_modes",
    "outlier_auroc",
    "outlier_rows",
    "picture_features",
    "present_features",
    "present_judges",
    "recognise",
    "untrained_control",
]
