"""Which photos are odd, and which go on: scores, rank fusion, keep rules. No label is read here."""

from limbeck.curation.advice import prospects as prospects
from limbeck.curation.densities import GAUSS_COMPONENTS as GAUSS_COMPONENTS
from limbeck.curation.densities import PPCA_COMPONENTS as PPCA_COMPONENTS
from limbeck.curation.densities import fit_components as fit_components
from limbeck.curation.densities import gaussian_distance as gaussian_distance
from limbeck.curation.densities import residual_distance as residual_distance
from limbeck.curation.formulas import formulas_digest as formulas_digest
from limbeck.curation.fusion import fisher as fisher
from limbeck.curation.fusion import fisher_tails as fisher_tails
from limbeck.curation.keeping import KeepList as KeepList
from limbeck.curation.keeping import keep as keep
from limbeck.curation.keeping import keep_inputs as keep_inputs
from limbeck.curation.keeping import read_keep as read_keep
from limbeck.curation.rules import automatic_share as automatic_share
from limbeck.curation.scoring import score as score
from limbeck.curation.scoring import score_inputs as score_inputs
from limbeck.curation.scoring import scores_are_current as scores_are_current
from limbeck.curation.scoring import seconds_per_photo as seconds_per_photo
from limbeck.curation.table import Scores as Scores
from limbeck.curation.table import read_scores as read_scores

__all__ = [
    "GAUSS_COMPONENTS",
    "PPCA_COMPONENTS",
    "KeepList",
    "Scores",
    "automatic_share",
    "fisher",
    "fisher_tails",
    "fit_components",
    "formulas_digest",
    "gaussian_distance",
    "keep",
    "keep_inputs",
    "prospects",
    "read_keep",
    "read_scores",
    "residual_distance",
    "score",
    "score_inputs",
    "scores_are_current",
    "seconds_per_photo",
]
