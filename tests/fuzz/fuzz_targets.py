"""What is fuzzed: a sound small file of each format, how it is spoilt, and what reads it."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fuzz_mutators as ways
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from limbeck import fsio
from limbeck.artefacts.keep import kept_ids, read_keep
from limbeck.artefacts.labels import read_truth
from limbeck.artefacts.mode_files import read_modes
from limbeck.artefacts.model_folder import ModelConfig
from limbeck.artefacts.model_networks import read_networks
from limbeck.artefacts.model_weights import SHARD_BYTES, write_part
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.artefacts.snapshots import snapshots
from limbeck.artefacts.stage import Provenance, read_done
from limbeck.artefacts.takedowns import TakeDown, TrainedWith, read_takedowns, write_takedowns
from limbeck.cli import inputs
from limbeck.config import KeepConfig
from limbeck.curation.keeping import keep
from limbeck.curation.overrides import read_overrides
from limbeck.data import open_dataset, write_dataset
from limbeck.decoding.decode import Rejected, square, upright_size
from limbeck.decoding.embedded_facts import embedded_facts
from limbeck.ingestion.optout import read_opt_out
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import open_source
from limbeck.latents import ModeCentres
from limbeck.nets import Networks, load_networks
from limbeck.presets import preset
from limbeck.records import ImageInfo, ModesSummary, Status, StoreKind
from limbeck.training.state import TrainState

CONFIG = preset("smoke", 8)
NET = CONFIG.net
CPU = torch.device("cpu")
IDS = tuple(f"{i:016x}" for i in range(6))


@dataclass(frozen=True)
class Target:
    """A file among others, and its readers.

    Attributes:
        name: of the target.
        kind: of the format, for the counts.
        file: what is spoilt, below the target's folder.
        make: writes the folder.
        read: reads it all, as limbeck does.
        mutators: chosen from at random.
        sign: makes checksums agree with the spoilt file, as an attacker would.
        weight: share of the cases.
        errors: those that the reader documents beside `LimbeckError`.
        mine: False where a fault belongs to ingestion or percept.
    """

    name: str
    kind: str
    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    mutators: list[ways.Mutator]
    sign: Callable[[Path], None] | None = None
    weight: float = 1.0
    errors: tuple[type[BaseException], ...] = field(default=())
    mine: bool = True


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _put(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def _make_run(root: Path) -> None:
    RunDir(root).write(
        CONFIG, photos="photos", resolved=True,
        requested={"config": CONFIG.model_dump(mode="json"), "time_budget": None},
    )  # fmt: skip


def _read_run(root: Path) -> object:
    run = RunDir(root)
    return inputs.run_folder(root), run.read(), run.config()


def _make_done(root: Path) -> None:
    summary = {"networks": "nets-000000008", "best": None, "kimg": 1.0}
    Provenance.of({"dataset": "x"}, {}).finish(root, "train", started=0.0, summary=summary)


def _read_done(root: Path) -> object:
    Provenance.of({}, {}).done_in(root)
    return read_done(root), inputs.networks_folder(root)


def _make_data(root: Path, kind: StoreKind = StoreKind.RAW) -> None:
    whole = {"width": 9, "height": 9, "box": (0, 0, 9, 9), "url": "https://a/b"}
    infos = [
        ImageInfo(
            source=f"{i}.png", id=key, sha256=key * 4, status=Status.ACCEPTED, label=i % 2, **whole
        )
        for i, key in enumerate(IDS)
    ]
    infos.append(ImageInfo(source="notes.txt", status=Status.FAILED))
    pictures = np.zeros((len(IDS), 3, 8, 8), dtype=np.uint8)
    write_dataset(root, infos, pictures, 8, class_names=("a", "b"), shard_bytes=4 * 192, kind=kind)


def _make_shards(root: Path) -> None:
    _make_data(root, StoreKind.SHARDS)


def _read_data(root: Path) -> object:
    data = open_dataset(root)
    _ = data.digest, data.labels, data.listed()
    for resident in (True, False):
        _ = data.at(8, resident=resident)[list(range(len(data)))]
    return open_dataset(root, verify=True).select(data.ids)


def _sign_data(root: Path) -> None:
    index = _json(root / "index.json")
    for facts in [index["table"], *index["shards"]]:
        path = root / facts["file"]
        facts.update(bytes=path.stat().st_size, sha256=fsio.sha256_file(path))
    _put(root / "index.json", index)


def _scores() -> Scores:
    columns = {name: np.linspace(0, 1, len(IDS)) for name in ("recommended", "x_blur")}
    modes = np.zeros(len(IDS), dtype=np.int64)
    return Scores.of(IDS, {**columns, "x_mode": modes}, dict.fromkeys((*columns, "x_mode"), "f"))


def _make_scores(root: Path) -> None:
    _scores().save(root)


def _read_scores(root: Path) -> object:
    scores = read_scores(root)
    return [scores.column(name) for name in scores.names], scores.ids, scores.modes()


def _make_keep(root: Path) -> None:
    keep(_scores(), root, KeepConfig(rule="fraction", fraction=0.5))


def _read_keep(root: Path) -> object:
    kept = read_keep(root)
    return kept.ids, kept.dropped, kept_ids(root)


def _make_takedowns(root: Path) -> None:
    saw = TrainedWith(folder="raw", dataset="0" * 16, photos=9, saw=1, rest="1" * 16)
    one = TakeDown(
        begun="2026-01-01", limbeck="0", ids=("a" * 16,), sha256=("b" * 64,), photos=1, images=1,
        trainings=(saw,),
    )  # fmt: skip
    write_takedowns(root, [one])


def _make_networks(root: Path) -> None:
    Networks.create(NET, 0).save(root)


def _make_modes(root: Path) -> None:
    w, k = NET.w_dim, 3
    centres = ModeCentres(torch.rand(k, w), torch.rand(k, 5), torch.tensor([4, 2, 1]))
    centres.save(root / "modes.safetensors")
    summary = ModesSummary(clusters=k, found=k, space="w", samples=7, sizes=[4, 2, 1], seconds=0.1)
    rows = [{"mode": i, "size": 1, "share": 0.1, "picture": "mode-00.png"} for i in range(k)]
    about = {"format_version": 3, "summary": summary.model_dump(mode="json"), "settings": {}}
    _put(root / "modes.json", {**about, "centres": centres.digest(), "modes": rows})


def _read_modes(root: Path) -> object:
    modes = read_modes(root)
    return modes.centres, inputs.load_centres(root / "modes.safetensors", Networks(NET, names=()))


def _sign_modes(root: Path) -> None:
    about = _json(root / "modes.json")
    centres = ModeCentres.load(root / "modes.safetensors")
    about["centres"], about["summary"]["sizes"] = centres.digest(), centres.sizes.tolist()
    _put(root / "modes.json", about)


def _make_model(root: Path) -> None:
    files = write_part(root, "generator", Networks.create(NET, 0).G_ema, "float32", SHARD_BYTES)
    about = ModelConfig(net=NET, settings=CONFIG, files=files)
    _put(root / "config.json", about.model_dump(mode="json"))


def _read_model(root: Path) -> object:
    return read_networks(root)


def _sign_model(root: Path) -> None:
    about, path = _json(root / "config.json"), root / "generator.safetensors"
    about["files"][path.name] = {"sha256": fsio.sha256_file(path), "bytes": path.stat().st_size}
    _put(root / "config.json", about)


def _make_state(root: Path) -> None:
    state = TrainState.create(CONFIG, CPU, "photos")
    for optimizer in state.optimizers.values():
        optimizer.step()
    state.images = 8
    state.save(root / "state-000000008", CONFIG)


def _read_state(root: Path) -> object:
    return [
        TrainState.load(folder, CONFIG, CPU, "photos") for _, folder in snapshots(root, "state")
    ]


def _sign_state(root: Path) -> None:
    folder = root / "state-000000008"
    about = _json(folder / "state.json")
    about["sha256"] = {name: fsio.sha256_file(folder / name) for name in about["sha256"]}
    about["seal"] = fsio.digest_json({k: v for k, v in about.items() if k != "seal"})
    _put(folder / "state.json", about)


_ROWS = [{"file": f"a/{i}.png", "sha256": "0" * 64, "is_outlier": bool(i % 2), "outlier_kind": "x",
          "label": "y", "mode": i} for i in range(6)]  # fmt: skip


def _make_lines(root: Path) -> None:
    (root / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _ROWS))
    (root / "stats.jsonl").write_text("".join(fsio.json_line(row) for row in _ROWS))
    with zipfile.ZipFile(root / "labels.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", b"x" * 50)
        archive.write(root / "labels.jsonl", "manifest.jsonl")
    rows = ["file,is_outlier,label", *(f"a/{i}.png,yes,b" for i in range(6))]
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "overrides.csv").write_text(f"id,keep,reason\n{IDS[0]},1,\n{IDS[1]},no,a person\n")
    (root / "optout.txt").write_text("# asked for\na/0.png\nhttps://a/b\n")


def _make_photos(root: Path) -> None:
    for name in ("png", "jpeg", "webp", "gif", "tiff"):
        picture = Image.effect_noise((24, 20), 50).convert("RGB")
        picture.save(root / f"photo.{name}")
    with zipfile.ZipFile(root / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.glob("photo.*")):
            archive.write(path, f"a/{path.name}")


def _make_sources(root: Path) -> None:
    (root / "photos").mkdir()
    for number in range(3):
        Image.effect_noise((24, 20), 50).convert("RGB").save(root / "photos" / f"{number}.jpg")
    facts = [{"file_name": f"{n}.jpg", "license": "CC0", "author": "Ada"} for n in range(3)]
    lines = "".join(json.dumps(row) + "\n" for row in facts)
    (root / "photos" / "metadata.jsonl").write_text(lines)
    items = [{"image_name": f"{n}.jpg", "bounding_box": [0, 9, n, 9 + n]} for n in range(3)]
    (root / "photos" / "manifest.json").write_text(json.dumps(items))
    with tarfile.open(root / "photos.tar", "w") as archive:
        for path in sorted((root / "photos").iterdir()):
            archive.add(path, path.name)
        for row in facts:
            data = json.dumps(row).encode()
            info = tarfile.TarInfo(row["file_name"].replace("jpg", "json"))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def _make_lists(root: Path) -> None:
    rows = [{"url": f"http://a.example/{n}é.jpg", "license": "CC0", "author": "Ada", "n": n,
             "box": [0, n, 9, 9 + n]} for n in range(6)]  # fmt: skip
    lines = [json.dumps(row) for row in rows]
    (root / "urls.jsonl").write_text("\n".join(lines))
    cells = ["url,license,box", *(f'{row["url"]},CC0,"{row["box"]}"' for row in rows)]
    (root / "urls.csv").write_text("\n".join(cells))
    (root / "plain.csv").write_text("\n".join(str(row["url"]) for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), root / "urls.parquet")


def _read_source(name: str) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        with open_source(root / name) as source:
            source.digest()
            for entry in source.entries:
                try:
                    source.facts(entry)
                    _ = entry.refused or source.read(entry)
                except MemoryError:
                    raise
                except (Unreadable, OSError):  # the stage counts such a member as unreadable
                    continue
        return None

    return read


def _read_photo(name: str) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        data = fsio.read_bytes(root / name, 2**28)
        width, height = upright_size(data)
        embedded_facts(data)
        return square(data, (0, 0, min(width, height), min(width, height)), 16)

    return read


T = Target
TARGETS = {
    target.name: target
    for target in [
        T("run.json", "JSON", "run.json", _make_run, _read_run, ways.JSON, weight=2),
        T("done.json", "JSON", "done.json", _make_done, _read_done, ways.JSON, weight=3),
        T("index.json", "JSON", "index.json", _make_data, _read_data, ways.JSON),
        T("scores.json", "JSON", "scores.json", _make_scores, _read_scores, ways.JSON),
        T("keep/done.json", "JSON", "done.json", _make_keep, _read_keep, ways.JSON),
        T("takedowns.json", "JSON", "takedowns.json", _make_takedowns, read_takedowns, ways.JSON),
        T("modes.json", "JSON", "modes.json", _make_modes, _read_modes, ways.JSON, weight=2),
        T("nets/config.json", "JSON", "config.json", _make_networks, load_networks, ways.JSON,
          weight=0.5),
        T("model/config.json", "JSON", "config.json", _make_model, _read_model, ways.JSON,
          weight=0.5),
        T("state.json", "JSON", "state-000000008/state.json", _make_state, _read_state, ways.JSON,
          _sign_state, weight=0.2),
        T("images.parquet", "parquet", "images.parquet", _make_data, _read_data, ways.TABLES,
          _sign_data, weight=2),
        T("scores.parquet", "parquet", "scores.parquet", _make_scores, _read_scores, ways.TABLES,
          weight=2),
        T("keep.parquet", "parquet", "keep.parquet", _make_keep, _read_keep, ways.TABLES, weight=2),
        T("images-00000.npy", "numpy", "images-00000.npy", _make_data, _read_data,
          [ways.flip_begin, ways.flip_begin, *ways.BYTES], _sign_data, weight=0.5),
        T("images-00000.tar", "tar", "images-00000.tar", _make_shards, _read_data, ways.BYTES,
          _sign_data, weight=0.5),
        T("shards/images.parquet", "parquet", "images.parquet", _make_shards, _read_data,
          ways.TABLES, _sign_data),
        T("nets/G", "safetensors", "G.safetensors", _make_networks, load_networks, ways.TENSORS,
          weight=0.15),
        T("model/generator", "safetensors", "generator.safetensors", _make_model, _read_model,
          ways.TENSORS, _sign_model, weight=0.3),
        T("modes.safetensors", "safetensors", "modes.safetensors", _make_modes, _read_modes,
          ways.TENSORS, _sign_modes, weight=2),
        T("optimizers", "safetensors", "state-000000008/optimizers.safetensors", _make_state,
          _read_state, ways.TENSORS, _sign_state, weight=0.03),
        T("stats.jsonl", "lines", "stats.jsonl", _make_lines,
          lambda root: fsio.read_jsonl(root / "stats.jsonl"), ways.LINES),
        T("labels.jsonl", "labels", "labels.jsonl", _make_lines,
          lambda root: read_truth(root / "labels.jsonl"), ways.LINES, weight=2),
        T("labels.csv", "labels", "labels.csv", _make_lines,
          lambda root: read_truth(root / "labels.csv"), ways.CSV),
        T("labels.zip", "labels", "labels.zip", _make_lines,
          lambda root: read_truth(root / "labels.zip"), ways.ZIPS, weight=2),
        T("overrides.csv", "CSV", "overrides.csv", _make_lines,
          lambda root: read_overrides(root / "overrides.csv", IDS), ways.CSV),
        T("opt-out", "text", "optout.txt", _make_lines,
          lambda root: read_opt_out(root / "optout.txt"), ways.CSV, mine=False),
        T("photos.zip", "photos", "photos.zip", _make_photos, _read_source("photos.zip"),
          ways.ZIPS, mine=False),
        T("photos.tar", "photos", "photos.tar", _make_sources, _read_source("photos.tar"),
          [ways.flip_begin, *ways.BYTES]),
        T("manifest.json", "photos", "photos/manifest.json", _make_sources,
          _read_source("photos/manifest.json"), ways.JSON),
        T("metadata.jsonl", "photos", "photos/metadata.jsonl", _make_sources,
          _read_source("photos"), ways.LINES),
        T("urls.csv", "lists", "urls.csv", _make_lists, _read_source("urls.csv"), ways.CSV),
        T("plain.csv", "lists", "plain.csv", _make_lists, _read_source("plain.csv"), ways.CSV,
          weight=0.5),
        T("urls.jsonl", "lists", "urls.jsonl", _make_lists, _read_source("urls.jsonl"),
          ways.LINES),
        T("urls.parquet", "lists", "urls.parquet", _make_lists, _read_source("urls.parquet"),
          ways.TABLES),
        *(
            T(f"photo.{name}", "photos", f"photo.{name}", _make_photos,
              _read_photo(f"photo.{name}"), [ways.flip_begin, *ways.BYTES], weight=0.3,
              errors=(Rejected,), mine=False)
            for name in ("png", "jpeg", "webp", "gif", "tiff")
        ),
    ]
}  # fmt: skip
