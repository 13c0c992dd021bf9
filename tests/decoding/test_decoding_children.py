"""What a photo does to its decoder costs that photo alone: death, loops, memory, nonsense."""

import io
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.decoding import Decoders, Rejected, Stopped, children, limits
from limbeck.errors import LimbeckError
from limbeck.ingestion import ingest
from limbeck.ingestion.pool import Pool
from limbeck.records import Reason
from limbeck.sandbox import Child, Garbled, process, receive, send

CONFIG = DataConfig(size=16)
# Pillow's PPM reader stands in for a faulty decoder: what it does follows from the image's width.
_SITE = """
import os, signal, sys
def _faulty():
    import limbeck.decoding.child as child
    child.SECONDS = 0.5
    from PIL import PpmImagePlugin
    load = PpmImagePlugin.PpmImageFile.load
    marks = []
    def loop():
        while True:
            sum(range(1000))
    def hog():
        import numpy
        blocks = []
        while True:
            blocks.append(numpy.empty(2 ** 28, numpy.uint8))
    def sleep():
        import time
        time.sleep(100)
    def hold():
        import time
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
            os._exit(0)
        time.sleep(60)
    def leave():
        os._exit(7)
    def scribble():
        os.write(1, b"x" * 1000)
        print("out of", file=sys.stdout, flush=True)
        print("order", file=sys.stderr, flush=True)
    def write():
        with open(os.environ["LIMBECK_TEST_FILE"], "wb") as file:
            file.write(b"x" * 10)
    def once():
        marks.append(1)
    def spoilt():
        if marks:
            os.abort()
    def lie():
        import json, struct
        for handle in range(3, 20):
            try:
                os.write(handle, struct.pack("<IQ", 2 ** 31, 2 ** 40))
            except OSError:
                pass
    ways = {
        201: os.abort, 202: lambda: os.kill(os.getpid(), signal.SIGSEGV), 203: loop, 204: hog,
        205: sleep, 206: leave, 207: scribble, 208: write, 209: once, 210: spoilt, 211: lie,
        212: hold,
    }
    def faulty(self):
        ways.get(self.size[0], int)()
        return load(self)
    PpmImagePlugin.PpmImageFile.load = faulty
if "-c" in sys.orig_argv and any("limbeck.decoding.child" in one for one in sys.orig_argv):
    _faulty()
"""
ABORT, CRASH, LOOP, HOG, SLEEP, LEAVE, SCRIBBLE, WRITE, ONCE, SPOILT, LIE, HOLD = range(201, 213)


def ppm(width: int) -> bytes:
    """A grey image that makes the decoder do what its width says."""
    file = io.BytesIO()
    Image.new("RGB", (width, 60), (100, 110, 120)).save(file, "PPM")
    return file.getvalue()


