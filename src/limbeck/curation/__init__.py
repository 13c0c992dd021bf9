"""Which photos are outliers and which are kept: scores, fusion, rules. No label is read here."""

from limbeck.artefacts.scores import Scores as Scores
from limbeck.artefacts.scores import read_scores as read_scores
from limbeck.curation.advice import choose_column as choose_column
from limbeck.curation.advice import prospects as prospects
from limbeck.curation.deciding import Decisions as Decisions
from limbeck.curation.deciding import Step as Step
from limbeck.curation.densities import GAUSS_COMPONENTS as GAUSS_COMPONENTS
from limbeck.curation.densities import PPCA_COMPONENTS as PPCA_COMPONENTS
from limbeck.curation.densities import fit_components as fit_components
from limbeck.curation.densities import gaussian_distance as gaussian_distance
from limbeck.curation.densities import residual_distance as residual_distance
from limbeck.curation.formulas import FORMULAS as FORMULAS
from limbeck.curation.formulas import FUSED_WITHOUT as FUSED_WITHOUT
from limbeck.curation.formulas import formulas_digest as formulas_digest
from limbeck.curation.keeping import keep as keep
from limbeck.curation.keeping import keep_provenance as keep_provenance
from limbeck.curation.keeping import would_keep as would_keep
from limbeck.curation.part_scoring import missing_blocks as missing_blocks
from limbeck.curation.part_scoring import score_part as score_part
from limbeck.curation.parts import MODES as MODES
from limbeck.curation.parts import block_files as block_files
from limbeck.curation.parts import forget_joined as forget_joined
from limbeck.curation.parts import parts_place as parts_place
from limbeck.curation.photos_alone import Seen as Seen
from limbeck.curation.photos_alone import look_at as look_at
from limbeck.curation.photos_alone import photo_columns as photo_columns
from limbeck.curation.rules import find_cut as find_cut
from limbeck.curation.scoring import fuse as fuse
from limbeck.curation.scoring import score as score
from limbeck.curation.scoring import score_inputs as score_inputs
from limbeck.curation.scoring import scores_provenance as scores_provenance
from limbeck.curation.scoring import seconds_per_photo as seconds_per_photo

__all__ = [
    "FORMULAS",
    "FUSED_WITHOUT",
    "GAUSS_COMPONENTS",
    "MODES",
    "PPCA_COMPONENTS",
    "Decisions",
    "Seen",
    "Step",
    "block_files",
    "choose_column",
    "find_cut",
    "fit_components",
    "forget_joined",
    "formulas_digest",
    "fuse",
    "gaussian_distance",
    "keep",
    "keep_provenance",
    "look_at",
    "missing_blocks",
    "parts_place",
    "photo_columns",
    "prospects",
    "residual_distance",
    "score",
    "score_inputs",
    "score_part",
    "scores_provenance",
    "seconds_per_photo",
    "would_keep",
]
