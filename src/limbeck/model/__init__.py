"""The model folder: a generator, its encoder and its modes, as anybody can load them safely."""

from limbeck.artefacts.model_folder import Measured as Measured
from limbeck.artefacts.model_folder import read_config as read_config
from limbeck.model.card import TAKEN_DOWN as TAKEN_DOWN
from limbeck.model.card import restate_card as restate_card
from limbeck.model.finding import model_folder as model_folder
from limbeck.model.finding import on_hub as on_hub
from limbeck.model.how_drawn import HowDrawn as HowDrawn
from limbeck.model.how_drawn import told_png as told_png
from limbeck.model.images import centre_square as centre_square
from limbeck.model.measured import figures_of as figures_of
from limbeck.model.metadata import hub_licence as hub_licence
from limbeck.model.pipeline import Pipeline as Pipeline
from limbeck.model.publishing import Publication as Publication
from limbeck.model.publishing import There as There
from limbeck.model.publishing import look as look
from limbeck.model.publishing import public_files as public_files
from limbeck.model.publishing import publication as publication
from limbeck.model.publishing import publish as publish
from limbeck.model.sampling import sample as sample
from limbeck.model.sampling import write_samples as write_samples

__all__ = [
    "TAKEN_DOWN",
    "HowDrawn",
    "Measured",
    "Pipeline",
    "Publication",
    "There",
    "centre_square",
    "figures_of",
    "hub_licence",
    "look",
    "model_folder",
    "on_hub",
    "public_files",
    "publication",
    "publish",
    "read_config",
    "restate_card",
    "sample",
    "told_png",
    "write_samples",
]
