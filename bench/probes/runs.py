"""The run that is attacked: sixty drawn photos with scores, and an untrained model."""

import time
from pathlib import Path

from bench.studio import make_run
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import read_scores
from limbeck.artefacts.stage import Provenance
from limbeck.presets import preset
from tests.model.model_small import small_pipeline


def attacked(root: Path) -> Path:
    """The run, made at `root`; its rule can be applied."""
    make_run(root, 60)
    run, config = RunDir(root), preset("smoke")
    asked = {"config": config.model_dump(mode="json"), "time_budget": None}
    run.write(config, requested=asked, photos=str(root / "photos"))
    summary = read_scores(run.scores).summary.model_dump(mode="json")
    Provenance.of({}, {}).finish(run.scores, "scores", started=time.perf_counter(), summary=summary)
    small_pipeline().save_pretrained(run.model)
    return root
