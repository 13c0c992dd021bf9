"""Figures of sets of images and of scores: pure functions, shared by all that measures."""

from limbeck.metrics.auroc import auroc as auroc
from limbeck.metrics.auroc import average_precision as average_precision
from limbeck.metrics.auroc import bootstrap_auroc as bootstrap_auroc
from limbeck.metrics.compare import SetDistance as SetDistance
from limbeck.metrics.compare import compare_sets as compare_sets
from limbeck.metrics.feature_cache import FeatureKind as FeatureKind
from limbeck.metrics.feature_cache import dataset_features as dataset_features
from limbeck.metrics.feature_cache import feature_kind as feature_kind
from limbeck.metrics.feature_cache import features_of_dataset as features_of_dataset
from limbeck.metrics.feature_cache import forget_features as forget_features
from limbeck.metrics.feature_cache import picture_features as picture_features
from limbeck.metrics.feature_cache import present_features as present_features
from limbeck.metrics.fid_kid import frechet_distance as frechet_distance
from limbeck.metrics.fid_kid import kernel_distance as kernel_distance
from limbeck.metrics.fid_kid import kernel_distance_of_all as kernel_distance_of_all
from limbeck.metrics.fid_kid import kernel_error as kernel_error
from limbeck.metrics.fusion import agreement as agreement
from limbeck.metrics.fusion import standardised as standardised
from limbeck.metrics.fusion import weighted_mean as weighted_mean
from limbeck.metrics.lpips_diversity import Diversity as Diversity
from limbeck.metrics.lpips_diversity import embedding_diversity as embedding_diversity
from limbeck.metrics.lpips_diversity import lpips_diversity as lpips_diversity
from limbeck.metrics.lpips_diversity import lpips_embeddings as lpips_embeddings
from limbeck.metrics.lpips_diversity import nearest_modes as nearest_modes
from limbeck.metrics.memorization import Lookalike as Lookalike
from limbeck.metrics.memorization import Memorising as Memorising
from limbeck.metrics.memorization import memorised as memorised
from limbeck.metrics.mode_recovery import ModeRecovery as ModeRecovery
from limbeck.metrics.mode_recovery import mode_recovery as mode_recovery
from limbeck.metrics.path_length import PathLength as PathLength
from limbeck.metrics.path_length import path_length as path_length
from limbeck.metrics.precision_recall import Overlap as Overlap
from limbeck.metrics.precision_recall import manifold_overlap as manifold_overlap

__all__ = [
    "Diversity",
    "FeatureKind",
    "Lookalike",
    "Memorising",
    "ModeRecovery",
    "Overlap",
    "PathLength",
    "SetDistance",
    "agreement",
    "auroc",
    "average_precision",
    "bootstrap_auroc",
    "compare_sets",
    "dataset_features",
    "embedding_diversity",
    "feature_kind",
    "features_of_dataset",
    "forget_features",
    "frechet_distance",
    "kernel_distance",
    "kernel_distance_of_all",
    "kernel_error",
    "lpips_diversity",
    "lpips_embeddings",
    "manifold_overlap",
    "memorised",
    "mode_recovery",
    "nearest_modes",
    "path_length",
    "picture_features",
    "present_features",
    "standardised",
    "weighted_mean",
]
