"""Rules of the house that a reader of the source can check: floors, public names, safety."""

import ast
import importlib
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from types import FunctionType

import pytest
import typer.main

import limbeck
from limbeck.cli import app
from limbeck.config import setting_names

SRC = Path(limbeck.__file__).parent
ROOT = SRC.parents[1]

# Lowest first; a room imports only from rows above its own here. Sisters share a row.
FLOORS: list[set[str]] = [
    {"errors"},
    {"reading", "processes", "verdicts"},
    {"fsio", "logs"},
    {"config", "records"},
    {"presets"},
    {"ops", "kit", "sandbox"},
    {"data", "decoding", "nets", "percept", "unpickling"},
    {"latents"},
    {"metrics", "artefacts"},
    {"editing"},
    {"ingestion", "training", "curation", "modes", "evaluation", "reporting", "demo",
     "model"},
    {"convert", "foreign", "portable"},
    {"chain", "bench"},
    {"studio"},
    {"cli"},
    {"__main__"},
]  # fmt: skip
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
PUBLIC = [
    "Config", "LimbeckError", "Pipeline", "evaluate", "export_data", "find_modes", "ingest",
    "keep", "load_networks", "open_dataset", "preset", "read_network_file", "report", "run",
    "sample", "score", "take_down", "train",
]  # fmt: skip
VERBS = [
    "bench", "convert", "demo", "directions", "doctor", "edit", "evaluate", "export",
    "export-data", "ingest", "invert", "keep", "mix", "modes", "push", "report", "resume", "run",
    "sample", "score", "status", "studio", "take-down", "train", "walk", "weights",
]  # fmt: skip
# portable/templates/app.py is no part of any room: it is copied, and runs elsewhere.
FILES = sorted(file for file in SRC.rglob("*.py") if "templates" not in file.parts)
UNPICKLERS = ("percept/weights", "foreign/state_dict")
CONNECTS = {
    "percept/weights_web.py",  # behind `limbeck weights get`
    "ingestion/fetching/network.py",  # photos of a list of URLs
    "ingestion/fetching/wire.py",  # speaks HTTP over what the other connected
    "studio/serving.py",  # listens; on loopback, unless another host is asked for
    "model/hub.py",  # models of the hub, by its own library
}


def room_of(file: Path) -> str:
    return file.relative_to(SRC).parts[0].removesuffix(".py")


def shown(file: Path) -> str:
    return file.relative_to(SRC).as_posix()


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@cache
def imports(file: Path) -> list[tuple[int, str]]:
    """Line and dotted name of all that a file imports, function bodies included."""
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(file)}:{node.lineno}: relative import"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


@cache
def calls(file: Path) -> list[tuple[int, str, ast.Call]]:
    """Line, dotted callee and node of every call."""
    return [
        (node.lineno, ast.unparse(node.func), node)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
    ]


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(file) for file in FILES} - {"__init__"}
    assert rooms <= FLOOR.keys(), f"rooms without a floor: {sorted(rooms - FLOOR.keys())}"


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_imports_go_strictly_downward(file: Path) -> None:
    room = room_of(file)
    if room == "__init__":  # the lazy front door names every room
        return
    for line, name in imports(file):
        parts = name.split(".")
        if parts[0] != "limbeck" or parts[1].startswith("__version"):
            continue
        other = parts[1]
        assert other in FLOOR, f"{shown(file)}:{line} imports {name}, which has no floor"
        assert other == room or FLOOR[other] < FLOOR[room], (
            f"{shown(file)}:{line}: {room} (floor {FLOOR[room]}) imports {name} "
            f"(floor {FLOOR[other]}); only lower floors may be imported"
        )


def test_labels_are_read_where_things_are_measured_and_nowhere_else() -> None:
    asked = "ingestion/photo_classes.py"  # classes, where `class_from` names a file
    readers = {
        room_of(file)
        for file in FILES
        for _, name in imports(file)
        if "limbeck.artefacts.labels" in name and not shown(file).endswith(asked)
    }
    assert readers <= {"evaluation", "reporting", "cli"}, f"labels reach {sorted(readers)}"


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_other_rooms_are_entered_by_the_front_door(file: Path) -> None:
    room = room_of(file)
    for line, name in imports(file):
        parts = name.split(".")
        if parts[0] != "limbeck" or len(parts) < 4 or parts[1] in (room, "kit", "artefacts"):
            continue
        is_module = (SRC / parts[1] / f"{parts[2]}.py").exists()
        assert not is_module, f"{shown(file)}:{line}: import from limbeck.{parts[1]}, not {name}"


