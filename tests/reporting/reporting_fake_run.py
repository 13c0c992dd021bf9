"""A small finished run, written stage by stage in the documented formats, without training."""

import hashlib
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from limbeck import fsio
from limbeck.artefacts.keep import KeepList
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.stage import Provenance
from limbeck.config import Config
from limbeck.curation.formulas import recommended_formula
from limbeck.data import COPY_SHEET, flags_of, open_dataset, write_dataset
from limbeck.kit.images import save_png
from limbeck.latents import ModeCentres
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least
from limbeck.presets import preset
from limbeck.records import ImageInfo, KeepSummary, Quality, Reason, Status

HOSTILE = "<script>alert('x')</script>&\"quoted\".jpg"
NAMES = {
    5: HOSTILE,
    11: "walk/\u202egpj.\u2066exe\u200f.jpg",  # reads as another type where directions are obeyed
    17: "a' onerror='alert(1)'\n\t\x07\x85.jpg",
    23: "\u05db\u05dc\u05d1/--></style><img src=x>.jpg",
    29: "{{ 7 * 7 }} javascript:alert(1).jpg",
}
COUNT = 60
MODES = 4


def is_outlier(index: int) -> bool:
    return index % 6 == 5


def picture(index: int, side: int = 64) -> np.ndarray:
    """uint8 [3, side, side]: a shaded ball, or stripes for an outlier."""
    random = np.random.default_rng(index)
    y, x = np.mgrid[0:side, 0:side] / side
    if is_outlier(index):
        stripes = ((x * (4 + index % 5)).astype(int) % 2)[None] * np.array(
            [[[255]], [[90]], [[40]]]
        )
        return stripes.astype(np.uint8)
    centre = random.uniform(0.35, 0.65, 2)
    inside = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) < random.uniform(0.05, 0.12)
    shade = 1.0 - 0.9 * np.hypot(x - centre[0] + 0.1, y - centre[1] + 0.1)
    colour = np.array([[40, 120, 200], [200, 80, 60], [70, 160, 90]][index % 3])[:, None, None]
    ground = random.uniform(60, 200, (3, 1, 1)) + 20 * random.standard_normal((3, side, side))
    return np.where(inside, colour * shade, ground).clip(0, 255).astype(np.uint8)


def photo_id(index: int) -> str:
    return hashlib.sha256(f"photo {index}".encode()).hexdigest()[:16]


def sha(index: int) -> str:
    return hashlib.sha256(f"photo {index}".encode()).hexdigest()


def source(index: int) -> str:
    return NAMES.get(index, f"walk/photo-{index:03d}.jpg")


def settings() -> Config:
    return preset("smoke")


def quality(index: int) -> Quality:
    """Every fourth photo is blurred, the later the worse; outliers have no colour."""
    perfect = Quality(**dict.fromkeys(Quality.model_fields, 1.0))
    blur = 0.4 - 0.4 * index / COUNT if index % 4 == 0 else 0.9
    return perfect.model_copy(update={"blur": blur, "grey": 0.0 if is_outlier(index) else 0.5})


def write_data(run: Path, config: Config) -> None:
    infos = [
        ImageInfo(
            source=source(i), id=photo_id(i), sha256=sha(i), status=Status.ACCEPTED,
            width=64, height=64, box=(0, 0, 64, 64), phash=f"{i:016x}",
            quality=quality(i), flags=flags_of(quality(i)),
        )
        for i in range(COUNT)
    ]  # fmt: skip
    infos += [
        ImageInfo(
            source="twin.jpg", id=photo_id(1000), status=Status.REJECTED,
            reason=Reason.DUPLICATE, duplicate_of=photo_id(0),
        ),
        *(
            ImageInfo(
                source=f"again {n} <i>.jpg", id=photo_id(1001 + n), status=Status.REJECTED,
                reason=Reason.NEAR_DUPLICATE, duplicate_of=photo_id(5), phash=f"{n:016x}",
            )
            for n in range(7)
        ),
        ImageInfo(
            source="notes <b>.txt", status=Status.REJECTED, reason=Reason.NOT_AN_IMAGE,
            detail="text & nothing else",
        ),
        ImageInfo(source="torn.jpg", status=Status.REJECTED, reason=Reason.CORRUPT, detail="cut"),
        ImageInfo(source="mine.jpg", status=Status.OPTED_OUT, reason=Reason.OPTED_OUT),
        ImageInfo(source="gone.jpg", status=Status.FAILED, reason=Reason.UNREADABLE),
    ]  # fmt: skip
    write_dataset(run / "data", infos, (picture(i) for i in range(COUNT)), 64)
    save_png(torch.from_numpy(picture(5)), run / "data" / COPY_SHEET)
    finish(run, "data", {"listed": len(infos)})


