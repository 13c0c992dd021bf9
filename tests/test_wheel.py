"""The built wheel, alone: what it holds, and that it works away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("limbeck-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's content and nothing else; dependencies are this Python's."""
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
        "--disable-pip-version-check", "--target", target, wheel,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run_python(installed: Path, code: str) -> str:
    """Run code in a fresh process that finds limbeck in `installed` before the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_holds_all_that_runs_need(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert {"limbeck/__init__.py", "limbeck/py.typed", "limbeck/cli/__init__.py"} <= names
    weights = [n for n in names if n.startswith("limbeck/percept/") and n.endswith(".safetensors")]
    megabytes = sorted(round(sizes[name] / 1e6, 1) for name in weights)
    assert megabytes == [4.9, 7.0], "LPIPS on AlexNet, EfficientNet-Lite0's trunk"
    assert [name for name in names if name.startswith("limbeck/reporting/templates/")]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    tracked = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "limbeck").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert held == tracked


def test_the_installed_wheel_runs(installed: Path) -> None:
    where = run_python(installed, "import limbeck; print(limbeck.__file__)")
    assert Path(where).is_relative_to(installed)
    version = run_python(
        installed, "import sys; sys.argv[1:] = ['--version']; from limbeck.cli import main; main()"
    )
    import limbeck

    assert version == f"limbeck {limbeck.__version__}"


def test_importing_the_installed_wheel_loads_no_torch(installed: Path) -> None:
    loaded = run_python(installed, "import sys, limbeck; print('torch' in sys.modules)")
    assert loaded == "False"


def test_the_installed_wheel_scores_with_its_own_weights(installed: Path) -> None:
    code = (
        "import torch; from limbeck.percept import LPIPS; net = LPIPS.load('alex');"
        "x = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64);"
        "print(float(net.distance(x, -x)) > 0.1, float(net.distance(x, x)) == 0)"
    )
    assert run_python(installed, code) == "True True"


def test_the_entry_point_is_the_command_line(installed: Path) -> None:
    (entry_points,) = installed.glob("limbeck-*.dist-info/entry_points.txt")
    assert "limbeck = limbeck.__main__:main" in entry_points.read_text()
