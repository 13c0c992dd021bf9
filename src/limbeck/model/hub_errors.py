"""What the hub library's exceptions mean to a person.

They are known by the names of their classes, so that the library need not be here to read this, and
because below it lies now one, now another library of HTTP.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from limbeck import fsio
from limbeck.artefacts.model_folder import CONFIG
from limbeck.errors import DataError, LimbeckError, UsageError, advice
from limbeck.model.hub_names import HubModel

PAGES = "https://huggingface.co"
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
OTHERS = "tell its owner: the files are of different models"
_UNREACHED = {"TransportError", "ConnectionError"}  # of libraries of HTTP; offline mode is one too


def no_model(wanted: HubModel, why: str, do: str = "check the name") -> DataError:
    """Something else lies on the hub under that name; says what."""
    return DataError(f"{wanted} on the hub is no model of limbeck: {why}", do)


@contextmanager
def telling(wanted: HubModel, name: str = "") -> Iterator[None]:
    """Turn what the hub library raises inside into limbeck's own errors; no token is ever told.

    Args:
        wanted: the model in question.
        name: the file in question, if it is about one.

    Raises:
        LimbeckError: what it means, and what to do.
    """
    try:
        yield
    except (LimbeckError, MemoryError):
        raise
    except Exception as error:  # the library raises errors of several others
        raise told(error, wanted, name) from None


def told(error: Exception, wanted: HubModel, name: str = "") -> LimbeckError:
    """What an exception of the hub library means, and what to do."""
    if type(error) is RuntimeError and isinstance(error.__cause__, Exception):
        return told(error.__cause__, wanted, name)  # "Error while uploading ..."
    kinds = {kind.__name__ for kind in type(error).__mro__}
    page = f"{PAGES}/{wanted.repo}"
    if "LocalEntryNotFoundError" in kinds:  # not in the cache, and the hub gave no answer, or this
        cause = error.__cause__ or error
        return _of_status(cause, wanted) if status_of(cause) else _unreached(wanted, cause)
    if "GatedRepoError" in kinds:
        return DataError(
            f"{wanted.repo} on the hub is gated: its owner asks for an agreement first",
            f"agree on {page} in a browser, then {LOGIN}",
        )
    if "RevisionNotFoundError" in kinds:
        return DataError(
            f"{wanted.repo} on the hub has no revision {wanted.revision or 'main'!r}",
            f"branches and tags are listed on {page}/tree/main",
        )
    if "RepositoryNotFoundError" in kinds:
        return DataError(
            f"there is no model {wanted.repo} on the hub that you may see",
            f"check the name; for a private model, {LOGIN}",
        )
    if "EntryNotFoundError" in kinds:
        return _absent(wanted, name)
    if "HFValidationError" in kinds:
        return UsageError(f"{wanted} is no name of the hub: {_plain(error)}", "write OWNER/NAME")
    if status_of(error):
        return _of_status(error, wanted)
    if is_unreached(error):
        return _unreached(wanted, error)
    if isinstance(error, ValueError) and "README.md" in str(error):
        return DataError(
            f"{wanted}: the hub refuses README.md: {_plain(error)}",
            "correct its head, or write the folder anew: Pipeline.from_pretrained(FOLDER)"
            ".save_pretrained(OTHER)",
        )
    if isinstance(error, OSError) and error.errno is not None:
        return DataError(
            f"{wanted}: the hub's cache cannot be written: {_plain(error)}",
            advice(error, "set HF_HOME to a folder that you may write to"),
        )
    return DataError(
        f"{wanted}: the hub library failed: {type(error).__name__}: {_plain(error)}",
        "try again; if it comes back, update it: pip install --upgrade huggingface-hub",
    )


def _absent(wanted: HubModel, name: str) -> DataError:
    if name == CONFIG:
        return no_model(wanted, "it has no config.json")
    return DataError(f"{wanted} on the hub has no {name}, its config.json names it", OTHERS)


def status_of(error: BaseException) -> int:
    """The hub's answer, 0 where there was none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _of_status(error: BaseException, wanted: HubModel) -> LimbeckError:
    status, said = status_of(error), str(getattr(error, "server_message", None) or "")
    answer = f"the hub answers {status}{f' ({fsio.plain(said)})' if said else ''}"
    if status == 401:
        return UsageError(f"{wanted}: {answer}: who you are is not known there", LOGIN)
    if status == 403:
        return DataError(
            f"{wanted}: {answer}: your token may not do that",
            f"make one with the right to do it on {PAGES}/settings/tokens",
        )
    if status == 429 or status >= 500:
        return DataError(f"{wanted}: {answer}", "wait a while, then run the same command again")
    return DataError(f"{wanted}: {answer}", "check the name, and what the hub's page of it says")


def is_unreached(error: BaseException) -> bool:
    """Whether there was no answer at all."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & _UNREACHED)


def _unreached(wanted: HubModel, error: BaseException) -> DataError:
    if type(error).__name__ == "OfflineModeIsEnabled":
        return DataError(
            f"{wanted} is not in the hub's cache, and HF_HUB_OFFLINE forbids to fetch it",
            "unset HF_HUB_OFFLINE, or give a folder",
        )
    return DataError(
        f"{wanted}: the hub cannot be reached ({_plain(error)})",
        "check the network (or a proxy), then run the same command again",
    )


def _plain(error: BaseException) -> str:
    return fsio.plain(" ".join(str(error).split())) or type(error).__name__
