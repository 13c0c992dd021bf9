"""The command `limbeck`: one verb a stage, and one that walks them all.

The only room that parses arguments or prints. Heavy rooms are imported inside the verbs, so
`limbeck --help` stays light.
"""

import sys
from typing import Annotated

import typer

from limbeck import __version__, logs
from limbeck.cli import (
    convert,
    demo,
    directions,
    edit,
    export,
    export_data,
    invert,
    machine,
    mix,
    modes,
    push,
    run,
    sample,
    score,
    stage_verbs,
    studio,
    takedown,
    train,
    walk,
)
from limbeck.cli.bench import bench
from limbeck.cli.failures import INTERRUPTED

_TYPER_INTERRUPTED = 130

app = typer.Typer(
    name="limbeck",
    help="Good image generators out of raw Internet photos: filter, train, find modes, sample.",
    epilog="Start with: limbeck demo --out demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"limbeck {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Good image generators out of raw Internet photos: filter, train, find modes, sample."""


_EXAMPLE = "Example: limbeck "
app.command(epilog=_EXAMPLE + "demo --out demo --seed 0 --json")(demo.demo)
app.command(epilog=_EXAMPLE + "run photos/ --out runs/dogs --preset tiny --time-budget 60m")(
    run.run
)
app.command(epilog=_EXAMPLE + "resume runs/dogs")(run.resume)
app.command(epilog=_EXAMPLE + "status runs/dogs")(run.status)
app.command(epilog=_EXAMPLE + "ingest photos.zip --out data/dogs --size 64")(stage_verbs.ingest)
app.command(epilog=_EXAMPLE + "train data/dogs --out nets/raw --preset small --kimg 500")(
    train.train
)
app.command(epilog=_EXAMPLE + "score data/dogs nets/raw --out scores/dogs")(score.score)
app.command(epilog=_EXAMPLE + "keep scores/dogs --out keep/dogs --fraction 0.8")(stage_verbs.keep)
app.command(epilog=_EXAMPLE + "modes nets/kept --out modes/dogs --clusters 64")(modes.modes)
app.command(epilog=_EXAMPLE + "sample runs/dogs/model --seeds 0-7,42 --psi 0.7 --out samples")(
    sample.sample
)
app.command(epilog=_EXAMPLE + "invert dog.jpg --model runs/dogs/model --out inverted")(
    invert.invert
)
app.command(epilog=_EXAMPLE + "directions runs/dogs/model --method pca --out directions")(
    directions.directions
)
app.command(
    epilog=_EXAMPLE + "edit runs/dogs 0-3 dog.jpg --directions ways --move 0:2 --out edited"
)(edit.edit)
app.command(epilog=_EXAMPLE + "mix runs/dogs --rows 0-3 --columns 4-8 --layers fine --out mix.png")(
    mix.mix
)
app.command(epilog=_EXAMPLE + "walk runs/dogs 3 mode:5 7 --through modes --loop --out walk.webp")(
    walk.walk
)
app.command(epilog=_EXAMPLE + "studio runs/dogs --open")(studio.studio)
app.command(epilog=_EXAMPLE + "export runs/dogs --out model --half --fact photos=9452")(
    export.export
)
app.command(epilog=_EXAMPLE + "push model anna/dogs-64 --private")(push.push)
app.command(epilog=_EXAMPLE + "convert network-snapshot-025000.pkl --inspect")(convert.convert)
app.command(epilog=_EXAMPLE + "export-data runs/dogs --to webdataset --out dogs-wds")(
    export_data.export_data
)
app.command(epilog=_EXAMPLE + "evaluate runs/dogs --labels truth.jsonl --json")(run.evaluate)
app.command(epilog=_EXAMPLE + "report runs/dogs")(run.report)
app.command(epilog=_EXAMPLE + "take-down runs/dogs --list takedown.txt")(takedown.take_down)
app.add_typer(bench, name="bench")
app.command(epilog=_EXAMPLE + "doctor")(machine.doctor)
app.command(epilog=_EXAMPLE + "weights get lpips-vgg16")(machine.weights)


def main() -> None:
    """Entry point of the command line; Ctrl-C outside a verb's work ends with exit code 4 too."""
    try:
        app()
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as end:
        if end.code == _TYPER_INTERRUPTED:
            _stopped()
        raise


def _stopped() -> None:
    logs.say("limbeck: stopped")
    sys.exit(INTERRUPTED)