def finish(run: Path, stage: str, summary: dict[str, object]) -> None:
    Provenance.of({}, {}).finish(
        run / stage, stage, started=time.perf_counter() - 3, summary=summary
    )


def write_training(run: Path, name: str, config: Config, seed: int) -> None:
    folder = run / name
    for step in range(1, 21):
        fsio.append_jsonl(
            folder / "stats.jsonl",
            {
                "images": 64 * step, "kimg": 0.064 * step, "seconds": 2.0 * step,
                "images_per_second": 90.0 + step, "augment_p": 0.01 * step, "pl_mean": 0.1,
                "time": "2026-01-01T00:00:00+00:00", "loss/G": 1.5 - 0.02 * step + 0.1 * seed,
                "loss/D": 0.7 + 0.01 * step, "rec/l1": 0.8 / step, "signs/real": 0.3,
            },
        )  # fmt: skip
    for images, kid in ((640, 31.5), (1280, 12.25)):
        row = {"images": images, "kid": kid, "spread": 0.6, "pictures": 60}
        fsio.append_jsonl(folder / "snapshots.jsonl", row)
    Networks.create(config.net, seed).save(folder / "nets-000001280")
    finish(run, name, {"networks": "nets-000001280", "seconds": 40.0})


def write_scores(run: Path, config: Config) -> None:
    random = np.random.default_rng(0)
    odd = np.array([is_outlier(i) for i in range(COUNT)])
    lpips = random.normal(0.3, 0.05, COUNT) + 0.12 * odd
    seam = np.abs(random.normal(0.2, 0.03, COUNT)) + np.where(odd, 1.0, 0.0)
    columns = {
        "id": [photo_id(i) for i in range(COUNT)],
        "lpips": lpips,
        "d_logit": random.normal(0, 1, COUNT),
        "recommended": 10 * lpips + random.normal(0, 0.2, COUNT) + 2 * odd,
        "lpips_mid": lpips + random.normal(0, 0.01, COUNT),
        "feature_gauss": random.normal(9, 1, COUNT),
        "seam": seam,
        "x_brightness": random.normal(0, 1, COUNT),
        "x_mode": np.arange(COUNT) % MODES,
    }
    (run / "scores").mkdir(parents=True)
    pq.write_table(pa.table(columns), run / "scores" / "scores.parquet")
    formulas = {n: f"formula of {n} < 1 & more" for n in columns if n != "id"}
    formulas["recommended"] = recommended_formula(columns)
    fsio.write_json(
        run / "scores" / "scores.json", {"images": COUNT, "columns": formulas, "seconds": 1.0}
    )
    write_modes(run / "scores" / "raw-modes", config, 1)
    finish(run, "scores", {"images": COUNT})


def keep_list(
    kept: dict[str, bool],
    reasons: dict[str, str] | None = None,
    summary: KeepSummary | None = None,
    *,
    column: str = "recommended",
) -> KeepList:
    """A keep list of these photos, as `read_keep` would give it."""
    words = [(reasons or {}).get(photo, "") for photo in kept]
    about = KeepSummary(
        listed=len(kept), kept=sum(kept.values()), dropped=len(kept) - sum(kept.values()),
        overridden=0, column=column, rule="auto", threshold=1.0,
    )  # fmt: skip
    rows = {"id": list(kept), "keep": list(kept.values()), "reason": words}
    return KeepList(pa.table(rows), summary or about)


def write_keep(run: Path) -> None:
    table = pq.read_table(run / "scores" / "scores.parquet")
    values = table.column("recommended").to_numpy()
    threshold = float(np.sort(values)[int(0.8 * COUNT) - 1])
    kept = values <= threshold
    reasons = ["" if k else f"recommended > {threshold:.4g}" for k in kept]
    (run / "keep").mkdir()
    pq.write_table(
        pa.table({"id": table.column("id"), "keep": kept, "reason": reasons, "score": values}),
        run / "keep" / "keep.parquet",
    )
    summary = {
        "listed": COUNT, "kept": int(kept.sum()), "dropped": int((~kept).sum()), "overridden": 0,
        "column": "recommended", "rule": "auto", "threshold": threshold,
        "modes_kept": {"0": 0.8}, "warnings": ["mode 3 <lost>: 10 % of its photos are kept"],
    }  # fmt: skip
    finish(run, "keep", summary)


