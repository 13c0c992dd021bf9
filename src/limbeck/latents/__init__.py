"""Latents of a generator: drawing them, truncating them towards many centres, painting seeds."""

from limbeck.latents.centres import CENTRES as CENTRES
from limbeck.latents.centres import W_DIM as W_DIM
from limbeck.latents.centres import ModeCentres as ModeCentres
from limbeck.latents.centres import tensors_digest as tensors_digest
from limbeck.latents.class_shares import Labels as Labels
from limbeck.latents.class_shares import class_number as class_number
from limbeck.latents.class_shares import classes_of as classes_of
from limbeck.latents.class_shares import draw_classes as draw_classes
from limbeck.latents.class_shares import shares as shares
from limbeck.latents.class_shares import typical_w as typical_w
from limbeck.latents.drawing import SPACE_SIZE as SPACE_SIZE
from limbeck.latents.drawing import draw_latents as draw_latents
from limbeck.latents.drawing import draw_w as draw_w
from limbeck.latents.drawing import embed_w as embed_w
from limbeck.latents.drawing import pooled_w as pooled_w
from limbeck.latents.drawing import seeds_to_z as seeds_to_z
from limbeck.latents.generating import HoldsGenerator as HoldsGenerator
from limbeck.latents.generating import Sample as Sample
from limbeck.latents.generating import check_latents as check_latents
from limbeck.latents.generating import images_of_seeds as images_of_seeds
from limbeck.latents.generating import images_of_w as images_of_w
from limbeck.latents.generating import latents_of_seeds as latents_of_seeds
from limbeck.latents.marks import MARK_WORDS as MARK_WORDS
from limbeck.latents.marks import ModeMarks as ModeMarks
from limbeck.latents.requests import NoiseKind as NoiseKind
from limbeck.latents.requests import Psi as Psi
from limbeck.latents.requests import Seeds as Seeds
from limbeck.latents.requests import check_batch as check_batch
from limbeck.latents.requests import check_noise as check_noise
from limbeck.latents.requests import check_psi as check_psi
from limbeck.latents.requests import check_seeds as check_seeds
from limbeck.latents.requests import is_whole as is_whole
from limbeck.latents.requests import layered_psi as layered_psi
from limbeck.latents.requests import parse_seeds as parse_seeds
from limbeck.latents.truncation import Target as Target
from limbeck.latents.truncation import nearest_embedding as nearest_embedding
from limbeck.latents.truncation import nearest_l2 as nearest_l2
from limbeck.latents.truncation import needs_pictures as needs_pictures
from limbeck.latents.truncation import target_for as target_for
from limbeck.latents.truncation import truncate as truncate

__all__ = [
    "CENTRES",
    "MARK_WORDS",
    "SPACE_SIZE",
    "W_DIM",
    "HoldsGenerator",
    "Labels",
    "ModeCentres",
    "ModeMarks",
    "NoiseKind",
    "Psi",
    "Sample",
    "Seeds",
    "Target",
    "check_batch",
    "check_latents",
    "check_noise",
    "check_psi",
    "check_seeds",
    "class_number",
    "classes_of",
    "draw_classes",
    "draw_latents",
    "draw_w",
    "embed_w",
    "images_of_seeds",
    "images_of_w",
    "is_whole",
    "latents_of_seeds",
    "layered_psi",
    "nearest_embedding",
    "nearest_l2",
    "needs_pictures",
    "parse_seeds",
    "pooled_w",
    "seeds_to_z",
    "shares",
    "target_for",
    "tensors_digest",
    "truncate",
    "typical_w",
]
