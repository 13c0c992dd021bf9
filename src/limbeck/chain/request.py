"""What is asked of a run, what it was asked before, and what a change would cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from limbeck import logs
from limbeck.artefacts.run import RunDir
from limbeck.config import Config, parse_config
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import Fetching

_ALONE = 0.1  # of what a budget buys, at most for D alone


@dataclass(frozen=True)
class Request:
    """What to do with which photos.

    Attributes:
        photos: folder or archive.
        config: as asked; a time budget settles its kimg later.
        time_budget: seconds for the whole command, or None.
        opt_out: file of photos to leave out, or None.
        strict: a line of it that names no photo is an error (asked each time, not stored).
        fetching: of a list of URLs: where photos are kept, and ports.
        verify: read every photo to see whether it changed (asked each time, not stored).
        max_reject: share of the files that may be of no use (asked each time, not stored).
    """

    photos: Path
    config: Config
    time_budget: float | None = None
    opt_out: Path | None = None
    strict: bool = False
    verify: bool = False
    max_reject: float = 1.0
    fetching: Fetching = field(default_factory=Fetching)

    def asked(self) -> dict[str, Any]:
        """The options, as run.json keeps them."""
        return {"config": self.config.model_dump(mode="json"), "time_budget": self.time_budget}

    def places(self) -> dict[str, Any]:
        """Where the files lie, as run.json keeps it; absolute, so that any folder will do."""
        folder = self.fetching.folder
        return {
            "photos": str(self.photos.absolute()),
            "opt_out": str(self.opt_out.absolute()) if self.opt_out else None,
            "fetched": str(folder.absolute()) if folder else None,
            "fetch_ports": list(self.fetching.ports) or None,
        }


def stored_request(run_dir: RunDir) -> Request:
    """What the run was last asked to do.

    Raises:
        DataError: no run, or one whose run.json does not say.
    """
    stored = run_dir.read()
    try:
        asked, opt_out = stored["requested"], stored.get("opt_out")
        fetched, ports = stored.get("fetched"), stored.get("fetch_ports")
        return Request(
            Path(stored["photos"]), parse_config(asked["config"]), asked["time_budget"],
            Path(opt_out) if opt_out else None,
            fetching=Fetching(Path(fetched) if fetched else None, tuple(ports or ())),
        )  # fmt: skip
    except (KeyError, TypeError, UsageError) as error:
        raise DataError(
            f"{run_dir.file} does not say how the run was begun: {error}",
            "give the photos, --out and all options once more",
        ) from None


def settled(run_dir: RunDir, request: Request) -> Config | None:
    """The whole configuration, where it needs no measuring: no budget, or one settled before.

    Changed options do not settle the budget anew: the kimg that it bought stay.
    """
    if request.time_budget is None:
        return request.config
    if not run_dir.file.exists():
        return None
    stored = run_dir.read()
    before = stored.get("requested") or {}
    if before.get("time_budget") != request.time_budget or not stored.get("resolved"):
        return None
    kept = flat(stored["config"])
    return budgeted(request.config, kept["train.kimg"], kept["kept_kimg"])


def budgeted(config: Config, kimg: float, kept_kimg: float) -> Config:
    """The configuration with what a time budget buys; D's lead is at most a tenth of it."""
    changes = {"train.kimg": kimg, "kept_kimg": kept_kimg}
    if config.train.init_from is not None:
        changes["train.d_warmup_kimg"] = min(config.train.d_warmup_kimg, round(_ALONE * kimg, 3))
    return config.replace(**changes)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings -> dotted name -> value."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


@dataclass(frozen=True)
class Change:
    """An option that is asked for otherwise than before."""

    name: str
    before: object
    now: object

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.now)}"


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


def changes(before: Request, now: Request) -> list[Change]:
    """The options in which two requests differ; where the photos lie is none."""
    old, new = flat(before.asked()["config"]), flat(now.asked()["config"])
    found = [
        Change(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) and name not in ("device", "preset")
    ]
    if before.time_budget != now.time_budget:
        found.append(Change("time budget", _time(before.time_budget), _time(now.time_budget)))
    return found


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else logs.duration(seconds)


@dataclass(frozen=True)
class Group:
    """Changed options that belong together, and the stages that they make stale.

    Attributes:
        changes: the options.
        stages: finished stages (and unfinished trainings) that would be made again, in order.
        seconds: what making those took.
    """

    changes: list[Change]
    stages: list[str] = field(default_factory=list)
    seconds: float = 0.0


def group_requests(before: Request, now: Request) -> list[tuple[list[Change], Request]]:
    """One request per section of changed options: as before but for these."""
    groups: dict[str, list[Change]] = {}
    for change in changes(before, now):
        groups.setdefault(change.name.split(".")[0], []).append(change)
    found = []
    for name, members in groups.items():
        try:
            if name == "time budget":
                alone = replace(before, time_budget=now.time_budget)
            else:
                wanted = {change.name: change.now for change in members}
                alone = replace(before, config=before.config.replace(**wanted))
        except LimbeckError:
            alone = now  # only valid together with another section
        found.append((members, alone))
    return found