def test_public_names() -> None:
    assert sorted(limbeck.__all__) == PUBLIC
    for name in PUBLIC:
        assert callable(getattr(limbeck, name)), name
        assert getattr(limbeck, name).__doc__, f"{name} has no docstring"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = limbeck.nonsense


def test_verbs() -> None:
    assert sorted(typer.main.get_command(app).commands) == VERBS  # type: ignore[attr-defined]


def public_of(room: str) -> set[str]:
    """What a room offers: `__all__` of a package, else the public definitions of its files."""
    folder = SRC / room
    if folder.is_dir():
        module = importlib.import_module(f"limbeck.{room}")
        if hasattr(module, "__all__"):
            return set(module.__all__)
    files = folder.rglob("*.py") if folder.is_dir() else [SRC / f"{room}.py"]
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = {n.name for file in files for n in tree(file).body if isinstance(n, kinds)}
    return {name for name in names if not name.startswith("_")}


def test_rooms_share_no_public_function() -> None:
    owners = defaultdict(list)
    middle = set().union(*FLOORS[5:11])
    for room in sorted({room_of(file) for file in FILES} & middle):
        module = importlib.import_module(f"limbeck.{room}")
        for name in public_of(room):
            if isinstance(getattr(module, name, None), FunctionType | type):
                owners[name].append(room)
    shared = {name: rooms for name, rooms in owners.items() if len(rooms) > 1}
    assert not shared


def test_packages_list_real_names() -> None:
    for folder in sorted(path.parent for path in SRC.glob("*/__init__.py")):
        module = importlib.import_module(f"limbeck.{folder.name}")
        missing = [n for n in getattr(module, "__all__", []) if not hasattr(module, n)]
        assert not missing, f"limbeck.{folder.name} lists {missing} but has no such names"


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_nothing_unpickles(file: Path) -> None:
    if shown(file).startswith(UNPICKLERS):
        return
    bad = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for line, name in imports(file):
        assert name.split(".")[0] not in bad, f"{shown(file)}:{line} imports {name}"
    for line, name, node in calls(file):
        assert name not in ("torch.load", "torch.save"), f"{shown(file)}:{line} calls {name}"
        pickled = [k for k in node.keywords if k.arg == "allow_pickle"]
        assert all(isinstance(k.value, ast.Constant) and k.value.value is False for k in pickled), (
            f"{shown(file)}:{line} allows pickle"
        )


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_loads_are_strict_and_randomness_is_explicit(file: Path) -> None:
    for line, name, node in calls(file):
        where = f"{shown(file)}:{line}"
        for word in node.keywords:
            loose = word.arg == "strict" and ast.unparse(word.value) == "False"
            assert not loose or name == "zip", f"{where}: {name}(strict=False)"
        banned = ("torch.manual_seed", "np.random.seed", "random.seed", "torch.seed")
        assert name not in banned, f"{where}: {name} touches global randomness"


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_one_file_removes_things(file: Path) -> None:
    """`fsio.erase` (files that a stage lists) and `fsio.drop` (temporaries) are all there is."""
    removers = ("unlink", "rmtree", "rmdir", "removedirs", "send2trash")
    found = []
    for line, name, _ in calls(file):
        last = name.split(".")[-1]
        if last in removers or name in ("os.remove", "shutil.move"):
            found.append((line, name))
    if shown(file) == "fsio.py":
        owners = {
            node.name
            for node in tree(file).body
            if isinstance(node, ast.FunctionDef)
            and any(node.lineno <= line <= (node.end_lineno or 0) for line, _ in found)
        }
        assert owners == {"erase", "_remove_empty", "drop"}
    else:
        assert not found, f"{shown(file)}: removes at {found}; use fsio.erase or artefacts"


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_only_the_command_line_prints(file: Path) -> None:
    if room_of(file) == "cli":
        return
    for line, name, _ in calls(file):
        assert name not in ("print", "sys.stdout.write"), f"{shown(file)}:{line} prints"
    heads = {name.split(".")[0] for _, name in imports(file)}
    assert not heads & {"argparse", "typer", "click"}, f"{shown(file)} parses arguments"


