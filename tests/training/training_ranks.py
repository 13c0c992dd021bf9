"""Several processes as torchrun starts them, for tests: each runs one `train` on the CPU."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import limbeck
from limbeck.config import Config

_PROGRAM = """
import os, sys
from pathlib import Path
from limbeck.config import Config
from limbeck.data import open_dataset
from limbeck.errors import LimbeckError
from limbeck.training import train
config = Config.model_validate_json(Path(sys.argv[2]).read_text())
try:
    train(open_dataset(sys.argv[1]), config, Path(sys.argv[3]))
except LimbeckError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(error.exit_code)
os._exit(0)  # as the command line does among several processes
"""


def start(data: Path, config: Config, out: Path, ranks: int) -> list[subprocess.Popen[str]]:
    """The processes, running; `out` is shared by all of them."""
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = out.parent / f"{out.name}.json"
    settings.write_text(config.model_dump_json())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {
        "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(limbeck.__file__).parents[1]),
    }  # fmt: skip
    return [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(data), str(settings), str(out)],
            env=env | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(ranks)
    ]  # fmt: skip


def finish(processes: list[subprocess.Popen[str]], timeout: float) -> list[tuple[int, str]]:
    """(exit code, standard error) of each; those that do not end in time are killed and fail."""
    ended = []
    try:
        for process in processes:
            _, told = process.communicate(timeout=timeout)
            ended.append((process.returncode, told))
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    return ended
