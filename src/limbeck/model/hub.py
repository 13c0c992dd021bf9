"""How files of a model of the Hugging Face hub come here.

Only config.json, the files that it names and marks.csv are fetched, all of one commit, into the
hub library's own cache. Sizes are compared before a file is fetched, sha256 when the folder is
opened. This is the one file that knows the hub library, which alone speaks with the hub.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from limbeck import __version__, logs
from limbeck.artefacts.model_folder import CONFIG, MODES, read_config
from limbeck.artefacts.person_csv import BYTES
from limbeck.artefacts.run import MARKS
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.model.hub_errors import OTHERS, is_unreached, no_model, status_of, telling, told
from limbeck.model.hub_names import HubModel
from limbeck.reading import JSON_BYTES

INSTALL = "pip install 'limbeck[hub]'"


def library() -> ModuleType:
    """The hub library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise UsageError(
            f"models of the hub are fetched by huggingface_hub, which is not here ({error})",
            INSTALL,
        ) from None
    found: ModuleType = huggingface_hub
    return found


def who() -> dict[str, str]:
    """What the hub is told of this program."""
    return {"library_name": "limbeck", "library_version": __version__}


@contextmanager
def quiet(hub: ModuleType) -> Iterator[None]:
    """Without the hub library's own bars, unless HF_HUB_DISABLE_PROGRESS_BARS decides."""
    bars = hub.utils
    if hub.constants.HF_HUB_DISABLE_PROGRESS_BARS is not None or bars.are_progress_bars_disabled():
        yield
        return
    bars.disable_progress_bars()
    try:
        yield
    finally:
        bars.enable_progress_bars()


def fetch(wanted: HubModel) -> Path:
    """The model folder in the hub library's cache; what is there already is not fetched again.

    Where the hub cannot be reached, what the cache has is taken.

    Raises:
        UsageError: the hub library is not installed, or such a name cannot be.
        DataError: no such model or revision; one that is gated, or none of limbeck's; no network,
            and it is not in the cache.
    """
    hub = library()
    try:
        sizes = _sizes(hub, wanted)
    except _Unreached as unreached:
        try:
            folder = _get(hub, wanted, CONFIG, wanted.revision, here=True).parent
            for name in read_config(folder).files:
                _get(hub, wanted, name, folder.name, here=True)
            with suppress(LimbeckError):
                _get(hub, wanted, MARKS, folder.name, here=True)
        except LimbeckError:
            raise unreached.error from None
        logs.say(f"{wanted}: taken from the hub's cache, {folder}")
        return folder
    if sizes.get(CONFIG, 0) > JSON_BYTES:
        raise no_model(wanted, f"its config.json has {sizes[CONFIG]} bytes")
    folder = _get(hub, wanted, CONFIG, wanted.revision).parent
    try:
        about = read_config(folder)
    except DataError as error:
        raise no_model(wanted, error.what.removeprefix(f"{folder}/"), error.do) from None
    for name, file in about.files.items():
        if sizes.get(name, file.bytes) != file.bytes:
            raise DataError(
                f"{wanted} on the hub: {name} has {sizes[name]} bytes, its config.json says "
                f"{file.bytes}",
                OTHERS,
            )
    if sizes.get(MARKS, 0) > BYTES:
        raise no_model(wanted, f"its {MARKS} has {sizes[MARKS]} bytes")
    sizes_of = {n: file.bytes for n, file in about.files.items()}
    if MODES in sizes_of and MARKS in sizes:
        sizes_of[MARKS] = sizes[MARKS]
    absent = {n: size for n, size in sizes_of.items() if not (folder / n).exists()}
    if absent:
        total = sum(absent.values())
        logs.say(f"fetching {wanted} ({folder.name[:7]}): {len(absent)} files, {_megabytes(total)}")
        with logs.working(f"fetching {wanted}", total, "bytes") as task:
            for name, size in absent.items():
                _get(hub, wanted, name, folder.name)
                task.step(size)
    return folder


class _Unreached(Exception):
    """The hub gave no answer; `error` says so to a person."""

    def __init__(self, error: LimbeckError) -> None:
        super().__init__()
        self.error = error


def _sizes(hub: ModuleType, wanted: HubModel) -> dict[str, int]:
    """Bytes of the files of a model, as the hub says.

    Raises:
        _Unreached: it says nothing, or is down.
        LimbeckError: it refuses.
    """
    api = hub.HfApi(**who())
    try:
        info = api.model_info(wanted.repo, revision=wanted.revision, files_metadata=True)
    except Exception as error:  # as in `telling`
        if status_of(error) >= 500 or is_unreached(error):
            raise _Unreached(told(error, wanted)) from None
        raise told(error, wanted) from None
    return {one.rfilename: one.size for one in info.siblings or () if one.size is not None}


def _get(
    hub: ModuleType, wanted: HubModel, name: str, revision: str | None, here: bool = False
) -> Path:
    with telling(wanted, name), quiet(hub):
        found = hub.hf_hub_download(
            wanted.repo, name, revision=revision, local_files_only=here, **who()
        )
    return Path(found)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
