"""Of a folder that has grown, only what is new is decoded, and the dataset is the same."""

import json
from pathlib import Path
from typing import Any

import PIL
import pytest
from ingestion_bad_files import saved, scene
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.decoding import Photo
from limbeck.ingestion import earlier, ingest
from limbeck.kit.photos import codec_versions
from limbeck.metrics import dataset_features, features_of_dataset
from limbeck.percept import Features

CONFIG = DataConfig(size=16, crop="center")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bytes of every photo whose size or square is asked of a decoder."""
    found: list[bytes] = []
    ask = Photo._ask

    def noted(self: Photo, words: dict[str, Any], most: int = 0) -> object:
        if words["do"] in ("size", "square"):  # the sheet of crops shows old ones, too
            found.append(self._data)
        return ask(self, words, most)

    monkeypatch.setattr(Photo, "_ask", noted)
    return found


def folder(root: Path) -> Path:
    """Photos of three shapes, a copy, one too small, one damaged and a text."""
    root.mkdir()
    for seed in range(3):
        wide = scene(seed, 160).crop((0, 0, 160, 160 - 10 * seed))
        (root / f"{seed}.png").write_bytes(saved("PNG", wide))
    (root / "again.jpg").write_bytes(saved("JPEG", scene(0, 160), quality=90))
    (root / "copy.png").write_bytes((root / "1.png").read_bytes())
    (root / "small.png").write_bytes(saved("PNG", Image.new("RGB", (5, 5))))
    (root / "cut.png").write_bytes(saved("PNG", scene(9, 160))[:3000])
    (root / "note.txt").write_text("no photo")
    return root


def same(one: Path, other: Path) -> None:
    """Two datasets hold the same rows and pixels."""
    assert open_dataset(one).listed() == open_dataset(other).listed()
    assert open_dataset(one).digest == open_dataset(other).digest


@pytest.mark.parametrize("crop", ["center", "attention"])
def test_only_what_is_new_is_decoded(tmp_path: Path, asked: list[bytes], crop: str) -> None:
    config = CONFIG.model_copy(update={"crop": crop})
    root, out = folder(tmp_path / "p"), tmp_path / "d"
    first = ingest(root, out, config)
    assert (first.accepted, first.reused) == (3, 0)
    new = [saved("PNG", scene(20, 160)), b"also no photo"]
    (root / "a-new.png").write_bytes(new[0])
    (root / "new.txt").write_bytes(new[1])
    (root / "2.png").rename(root / "renamed.png")
    asked.clear()
    second = ingest(root, out, config)
    assert (second.accepted, second.reused, second.listed) == (4, 3, first.listed + 2)
    # No pixels are kept of a copy to the eye, nor of one that was found damaged while decoding.
    cut = (root / "cut.png").read_bytes()
    assert set(asked) - {cut} == {*new, (root / "again.jpg").read_bytes()}
    ingest(root, tmp_path / "e", config)
    same(out, tmp_path / "e")
    assert ingest(root, out, config).reused == 4
    same(out, tmp_path / "e")


def test_other_settings_and_other_code_decode_anew(
    tmp_path: Path, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = folder(tmp_path / "p"), tmp_path / "d"
    ingest(root, out, CONFIG)
    for change in ({"size": 32}, {"crop": "attention"}, {"min_side": 4}):
        other = CONFIG.model_copy(update=change)
        assert ingest(root, out, other).reused == 0, change
        assert ingest(root, out, other).reused > 0
    free = CONFIG.model_copy(update={"near_duplicate_bits": -1})  # decides nothing about pixels
    ingest(root, out, CONFIG)
    assert ingest(root, out, free).reused == 3
    monkeypatch.setattr(earlier, "DECODING", -1)
    assert ingest(root, out, CONFIG).reused == 0


def test_another_library_decodes_anew_and_the_dataset_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = folder(tmp_path / "p"), tmp_path / "d"
    first = ingest(root, out, CONFIG)
    assert first.codecs == codec_versions()
    assert first.codecs["pillow"] == PIL.__version__
    assert {"jpg", "zlib", "webp", "libtiff", "littlecms2"} <= first.codecs.keys()
    assert all(first.codecs.values())
    other = first.codecs | {"libjpeg_turbo": "1.0"}
    monkeypatch.setattr(earlier, "codec_versions", lambda: other)
    assert ingest(root, out, CONFIG).reused == 0
    assert ingest(root, out, CONFIG).reused == 3


def test_a_death_is_no_verdict_to_remember(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = folder(tmp_path / "p"), tmp_path / "d"
    with monkeypatch.context() as patch:
        scored = Photo.scored

        def dies(self: Photo, *args: Any) -> object:
            if self.size == (root / "1.png").stat().st_size:
                raise self._died("was killed by signal 9")
            return scored(self, *args)

        patch.setattr(Photo, "scored", dies)
        assert ingest(root, out, CONFIG).rejected["corrupt"] == 3  # with its copy
    assert ingest(root, out, CONFIG).rejected["corrupt"] == 1
    ingest(root, tmp_path / "e", CONFIG)
    same(out, tmp_path / "e")


def test_cached_features_of_what_is_replaced_go(tmp_path: Path) -> None:
    root, out = folder(tmp_path / "p"), tmp_path / "d"
    ingest(root, out, CONFIG)
    before = open_dataset(out)
    dataset_features(before, Features("lpips-alex"), size=16)
    assert len(features_of_dataset(before)) == 1
    ingest(root, out, CONFIG)
    assert len(features_of_dataset(before)) == 1, "the same pixels"
    (root / "new.png").write_bytes(saved("PNG", scene(30, 160)))
    ingest(root, out, CONFIG)
    assert not features_of_dataset(before)


def test_a_damaged_dataset_is_of_no_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = folder(tmp_path / "p"), tmp_path / "d"
    ingest(root, out, CONFIG)
    pixels = bytearray((out / "images-00000.npy").read_bytes())
    pixels[-1] ^= 1
    (out / "images-00000.npy").write_bytes(pixels)
    assert ingest(root, out, CONFIG).reused == 0
    assert "of no use" in capsys.readouterr().err
    assert ingest(root, out, CONFIG).reused == 3


def test_boxes_of_a_manifest_are_always_asked_for(tmp_path: Path) -> None:
    root = folder(tmp_path / "p")
    items = [{"image_name": f"{n}.png", "bounding_box": [0, 40, 0, 40]} for n in range(3)]
    (root / "list.json").write_text(json.dumps(items))
    out = tmp_path / "d"
    assert ingest(root / "list.json", out, CONFIG.model_copy(update={"crop": "auto"})).accepted == 3
    for item in items:
        item["bounding_box"] = [10, 50, 10, 50]
    (root / "list.json").write_text(json.dumps(items))
    summary = ingest(root / "list.json", out, CONFIG.model_copy(update={"crop": "auto"}))
    assert (summary.accepted, summary.reused) == (3, 0)
    assert all(info.box == (10, 10, 50, 50) for info in open_dataset(out).infos)
