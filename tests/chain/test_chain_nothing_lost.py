"""Whatever is run, killed and changed: every byte of a person's is still there."""

import hashlib
import os
import random
import shutil
import signal
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import pytest
from chain_fake_stages import config, draw_photos, install_fakes, run_here, run_in_child
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck import chain
from limbeck.artefacts.run import STAGES

FOREIGN = (  # where people put things
    "data/tax.xlsx", "data/images-00007.npy", "data/index.json.bak", "raw/notes.txt",
    "raw/nets-000000001/notes.txt", "raw/nets-000000001/mine.safetensors",
    "raw/nets-000000003/readme.md", "raw/state-000000002/a/b.txt",
    "scores/mine.csv", "keep/overrides.csv", "keep/selection.ods", "kept/photo.jpg",
    "modes/mode-77.png", "samples/favourites/seed000001.png", "samples/best.png",
    "model/my_weights.pt", "model/.git/HEAD", "report/thesis.docx", "metrics/metrics.jsonl",
    "superseded/mine.txt", "notes.md", ".tmp-mine", "run.json.bak",
)  # fmt: skip
EDITED = (  # limbeck's own files, which a person may change all the same
    "keep/keep.csv", "report/index.html", "samples/grid.png", "modes/mode-00.png",
    "model/config.json", "data/images.parquet",
)  # fmt: skip
OPTIONS = (
    {}, {"seed": 1}, {"train.lr": 0.001}, {"keep.rule": "fraction", "keep.fraction": 0.9},
    {"sample.psi": 0.5}, {"modes.samples": 64}, {"data.size": 32, "net.size": 32},
)  # fmt: skip

option = st.sampled_from(OPTIONS)
go_on = st.sampled_from([True, True, True, False])
acts = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(FOREIGN), st.just(True), st.integers(0, 9)),
    st.tuples(st.just("edit"), st.sampled_from(EDITED), st.just(True), st.integers(0, 9)),
    st.tuples(st.just("photo"), st.just(None), st.just(True), st.integers(1, 9)),
)
walks = st.one_of(
    st.tuples(st.just("run"), option, go_on, st.just(0)),
    st.tuples(st.just("kill"), option, go_on, st.integers(1, 60)),
)
rounds = st.tuples(st.lists(acts, max_size=3), walks).map(lambda found: [*found[0], found[1]])
sequences = st.tuples(walks, st.lists(rounds, min_size=1, max_size=3)).map(
    lambda found: [found[0], *(step for round_ in found[1] for step in round_)]
)
LAYOUTS = (
    "apart", "zip", "photos in OUT/raw", "photos in OUT/data", "OUT in photos", "OUT is photos",
    "OUT links to photos", "OUT/samples links to photos", "OUT/raw links elsewhere",
    "OUT holds files", "zip in OUT", "OUT/model holds files", "OUT is a file",
)  # fmt: skip