@pytest.fixture(autouse=True)
def new_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a run: see `lasting_decoders`."""
    monkeypatch.setattr(children, "Child", Child)


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Children with the faulty decoder; the file that WRITE writes."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_SITE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, sys.path)]))
    monkeypatch.setenv("LIMBECK_TEST_FILE", str(tmp_path / "written"))
    return tmp_path / "written"


def verdict(decoders: Decoders, width: int) -> Rejected:
    """Why the image is rejected."""
    with decoders.opened(ppm(width)) as photo:
        assert photo.upright_size() == (width, 60)
        with pytest.raises(Rejected) as caught:
            photo.square((0, 0, 60, 60), 16)
    return caught.value


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's")
def test_what_a_decoder_does_costs_its_photo_alone(
    faulty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "WALL_SECONDS", 20.0)
    assert "2 GiB" in limits()
    with Decoders() as decoders:
        wanted = {
            ABORT: (Reason.CORRUPT, "its decoder was killed by signal 6"),
            CRASH: (Reason.CORRUPT, "its decoder was killed by signal 11"),
            LEAVE: (Reason.CORRUPT, "its decoder exited with 7"),
            LOOP: (Reason.TOO_COSTLY, "decoding it took more than 8 s"),
            HOG: (Reason.TOO_COSTLY, "decoding it took more than 2 GiB"),
            LIE: (Reason.CORRUPT, "its decoder"),
        }
        for width, (reason, words) in wanted.items():
            found = verdict(decoders, width)
            assert found.reason is reason, (width, found.detail)
            assert found.detail.startswith(words), (width, found.detail)
        with decoders.opened(ppm(SCRIBBLE)) as photo:  # what it prints is no answer
            pixels = photo.square((0, 0, 60, 60), 16).pixels
        assert pixels.shape == (3, 16, 16)
        assert (pixels == np.array([100, 110, 120])[:, None, None]).all()
        assert verdict(decoders, WRITE).detail.startswith("OSError")
        assert faulty.read_bytes() == b"", "nothing can be written"
        with decoders.opened(ppm(ONCE)) as photo:
            photo.square((0, 0, 60, 60), 16)
        with decoders.opened(ppm(SPOILT)) as photo:  # the last photo's fault: tried in a new child
            assert photo.square((0, 0, 60, 60), 16).pixels.shape == (3, 16, 16)
        monkeypatch.setattr(process, "WALL_SECONDS", 1.0)
        assert verdict(decoders, SLEEP).detail == "decoding it took more than 1 s"
        started = time.monotonic()
        assert verdict(decoders, HOLD).detail == "decoding it took more than 1 s"
        assert time.monotonic() - started < 30, "what a child started does not hold the parent"
    assert not decoders._idle


def test_a_photo_is_not_blamed_for_children_that_others_killed() -> None:
    with Decoders() as decoders:
        with decoders.opened(ppm(60)) as one, decoders.opened(ppm(70)) as two:
            assert (one.upright_size(), two.upright_size()) == ((60, 60), (70, 60))
        for child in decoders._idle:
            child._process.kill()
            child._process.wait()
        with decoders.opened(ppm(80)) as photo:
            assert photo.upright_size() == (80, 60)


def test_nothing_that_a_child_says_is_believed() -> None:
    for text in (b"[" * 100_000, b'{"size": [1]}', b'{"size": ["a", 2]}', b"{}"):
        head = len(text).to_bytes(4, "little") + bytes(8)
        try:
            words, _ = receive(io.BytesIO(head + text), 0)
        except Garbled:
            continue
        with pytest.raises(Rejected, match="nonsense"):
            children._whole(words, "size", 2)


def test_ingestion_goes_on(faulty: Path, tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for seed in range(4):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(root / f"{seed}.png")
    for width in (ABORT, LOOP):
        (root / f"{width}.ppm").write_bytes(ppm(width))
        (root / f"copy-{width}.ppm").write_bytes(ppm(width))
    summary = ingest(root, tmp_path / "d", CONFIG)
    assert summary.accepted == 4
    assert summary.rejected == {"corrupt": 2, "too_costly": 2}
    assert summary.balanced()
    rows = {info.source: info for info in open_dataset(tmp_path / "d").listed()}
    assert rows["copy-201.ppm"].detail == rows["201.ppm"].detail != ""


def test_every_photo_is_the_one_that_was_asked_about() -> None:
    with Decoders() as decoders:
        with decoders.opened(ppm(80)) as photo:
            assert photo.upright_size() == (80, 60)
            assert photo.glance(20).size == (20, 15)
        for other in (b"", b"P"):  # never the one before
            with decoders.opened(other) as photo, pytest.raises(Rejected) as caught:
                photo.upright_size()
            assert caught.value.reason is Reason.NOT_AN_IMAGE
        with decoders.opened(ppm(90)) as photo:
            assert photo.upright_box((1, 2, 3, 4)) == (1, 2, 3, 4)
            assert photo.upright_size() == (90, 60)


def test_children_that_cannot_start_are_no_photos_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.exit('no way')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (
        Decoders() as decoders,
        decoders.opened(ppm(60)) as photo,
        pytest.raises(LimbeckError, match=r"could not be started: .*no way"),
    ):
        photo.upright_size()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with (
        Decoders() as decoders,
        decoders.opened(ppm(60)) as photo,
        pytest.raises(LimbeckError, match="could not be started"),
    ):
        photo.upright_size()


def test_closing_ends_what_is_waited_for(faulty: Path) -> None:
    ended: list[BaseException] = []
    asked = threading.Event()

    def ask(decoders: Decoders) -> None:
        try:
            with decoders.opened(ppm(SLEEP)) as photo:
                photo.upright_size()
                asked.set()
                photo.square((0, 0, 60, 60), 16)
        except BaseException as error:
            ended.append(error)

    with Decoders() as decoders:
        thread = threading.Thread(target=ask, args=(decoders,))
        thread.start()
        assert asked.wait(60)
        started = time.monotonic()
    thread.join(60)
    assert time.monotonic() - started < 10
    assert [type(one) for one in ended] == [Stopped]
    with pytest.raises(Stopped), decoders.opened(ppm(60)) as photo:
        photo.upright_size()


def test_a_pool_that_is_left_in_the_middle_waits_for_nobody(faulty: Path) -> None:
    def decode(width: int) -> int:
        with pool.decoders.opened(ppm(width)) as photo:
            return photo.square((0, 0, 60, 60), 16).pixels.shape[1]

    def leave() -> None:
        with pool:
            for _ in pool.in_order(decode, [60, SLEEP, SLEEP, SLEEP]):
                raise KeyboardInterrupt

    pool = Pool()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        leave()
    assert time.monotonic() - started < 30


def test_messages_are_framed_and_bounded() -> None:
    pipe = io.BytesIO()
    send(pipe, {"do": "size", "n": 1}, b"abc")
    data = pipe.getvalue()
    assert receive(io.BytesIO(data), 3) == ({"do": "size", "n": 1}, b"abc")
    with pytest.raises(Garbled):
        receive(io.BytesIO(data), 2)
    for length in range(len(data)):
        with pytest.raises(Garbled):
            receive(io.BytesIO(data[:length]), 3)
    for other in (b"[1]", b"\xff\xfe", b'{"a":'):
        head = len(other).to_bytes(4, "little") + bytes(8)
        with pytest.raises(Garbled):
            receive(io.BytesIO(head + other), 3)
