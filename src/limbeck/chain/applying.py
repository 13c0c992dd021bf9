"""A keep rule, and a person's overrides, applied to a run: its list of photos is made anew.

That alone: what depends on the list (the second training and what follows) is made by `run` or
`limbeck resume`, which take the rule from run.json.
"""

from dataclasses import replace
from pathlib import Path

from limbeck import logs
from limbeck.artefacts.keep import KeepList, read_keep
from limbeck.artefacts.lock import hold
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.takedowns import require_no_unfinished_takedown
from limbeck.chain.request import Request, settled, stored_request
from limbeck.chain.running import ABOUT, Consequences, consequences, write_request
from limbeck.chain.stages import Chain
from limbeck.config import KeepConfig
from limbeck.errors import DataError
from limbeck.kit.device import machine, pick_device


def effects_of_rule(out: Path, rule: KeepConfig) -> Consequences:
    """What a rule, with overrides.csv as it is, makes stale in a finished or stopped run.

    Raises:
        DataError: no run, or its photos are not where they were.
    """
    return consequences(_asked(RunDir(out), rule), out)


def apply_rule(out: Path, rule: KeepConfig) -> KeepList:
    """Make the keep list of a run anew, and write the rule into run.json.

    The run.json before stays beside it; a list that took long is kept in `superseded`.

    Args:
        out: the run; its photos must be scored.
        rule: its new `keep` settings.

    Raises:
        DataError: no run, no scores yet, or another process writes there.
        UsageError: the rule cannot be applied to these scores; see `curation.keep`.
    """
    run_dir = RunDir(out)
    request = _asked(run_dir, rule)
    require_no_unfinished_takedown(out)
    with hold(out):
        config = settled(run_dir, request)
        if config is None or run_dir.done("scores") is None:
            raise DataError(f"{out} has no scores yet", f"let `limbeck resume {out}` make them")
        facts = machine(pick_device(config.device))
        extra = {"requested": request.asked(), **request.places(), "machine": facts}
        with logs.stages(ABOUT) as progress:
            chain = Chain(run_dir, config, progress)
            chain.keep(run_dir.scores)
        write_request(run_dir, request, config, extra)
    return read_keep(run_dir.keep)


def _asked(run_dir: RunDir, rule: KeepConfig) -> Request:
    request = stored_request(run_dir)
    changes = {f"keep.{name}": value for name, value in rule.model_dump().items()}
    return replace(request, config=request.config.replace(**changes))
