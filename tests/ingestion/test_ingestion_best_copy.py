"""Of copies the best stays, wherever it is listed; every group is recorded and can be looked at."""

import errno
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingestion_scenes import scene
from PIL import Image, ImageFilter

from limbeck import fsio
from limbeck.config import DataConfig
from limbeck.data import copy_groups, open_dataset, shown_groups
from limbeck.errors import DataError
from limbeck.ingestion import ingest, pool
from limbeck.ingestion.copy_sheet import save_copy_sheet
from limbeck.records import ImageInfo, IngestSummary, Reason, Status

CONFIG = DataConfig(size=32, crop="center")
Save = Callable[[Image.Image], bytes]


def saved(kind: str, *, scale: float = 1.0, mirror: bool = False, **options: int) -> Save:
    def save(image: Image.Image) -> bytes:
        if scale != 1:
            side = round(scale * image.width)
            image = image.resize((side, side), Image.Resampling.LANCZOS)
        if mirror:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return save


COPIES: dict[str, Save] = {  # from the best to the worst
    "best": saved("JPEG", quality=95),
    "squeezed": saved("JPEG", quality=50),
    "mirrored": saved("JPEG", quality=40, mirror=True),
    "reduced": saved("PNG", scale=0.6),  # more bytes a pixel, fewer pixels
}


def fill(root: Path, names: dict[str, str], seed: int = 0) -> Path:
    """Copies of one scene under the given names, and two other photos."""
    root.mkdir(parents=True)
    for kind, name in names.items():
        (root / name).write_bytes(COPIES[kind](scene(seed, 160)))
    for other in (100, 101):
        scene(other, 160).save(root / f"m{other}.png")
    return root


def rows_of(out: Path) -> dict[str, ImageInfo]:
    return {info.source: info for info in open_dataset(out, verify=True).listed()}


def checked(summary: IngestSummary, listed: int) -> IngestSummary:
    assert summary.balanced()
    assert summary.listed == listed
    return summary


@pytest.mark.parametrize("first", range(4))
def test_the_best_copy_stays_in_any_order_of_listing(tmp_path: Path, first: int) -> None:
    kinds = list(COPIES)
    order = kinds[first:] + kinds[:first]
    names = {kind: f"{'akpz'[place]}-{kind}" for place, kind in enumerate(order)}
    root = fill(tmp_path / "p", names)
    (root / "zz-same").write_bytes((root / names["best"]).read_bytes())
    (root / "zz-same-worse").write_bytes((root / names["reduced"]).read_bytes())
    summary = checked(ingest(root, tmp_path / "d", CONFIG), 8)
    assert (summary.accepted, summary.rejected) == (3, {"duplicate": 2, "near_duplicate": 3})
    rows = rows_of(tmp_path / "d")
    best = rows[names["best"]]
    assert (best.status, best.copies, best.duplicate_of) == (Status.ACCEPTED, 5, None)
    for name in (*(names[kind] for kind in kinds[1:]), "zz-same", "zz-same-worse"):
        assert rows[name].status is Status.REJECTED
        assert rows[name].duplicate_of == best.id
    assert rows["zz-same"].reason is rows["zz-same-worse"].reason is Reason.DUPLICATE
    assert {rows[f"m{n}.png"].copies for n in (100, 101)} == {0}
    data = open_dataset(tmp_path / "d")
    assert [info.source for info in data.infos] == sorted(i.source for i in data.infos)
    place = data.ids.index(str(best.id))
    wanted = Image.open(io.BytesIO(COPIES["best"](scene(0, 160)))).resize((128, 128), 1)
    found = data.at(128)[[place]][0].numpy().transpose(1, 2, 0)
    assert np.abs(found.astype(int) - np.asarray(wanted)).mean() < 3
    assert (best.format, best.bytes) == ("JPEG", (root / names["best"]).stat().st_size)


