"""A model folder onto the Hugging Face hub: in one commit, and only what belongs to the format."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck import fsio, logs
from limbeck.artefacts.mode_marks import load_modes
from limbeck.artefacts.model_folder import (
    CARD,
    CONFIG,
    FILE_NAMES,
    MODES,
    SHEETS,
    ModelConfig,
    read_config,
    verify,
)
from limbeck.artefacts.run import MARKS
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.model.hub import library, quiet, who
from limbeck.model.hub_errors import LOGIN, PAGES, telling
from limbeck.model.hub_names import HubModel


@dataclass(frozen=True)
class Publication:
    """What would be published.

    Attributes:
        model: its name on the hub.
        folder: the model folder.
        about: its config.json.
        files: name -> bytes, config.json last.
    """

    model: HubModel
    folder: Path
    about: ModelConfig
    files: dict[str, int]

    @property
    def bytes(self) -> int:
        """All files together."""
        return sum(self.files.values())


@dataclass(frozen=True)
class There:
    """What lies under that name on the hub.

    Attributes:
        commit: its newest commit; None where nothing is there.
        private: whether its owner alone sees it.
        files: all of its files.
    """

    commit: str | None = None
    private: bool = False
    files: tuple[str, ...] = ()

    def stale(self, coming: Collection[str]) -> list[str]:
        """Files of an earlier model folder that the new one does not have."""
        ours = (
            name for name in self.files if name in (*SHEETS, MARKS) or FILE_NAMES.fullmatch(name)
        )
        return [name for name in ours if name not in coming]


def publication(folder: Path, repo_id: str) -> Publication:
    """What publishing a model folder means; every file is compared with config.json first.

    Nothing is asked of the hub.

    Raises:
        UsageError: that is no name of the hub.
        DataError: no model folder, or a damaged one.
    """
    model = HubModel.parse(repo_id)
    if model is None or model.revision is not None:
        raise UsageError(
            f"{fsio.plain(repo_id)!r} is no name for a model of the hub", "write OWNER/NAME"
        )
    about, names = public_files(folder)
    sizes = {name: (folder / name).stat().st_size for name in names}
    return Publication(model, folder, about, sizes)


def public_files(folder: Path) -> tuple[ModelConfig, list[str]]:
    """config.json of a model folder, and the names of what belongs to the format, config.json last.

    Every file is compared with config.json first.

    Raises:
        DataError: no model folder, or a damaged one.
    """
    about = read_config(folder)
    for name, file in about.files.items():
        verify(folder / name, file)
    if MODES in about.files:
        load_modes(folder / MODES)  # a bad line in marks.csv goes nowhere
    beside = (CARD, *SHEETS, *((MARKS,) if MODES in about.files else ()))
    names = [name for name in beside if (folder / name).is_file()]
    return about, [*names, *about.files, CONFIG]


def look(model: HubModel) -> There:
    """What lies under a name on the hub now.

    Raises:
        UsageError: the hub library is not installed, or nobody is logged in.
        DataError: something else than a model of limbeck lies there; the hub refuses, or cannot be
            reached.
    """
    hub = library()
    if hub.get_token() is None:
        raise UsageError("the hub does not know who you are", f"{LOGIN} to a token that may write")
    api = hub.HfApi(**who())
    with telling(model):
        try:
            info = api.model_info(model.repo)
        except hub.errors.GatedRepoError:
            raise
        except hub.errors.RepositoryNotFoundError:
            return There()
    names = tuple(sorted(one.rfilename for one in info.siblings or ()))
    if CONFIG in names and not _is_limbecks(hub, model, str(info.sha)):
        raise DataError(
            f"{model.repo} on the hub holds another model: its config.json is none of limbeck's",
            "choose another name, or remove what is there yourself",
        )
    return There(str(info.sha), bool(info.private), names)


def _is_limbecks(hub: Any, model: HubModel, commit: str) -> bool:
    with telling(model, CONFIG), quiet(hub):
        path = Path(hub.hf_hub_download(model.repo, CONFIG, revision=commit, **who()))
    with suppress(LimbeckError):
        return bool(fsio.read_object(path).get("format") == "limbeck-model")
    return False


def publish(
    what: Publication,
    there: There | None = None,
    *,
    private: bool = False,
    message: str = "",
    keep_card: bool = False,
) -> str:
    """Publish in one commit: readers meet the old model or the new one, never a mixture.

    Args:
        what: see `publication`.
        there: what `look` found; None = look now. If it changed since, nothing is published.
        private: whether a new one is seen by its owner alone.
        message: of the commit.
        keep_card: leave the README.md that is there as it is.

    Returns:
        The address of the commit.

    Raises:
        UsageError: nobody is logged in, or a public model was to be private.
        DataError: the hub refuses, or cannot be reached.
    """
    hub, model = library(), what.model
    there = look(model) if there is None else there
    if private and there.commit is not None and not there.private:
        raise UsageError(
            f"{model.repo} is on the hub already, and public",
            f"make it private on {PAGES}/{model.repo}/settings, or choose another name",
        )
    api = hub.HfApi(**who())
    coming = [
        name for name in what.files if name != CARD or not (keep_card and CARD in there.files)
    ]
    changes = [
        *(hub.CommitOperationAdd(name, str(what.folder / name)) for name in coming),
        *(hub.CommitOperationDelete(name) for name in there.stale(what.files)),
    ]
    with telling(model), quiet(hub):
        if there.commit is None:
            api.create_repo(model.repo, private=private)
        told = f"publishing {model.repo}, {what.bytes / 1e6:.1f} MB"
        with logs.working(told):
            done = api.create_commit(
                model.repo, changes, parent_commit=there.commit,
                commit_message=message or f"A model by limbeck {what.about.limbeck}",
            )  # fmt: skip
    return str(done.commit_url)
