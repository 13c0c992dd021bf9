"""What `run` and `resume` settle first: which run, which options, may things be made again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from limbeck import chain, logs
from limbeck.artefacts.folders import SUPERSEDED
from limbeck.artefacts.run import RUN, RunDir
from limbeck.chain import Request
from limbeck.cli.consent import agreed, somebody_there
from limbeck.cli.options import begun_size, build_config, change_config
from limbeck.cli.outcome import Outcome
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import Fetching
from limbeck.kit.device import pick_device
from limbeck.logs import duration
from limbeck.presets import suggested
from limbeck.processes import rank


def begun_run(photos: Path, out: Path | None) -> tuple[Path, Request | None]:
    """The run's folder, and what it was begun with; None for a new run.

    `limbeck run RUN` names the run where the photos would stand.

    Raises:
        UsageError: no folder is named.
    """
    if out is None and (photos / RUN).exists():
        return photos, chain.stored_request(RunDir(photos))
    if out is None:
        raise UsageError(
            f"--out is missing: where shall the run of {photos} be written?",
            f"add e.g. {logs.command('--out', Path('runs') / (photos.stem or 'first'))}",
        )
    if not (out / RUN).exists():
        return out, None
    try:
        return out, replace(chain.stored_request(RunDir(out)), photos=photos)
    except DataError:
        return out, None  # all is asked anew; `run` says what that changes


def asked(
    photos: Path,
    begun: Request | None,
    *,
    preset: str | None,
    size: int | None,
    budget: float | None,
    opt_out: Path | None,
    fetched: Path | None,
    ports: Sequence[int],
    pairs: list[str] | None,
    changes: Mapping[str, object],
) -> Request:
    """The request that the options make: of a new run, or as begun but for what is given.

    With `--preset` or `--size` everything is asked anew; a length in kimg ends a time budget.

    Raises:
        UsageError: an unknown preset or setting, or a value out of range.
    """
    if begun is None or preset is not None or size is not None:
        name = preset or (begun.config.preset if begun is not None else _suggested(changes, budget))
        source = changes.get("train.init_from")
        size = begun_size(size, None if source is None else str(source))
        config = build_config(name, size=size, pairs=pairs, changes=changes)
        where = photos if begun is None else begun.photos
        fetching = Fetching(fetched, tuple(ports))
        return Request(where, config, budget, opt_out, fetching=fetching)
    given = {name: value for name, value in changes.items() if value is not None}
    timed = budget if budget is not None else begun.time_budget
    if {"train.kimg", "kept_kimg"} & given.keys():
        timed = None
    before = begun.fetching
    return Request(
        begun.photos, change_config(begun.config, given, pairs), timed, opt_out or begun.opt_out,
        fetching=Fetching(fetched or before.folder, tuple(ports) or before.ports),
    )  # fmt: skip


def _suggested(changes: Mapping[str, object], budget: float | None) -> str:
    """The preset for this machine and time, said once."""
    device = pick_device(str(changes.get("device") or "auto")).type
    name, why = suggested(device, budget)
    if rank() == 0:
        logs.say(f"preset {name}: {why} (--preset takes another)")
    return name


def carry_out(request: Request, out: Path, *, yes: bool, dry: bool) -> Outcome:
    """Show what a change makes stale, ask, and run; or only say what would be done.

    Raises:
        UsageError: finished work would be made again, and nobody is there to be asked.
    """
    if dry:
        return _planned(request, out)
    if not yes and rank() == 0:
        yes = _allowed(request, out)
    done = chain.run(
        request.photos, out, request.config,
        time_budget=request.time_budget, opt_out=request.opt_out, yes=yes,
        strict=request.strict, verify=request.verify, max_reject=request.max_reject,
        fetching=request.fetching,
    )  # fmt: skip
    return walked(done.root)


def _allowed(request: Request, out: Path) -> bool:
    """Ask on a terminal; elsewhere leave it to `run`, which refuses what matters."""
    found = chain.consequences(request, out)
    if not found.matters() or not somebody_there():
        return False
    logs.say(f"{out} was made with other options or photos:")
    for line in found.lines():
        logs.say("  ", line)
    logs.say(f"what took more than a minute is kept in {out / SUPERSEDED} and can come back")
    if not agreed("Go on?"):
        again = logs.command("limbeck", "resume", out)
        raise UsageError("nothing was done", f"to go on as before: {again}")
    return True


def _planned(request: Request, out: Path) -> Outcome:
    rows = chain.plan(
        request.photos, out, request.config,
        time_budget=request.time_budget, opt_out=request.opt_out, verify=request.verify,
        fetching=request.fetching,
    )  # fmt: skip
    found = chain.consequences(request, out)
    return Outcome(
        {
            "dry_run": True,
            "out": out,
            "plan": [list(row) for row in rows],
            "changes": [str(change) for group in found.groups for change in group.changes],
            "stale": found.stages,
            "seconds": round(found.seconds, 3),
            "time_budget": request.time_budget,
            "config": request.config.model_dump(mode="json"),
        },
        [
            f"would write {out}:",
            *(f"  {name:8} {state}" for name, state in rows),
            *found.lines(),
        ],
    )


def walked(root: Path) -> Outcome:
    """What a finished run made, in figures."""
    stages = chain.status(root)
    seconds = {stage.name: stage.seconds for stage in stages}
    kept = next(stage.summary for stage in stages if stage.name == "keep")
    page = root / "report" / "index.html"
    return Outcome(
        {
            "run": root,
            "report": page,
            "model": root / "model",
            "listed": kept.get("listed"),
            "kept": kept.get("kept"),
            "dropped": kept.get("dropped"),
            "stages": {stage.name: stage.state for stage in stages},
            "seconds": seconds,
        },
        [
            logs.line(
                "kept ",
                logs.bold(kept.get("kept")),
                f" of {kept.get('listed')} photos; ",
                f"{duration(sum(value or 0 for value in seconds.values()))} of work in all",
            ),
            f"report: {page}",
            f"model:  {root / 'model'}",
        ],
        then=logs.command(
            "limbeck", "sample", root / "model", "--seeds", "0-63", "--out", "samples"
        ),
    )