class World:
    """A folder with photos, an output and a person's files, and what must never be lost."""

    def __init__(self, root: Path, layout: str) -> None:
        self.root, self.layout = root, layout
        self.photos, self.out = root / "photos", root / "out"
        self.fixed: dict[Path, str] = {}  # must keep content and place
        self.known: set[str] = set()  # contents that must be somewhere
        getattr(self, "_" + "".join(c if c.isalnum() else "_" for c in layout))()
        draw_photos(self.photos, 4, seed=0)
        if layout in ("zip", "zip in OUT"):
            target = root / "out" / "p.zip" if layout == "zip in OUT" else root / "p.zip"
            target.parent.mkdir(exist_ok=True)
            with zipfile.ZipFile(target, "w") as archive:
                for file in sorted(self.photos.iterdir()):
                    archive.write(file, file.name)
            self.photos = target
        self.remember(fixed=True)

    def _apart(self) -> None: ...

    _zip = _zip_in_OUT = _apart

    def _photos_in_OUT_raw(self) -> None:
        self.photos = self.out / "raw"

    def _photos_in_OUT_data(self) -> None:
        self.photos = self.out / "data" / "deep"

    def _OUT_in_photos(self) -> None:
        self.out = self.photos / "out"

    def _OUT_is_photos(self) -> None:
        self.out = self.photos

    def _OUT_links_to_photos(self) -> None:
        self.photos.mkdir()
        self.out.symlink_to(self.photos)

    def _OUT_samples_links_to_photos(self) -> None:
        self.photos.mkdir()
        self.out.mkdir()
        (self.out / "samples").symlink_to(self.photos)

    def _OUT_raw_links_elsewhere(self) -> None:
        (self.root / "big").mkdir()
        (self.root / "big" / "film.mkv").write_text("film")
        self.out.mkdir()
        (self.out / "raw").symlink_to(self.root / "big")

    def _OUT_holds_files(self) -> None:
        self.out.mkdir()
        (self.out / "tax.xlsx").write_text("tax")

    def _OUT_model_holds_files(self) -> None:
        (self.out / "model").mkdir(parents=True)
        (self.out / "model" / "my_weights.pt").write_text("weights")

    def _OUT_is_a_file(self) -> None:
        self.out.write_text("a file")

    def files(self) -> dict[Path, str]:
        """Every file's content; links are not followed, so that each counts where it lies."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                if not path.is_symlink():
                    found[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def remember(self, fixed: bool = False) -> None:
        """What stands now must stay: in its place (`fixed`) or somewhere."""
        now = self.files()
        self.known |= set(now.values())
        if fixed:
            self.fixed |= now

    def put(self, name: str, number: int) -> None:
        """A person writes a file into OUT."""
        target = self.out / name
        if not self.out.is_dir() or self.out.resolve() == self.photos.resolve():
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            content = f"id,keep,reason\n# {number}\n" if name.endswith("overrides.csv") else name
            if target.exists() and self._of_a_person(target):
                return
            target.write_text(f"{content} {number}")
        except OSError:
            return
        self.known.add(hashlib.sha256(target.read_bytes()).hexdigest())

    def _of_a_person(self, target: Path) -> bool:
        return hashlib.sha256(target.read_bytes()).hexdigest() in self.known

    def edit(self, name: str, number: int) -> None:
        """A person changes a file that limbeck made."""
        if (self.out / name).is_file() and not self._of_a_person(self.out / name):
            (self.out / name).write_text(f"edited {number}")
            self.known.add(hashlib.sha256((self.out / name).read_bytes()).hexdigest())

    def more_photos(self, number: int) -> None:
        """A photo is added."""
        if self.photos.is_dir():
            before = set(self.files())
            draw_photos(self.photos, 1, seed=100 + number)
            now = self.files()
            self.fixed |= {path: now[path] for path in set(now) - before}
            self.known |= {now[path] for path in set(now) - before}

    def trainings(self) -> set[str]:
        """Contents of the last networks of finished trainings, wherever they lie."""
        done = [path.parent for path in self.root.rglob("done.json")]
        last = [folder / "nets-000000003" / "G.safetensors" for folder in done]
        return {hashlib.sha256(p.read_bytes()).hexdigest() for p in last if p.exists()}

    def check(self, when: str) -> None:
        """Nothing is lost."""
        now = self.files()
        for path, content in self.fixed.items():
            assert now.get(path) == content, f"{when}: {path} is gone or changed ({self.layout})"
        lost = self.known - set(now.values())
        assert not lost, f"{when}: {len(lost)} contents are gone ({self.layout})"


def _sequence(layout: str, took: float, steps: list[tuple[str, object, bool, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIMBECK_QUIET", "1")
        install_fakes(patch, took)
        world = World(Path(folder), layout)
        for number, (what, value, yes, count) in enumerate(steps):
            when = f"step {number} ({what} {value})"
            if what in ("run", "kill"):
                changes = value if isinstance(value, dict) else {}
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
                    code = run_in_child(world.photos, world.out, config(**changes), yes, count)
                assert code in (0, 2, 3, 9), f"{when}: exit code {code} ({layout})"
                world.known |= world.trainings()
            elif what == "put":
                world.put(str(value), count)
            elif what == "edit":
                world.edit(str(value), count)
            else:
                world.more_photos(count)
            world.check(when)


_args = (
    st.sampled_from(["apart"] * 20 + list(LAYOUTS)),
    st.sampled_from([0.0, 100.0]),
    sequences,
)
_quick = settings(
    max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.timeout(1800)
@_quick
@given(*_args)
def test_nothing_is_ever_lost(layout: str, took: float, steps: list) -> None:  # type: ignore[type-arg]
    _sequence(layout, took, steps)


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
@settings(_quick, max_examples=2000, derandomize=False)
@given(*_args)
def test_nothing_is_ever_lost_in_2000_sequences(layout: str, took: float, steps: list) -> None:  # type: ignore[type-arg]
    _sequence(layout, took, steps)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_refused_or_leaves_all_in_place(layout: str) -> None:
    run = ("run", {}, False, 0)
    _sequence(
        layout, 0.0, [run, run, ("run", {"seed": 1}, False, 0), ("run", {"seed": 1}, True, 0)]
    )


def test_photos_in_a_stage_s_folder_are_refused(tmp_path: Path) -> None:
    """`limbeck run q/raw --out q` emptied q/raw once."""
    draw_photos(tmp_path / "q" / "raw", 3, seed=0)
    before = {p.name: p.read_bytes() for p in (tmp_path / "q" / "raw").iterdir()}
    assert run_in_child(tmp_path / "q" / "raw", tmp_path / "q", config(), True, 0) == 2
    assert {p.name: p.read_bytes() for p in (tmp_path / "q" / "raw").iterdir()} == before
    assert sorted(p.name for p in (tmp_path / "q").iterdir()) == ["raw"], "nothing was written"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_s_folder_with_a_person_s_files_is_refused(stage: str, tmp_path: Path) -> None:
    draw_photos(tmp_path / "photos", 3, seed=0)
    (tmp_path / "out" / stage).mkdir(parents=True)
    (tmp_path / "out" / stage / "mine.txt").write_text("mine")
    assert run_in_child(tmp_path / "photos", tmp_path / "out", config(), True, 0) == 3
    assert (tmp_path / "out" / stage / "mine.txt").read_text() == "mine"
    shutil.rmtree(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_at_random_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL at any instant, half of them followed by other options; then it ends valid."""
    draw = random.Random(0)
    monkeypatch.setenv("LIMBECK_QUIET", "1")
    install_fakes(monkeypatch, took=100.0)
    killed, options = 0, OPTIONS[0]
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), "apart")
        while killed < 200:
            if draw.random() < 0.5:
                options = draw.choice(OPTIONS)
            child = os.fork()
            if child == 0:
                os._exit(run_here(world.photos, world.out, config(**options)))
            time.sleep(draw.uniform(0.01, 1.0))
            os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
            world.known |= world.trainings()
            name = draw.choice(FOREIGN)
            if draw.random() < 0.3 and (world.out / name.split("/")[0] / "done.json").exists():
                world.put(name, killed)  # into a stage that is there: elsewhere it is refused
            world.check(f"kill {killed}")
        assert run_in_child(world.photos, world.out, config(**options), True, 0) == 0
        world.check("the end")
        assert {stage.state for stage in chain.status(world.out)} == {"done"}
        assert not [p for p in world.out.rglob(".tmp-*") if p.name != ".tmp-mine"]