def test_of_equal_files_the_sharper_then_the_first_by_name_stays(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    sharp = scene(3, 130)
    sharp.filter(ImageFilter.GaussianBlur(0.8)).save(root / "a-soft.bmp")
    sharp.save(root / "b-sharp.bmp")
    content = saved("BMP")(scene(4, 130))
    (root / "d.bmp").write_bytes(content)
    (root / "c.bmp").write_bytes(content[:6] + b"\1" + content[7:])  # a byte that means nothing
    checked(ingest(root, tmp_path / "d", CONFIG), 4)
    rows = rows_of(tmp_path / "d")
    assert rows["a-soft.bmp"].bytes == rows["b-sharp.bmp"].bytes
    assert rows["c.bmp"].sha256 != rows["d.bmp"].sha256
    kept = [info.source for info in open_dataset(tmp_path / "d").infos]
    assert kept == ["b-sharp.bmp", "c.bmp"]


def test_a_webp_holds_more_than_a_jpeg_of_its_bytes(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for seed in range(3):
        photo = scene(seed, 160)
        webp = saved("WEBP", quality=80)(photo)
        (root / f"{seed}.webp").write_bytes(webp)
        quality = next(q for q in range(5, 96) if len(saved("JPEG", quality=q)(photo)) > len(webp))
        (root / f"{seed}.jpg").write_bytes(saved("JPEG", quality=quality)(photo))
    checked(ingest(root, tmp_path / "d", CONFIG), 6)
    assert {info.format for info in open_dataset(tmp_path / "d").infos} == {"WEBP"}


def test_threads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for seed in range(8):
        for place, (kind, save) in enumerate(COPIES.items()):
            name = f"{(seed * 7 + place * 3) % 4}-{seed}-{kind}"
            (root / name).write_bytes(save(scene(seed, 140)))
    made = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(pool, "workers", lambda threads=threads: threads)
        out = tmp_path / f"d{threads}"
        checked(ingest(root, out, CONFIG), 32)
        files = sorted(
            path for path in out.iterdir() if path.suffix in (".npy", ".parquet", ".jpg")
        )
        made.append({path.name: fsio.sha256_file(path) for path in files})
    assert made[0] == made[1] == made[2]
    assert len(open_dataset(tmp_path / "d1")) == 8


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(6)), bits=st.integers(-1, 3))
def test_names_decide_nothing_but_ties(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], bits: int
) -> None:
    """A chain of photos, each a little nearer to another one: what is kept hangs on no name."""
    root = tmp_path_factory.mktemp("chain")
    (root / "p").mkdir()
    one, other = np.asarray(scene(1), dtype=float), np.asarray(scene(2), dtype=float)
    for place, name in enumerate(order):
        mixed = one + (other - one) * 0.06 * place
        picture = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
        picture.resize((96 + place, 96 + place)).save(root / "p" / f"{name}.png")
    scene(9).save(root / "p" / "z.png")
    checked(
        ingest(root / "p", root / "d", CONFIG.model_copy(update={"near_duplicate_bits": bits})), 7
    )
    rows = rows_of(root / "d")
    kept = tuple(place for place, name in enumerate(order) if not rows[f"{name}.png"].duplicate_of)
    assert 5 in kept, "the largest is always kept"
    assert KEPT.setdefault(bits, kept) == kept
    if bits == -1:
        assert kept == (0, 1, 2, 3, 4, 5)


KEPT: dict[int, tuple[int, ...]] = {}


def row(name: str, phash: int, of: str | None = None) -> ImageInfo:
    status = Status.REJECTED if of else Status.ACCEPTED
    reason = Reason.NEAR_DUPLICATE if of else Reason.NONE
    return ImageInfo(
        source=name, id=name, status=status, reason=reason, phash=f"{phash:016x}", duplicate_of=of,
        width=40, height=40, box=(0, 0, 40, 40), bytes=800,
    )  # fmt: skip


def test_groups_are_those_of_the_table_the_most_different_first() -> None:
    infos = [
        row("a", 0), row("b", 0), row("c", 0), row("a1", 1, "a"), row("b1", 3, "b"),
        row("a2", 7, "a"), row("lost", 0, "who"),
        ImageInfo(source="b2", status=Status.REJECTED, reason=Reason.DUPLICATE, duplicate_of="b"),
    ]  # fmt: skip
    groups = [(g.kept.source, [i.source for i in g.left_out]) for g in copy_groups(infos)]
    assert groups == [("a", ["a2", "a1"]), ("b", ["b1"])]
    many = [row(f"k{n}", 0) for n in range(50)]
    many += [row(f"x{n}", 2**n - 1, f"k{n}") for n in range(50)]
    shown = [group.kept.source for group in shown_groups(many)]
    assert (len(shown), shown[0], shown[-1]) == (24, "k49", "k0")


def test_the_sheet_shows_the_groups(tmp_path: Path) -> None:
    colours = {"a": (200, 0, 0), "a1": (0, 0, 200), "b": (0, 200, 0), "b1": (200, 200, 0)}

    def square(info: ImageInfo) -> np.ndarray:
        colour = np.array(colours[info.source], dtype=np.uint8)
        return np.broadcast_to(colour[:, None, None], (3, 48, 48))

    infos = [row("a", 0), row("b", 0), row("a1", 7, "a"), row("b1", 1, "b")]
    save_copy_sheet(infos, square, tmp_path / "copies.jpg")
    with Image.open(tmp_path / "copies.jpg") as opened:
        sheet = np.asarray(opened).astype(int)
    for left, name in ((64, "a"), (184, "a1"), (320, "b"), (440, "b1")):
        assert np.abs(sheet[70, left] - colours[name]).max() < 12, name
    save_copy_sheet(infos[:2], square, tmp_path / "none.jpg")
    assert not (tmp_path / "none.jpg").exists()


def test_a_dataset_has_a_sheet_where_something_was_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "p", {"best": "b", "reduced": "a"})
    ingest(tmp_path / "p", tmp_path / "d", CONFIG)
    with Image.open(tmp_path / "d" / "copies.jpg") as sheet:
        assert sheet.width > 200
    (tmp_path / "p" / "a").unlink()
    ingest(tmp_path / "p", tmp_path / "d", CONFIG)
    assert not (tmp_path / "d" / "copies.jpg").exists()


def test_scratch_holds_bytes_and_leaves_nothing(tmp_path: Path) -> None:
    with fsio.Scratch(tmp_path) as scratch:
        scratch.append(b"abc")
        scratch.append(b"defg")
        assert scratch.read(2, 3) == b"cde"
        scratch.append(b"h")
        assert (scratch.read(7, 9), scratch.read(99, 1)) == (b"h", b"")
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="cannot write"):
        fsio.Scratch(tmp_path / "nowhere")


def test_a_full_disk_is_told_and_leaves_no_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "p", {"best": "b"})

    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fsio.tempfile, "TemporaryFile", lambda dir: Full())
    with pytest.raises(DataError, match="No space left") as caught:
        ingest(tmp_path / "p", tmp_path / "d", CONFIG)
    assert "free some space" in caught.value.do
    assert not (tmp_path / "d").exists()