def write_modes(folder: Path, config: Config, seed: int) -> None:
    """Centres of random latents, embedded as the modes room does (64 px, LPIPS-AlexNet)."""
    nets = Networks.create(config.net, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        w = nets.G_ema.mapping.w(torch.randn(MODES, config.net.z_dim, generator=generator))
        pictures = nets.G_ema.synthesis(nets.G_ema.broadcast(w))
        embeddings = LPIPS.load("alex").embed(at_least(pictures, 64))
    folder.mkdir(parents=True, exist_ok=True)
    centres = ModeCentres(w, embeddings, torch.tensor([100, 80, 60, 16]))
    centres.save(folder / "modes.safetensors")
    for k in range(MODES):
        sheet = torch.from_numpy(np.concatenate([picture(k), picture(k + 6)], axis=2))
        save_png(sheet, folder / f"mode-{k:02d}.png")


def write_metrics(run: Path) -> None:
    for column, value in (("lpips", 0.71), ("recommended", 0.93)):
        fsio.append_jsonl(
            run / "metrics" / "metrics.jsonl",
            {
                "metric": "auroc", "column": column, "value": value, "spread": 0.01,
                "outliers": 10, "in_domain": 50, "by_kind": {"stripes": value}, "seed": 0,
            },
        )  # fmt: skip
    write_generator_metrics(run / "metrics" / "metrics.jsonl")


def write_generator_metrics(path: Path) -> None:
    """As `evaluate` writes them: two ways of drawing each generator, and the photos."""
    about = {"command": "limbeck evaluate SECRET", "first_seed": 7_000, "seed": 0}
    for index, generator in enumerate(("raw", "kept")):
        for psi, truncation in ((1.0, "none"), (0.7, "multimodal-lpips")):
            way = "untruncated" if truncation == "none" else f"{truncation} {psi:g}"
            drawn = {"generator": generator, "psi": psi, "truncation": truncation, **about}
            for features in ("lpips-alex", "inception"):
                for photos in ("raw", "kept", "clean"):
                    row = {
                        "metric": "set_distance", "value": 12.345, **drawn, "photos": photos,
                        "column": f"{features}, {way}, {photos} photos", "features": features,
                        "real": 48, "fake": 48, "fid": 12.345 + index, "kid": 0.00042,
                        "kid_spread": 0.001, "kid_error": 0.00015, "precision": 0.61,
                        "recall": 0.32, "density": 1.21, "coverage": 0.83,
                        "resize": "bilinear to 64 px", "subset_seed": 7_001,
                    }  # fmt: skip
                    fsio.append_jsonl(path, row)
            pairs = [{"seed": 7_002, "photo": photo_id(0), "distance": 0.1}]
            copies = {
                "metric": "memorising", "value": 0.543, **drawn, "column": way, "closer": 0.543,
                "z": 2.34, "nearer_1": 0.0123, "nearer_5": 0.05, "median_ratio": 0.9,
                "features": "lpips-alex", "pictures": 48, "photos": 60, "others": 0,
                "closest": pairs,
            }  # fmt: skip
            fsio.append_jsonl(path, copies)
            fsio.append_jsonl(path, variety(0.3) | drawn | {"column": way})
    for photos in ("raw", "kept"):
        row = variety(0.4) | about | {"photos": photos, "column": f"{photos} photos"}
        fsio.append_jsonl(path, row)


def variety(overall: float) -> dict[str, object]:
    """A row of `diversity`; no two images are of one mode."""
    return {
        "metric": "diversity", "value": overall, "pictures": 48, "modes": 4, "overall": overall,
        "overall_spread": 0.0123, "within": None, "within_spread": None, "between": overall,
        "between_spread": None,
    }  # fmt: skip


def write_labels(path: Path) -> Path:
    """Half of the rows join by sha256, half by name; one names no photo."""
    for i in range(COUNT):
        row: dict[str, object] = {"is_outlier": is_outlier(i)}
        row |= {"outlier_kind": "stripes"} if is_outlier(i) else {}
        row |= {"sha256": sha(i)} if i % 2 else {"file": source(i)}
        fsio.append_jsonl(path, row)
    fsio.append_jsonl(path, {"file": "nobody.jpg", "is_outlier": False})
    return path


STAGES = ("data", "raw", "scores", "keep", "kept", "modes")


def make_run(run: Path, *, upto: str = "modes") -> Path:
    """A run whose stages up to and with `upto` are finished."""
    config = settings()
    run.mkdir(parents=True)
    RunDir(run).write(config, photos="walk", machine={"cpu": "a <cpu>", "cores": 2})
    wanted = STAGES[: STAGES.index(upto) + 1] if upto else ()
    if "data" in wanted:
        write_data(run, config)
        open_dataset(run / "data")
    if "raw" in wanted:
        write_training(run, "raw", config, 1)
    if "scores" in wanted:
        write_scores(run, config)
    if "keep" in wanted:
        write_keep(run)
    if "kept" in wanted:
        write_training(run, "kept", config, 2)
    if "modes" in wanted:
        write_modes(run / "modes", config, 2)
        finish(run, "modes", {"clusters": MODES})
        write_metrics(run)
    return run