def test_weights_are_fetched_without_running_anything() -> None:
    for file in sorted((SRC / "percept").glob("weights*.py")):
        for line, name in imports(file):
            heads = ("subprocess", "multiprocessing", "runpy", "pip", "build", "setuptools")
            assert name.split(".")[0] not in heads, f"{shown(file)}:{line} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_few_files_open_connections(file: Path) -> None:
    if shown(file) in CONNECTS:
        return
    bad = ("requests", "socket", "urllib.request", "http.", "httpx", "httpcore", "urllib3",
           "aiohttp", "ftplib", "huggingface_hub")  # fmt: skip
    for line, name in imports(file):
        assert not f"{name}.".startswith(bad), f"{shown(file)}:{line} imports {name}"


def test_constraints_pin_every_version_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(pin.count("==") == 1 and "/" not in pin and "@" not in pin for pin in pins)
    names = {pin.split("==")[0].lower() for pin in pins}
    assert {"torch", "numpy", "pytest", "ruff", "mypy", "typer"} <= names


def is_constant(node: ast.stmt, name: str) -> bool:
    """Whether a module's line gives `name` a value."""
    targets = node.targets if isinstance(node, ast.Assign) else ()
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


@pytest.mark.parametrize("page", ["method.md", "architecture.md"])
def test_pages_name_functions_that_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)(?::([\w.]+))?`", text)
    assert len(named) > 20
    for file, name in named:
        here = ROOT if file.startswith(("studies/", "scripts/", "tests/")) else SRC
        body = tree(here / file).body
        for part in name.split(".") if name else []:
            found = [n for n in body if getattr(n, "name", None) == part or is_constant(n, part)]
            assert found, f"docs/{page}: {file} has no {name}"
            body = getattr(found[0], "body", [])


def documented(function: ast.FunctionDef, text: str | None) -> set[str]:
    """Parameters that a docstring's Args list."""
    found = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text or "", re.M)
    lines = re.findall(r"^    (\w[\w, ]*):", found[1], re.M) if found else []
    return {name.strip() for line in lines for name in line.split(",")}


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_docstrings_list_parameters_that_exist(file: Path) -> None:
    for node in ast.walk(tree(file)):
        functions = [node] if isinstance(node, ast.FunctionDef) else []
        if isinstance(node, ast.ClassDef):
            made = (n for n in node.body if isinstance(n, ast.FunctionDef))
            functions = [n for n in made if n.name == "__init__"]
        for function in functions:
            a = function.args
            known = {arg.arg for arg in (*a.args, *a.kwonlyargs, a.vararg, a.kwarg) if arg}
            wrong = documented(function, ast.get_docstring(node)) - known  # type: ignore[arg-type]
            assert not wrong, f"{shown(file)}:{function.lineno} documents {sorted(wrong)}"


def test_settings_named_in_code_and_docs_exist() -> None:
    """`Config.replace` takes dotted names, which a type checker does not see."""
    known = set(setting_names())
    sections = "|".join(sorted({name.split(".")[0] for name in known if "." in name}))
    quoted = re.compile(rf"""["']((?:{sections})\.[a-z_0-9]+)["']""")
    marked = re.compile(rf"`((?:{sections})\.[a-z_0-9]+)`")
    given = re.compile(rf"--set ((?:{sections})\.[a-z_0-9]+)=")
    code = [f for folder in ("src", "studies") for f in (ROOT / folder).rglob("*.py")]
    pages = [f for f in (ROOT / "docs").glob("*.md") if f.name != "log.md"]  # it tells of old ones
    seen = 0
    for file in (*code, *pages, ROOT / "README.md"):
        text = file.read_text(encoding="utf-8")
        names = (quoted if file.suffix == ".py" else marked).findall(text)
        for name in (*names, *given.findall(text)):
            if name.rsplit(".")[-1] in ("csv", "json", "jsonl", "mdb", "parquet", "safetensors"):
                continue
            assert name in known, f"{file.relative_to(ROOT)}: there is no setting {name}"
            seen += 1
    assert seen > 60


def test_nothing_refers_to_papers_of_ours_that_are_not_here() -> None:
    words = re.compile(r"\b(METHOD|DESIGN|ENGINE|RELIABILITY|USERS|MOVES)\b|\.\./" + "shared")
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    files = [
        file for folder in ("src", "studies", "tests") for file in (ROOT / folder).rglob("*.py")
    ]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in (*pages, *files)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line) and file != Path(__file__)
    ]
    assert not found, "\n".join(found)
