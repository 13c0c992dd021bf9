import ast
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import limbeck.curation
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.artefacts.stage import read_done
from limbeck.config import KeepConfig, ModesConfig, NetConfig, ScoreConfig
from limbeck.curation import keep, looking, score, seconds_per_photo
from limbeck.curation.columns import told_apart
from limbeck.curation.covariates import blur, covariates
from limbeck.curation.densities import hellinger
from limbeck.curation.embedding import Pictures, nearest_mean
from limbeck.curation.formulas import (
    DENSITIES,
    FORMULAS,
    FUSED,
    FUSED_WITHOUT,
    recommended_formula,
)
from limbeck.curation.generated import (
    FEATURE,
    LITE0,
    LITE0_SIDE,
    generated_spaces,
    norm_distances,
)
from limbeck.curation.scoring import compute, fuse, look_through, scorer_of
from limbeck.data import Dataset, open_dataset, write_dataset
from limbeck.fsio import Scratch
from limbeck.kit.distances import squared_distances
from limbeck.kit.images import to_float, to_uint8
from limbeck.kit.rng import generator
from limbeck.latents import draw_w, truncate
from limbeck.metrics import auroc
from limbeck.modes import find_modes
from limbeck.nets import Networks
from limbeck.percept import LPIPS, Features, at_least
from limbeck.records import ImageInfo, Status

PICTURES = 24
CONFIG = ScoreConfig(batch=8, generated=PICTURES)
PHOTOS = 16


def net(size: int, classes: int = 0) -> NetConfig:
    return NetConfig(
        size=size, channel_base=128, channel_max=16, z_dim=16, w_dim=16, mapping_layers=2,
        num_classes=classes,
    )  # fmt: skip


def photos(side: int) -> torch.Tensor:
    """Soft colour fields; the last is noise, the one before it flat grey."""
    random = generator("curation-tests", side)
    coarse = torch.rand(PHOTOS, 3, 4, 4, generator=random)
    x = torch.nn.functional.interpolate(coarse, size=side, mode="bicubic", align_corners=False)
    x[-1] = torch.rand(3, side, side, generator=random)
    x[-2] = 0.5
    return (x.clamp(0, 1) * 255).to(torch.uint8)


@pytest.fixture(scope="module", autouse=True)
def small_trunk() -> Iterator[None]:
    """The trunk sees photos at 64 px: a sixth of the work, and the same sums."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looking, "LITE0_SIDE", 64)
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("set")
    infos = [
        ImageInfo(source=f"{i}.png", id=f"{i:016x}", status=Status.ACCEPTED, width=128, height=128)
        for i in range(PHOTOS)
    ]
    write_dataset(root, infos, iter(photos(128)), 128)
    return open_dataset(root)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return warm(Networks.create(net(32), 0), 1)


def columns_of(
    dataset: Dataset,
    networks: Networks,
    config: ScoreConfig,
    *,
    centres: torch.Tensor | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    with Scratch(Path(tempfile.gettempdir())) as disk:
        found = look_through(scorer_of(dataset, networks, config, centres, seed), disk)
        return compute(found, networks, config, seed=seed)[0]


def warm(made: Networks, seed: int) -> Networks:
    """Fresh networks whose encoder does not give w_avg for every photo."""
    random = generator("warm", seed)
    assert made.E_ema is not None
    with torch.no_grad():
        for value in made.E_ema.parameters():
            if not value.any():
                value.copy_(0.1 * torch.randn(value.shape, generator=random))
    return made


@pytest.fixture(scope="module")
def columns(dataset: Dataset, networks: Networks) -> dict[str, np.ndarray]:
    centres = torch.randn(3, 16, generator=generator("centres"))
    return columns_of(dataset, networks, CONFIG, centres=centres)


def test_streaming_in_batches_changes_no_column(
    dataset: Dataset, networks: Networks, columns: dict[str, np.ndarray]
) -> None:
    centres = torch.randn(3, 16, generator=generator("centres"))
    whole = columns_of(
        dataset, networks, ScoreConfig(batch=PHOTOS, generated=PICTURES), centres=centres
    )
    assert list(whole) == list(columns)
    for name, values in whole.items():
        np.testing.assert_allclose(columns[name], values, rtol=2e-3, atol=2e-4, err_msg=name)


def test_columns_are_their_formulas(
    dataset: Dataset, networks: Networks, columns: dict[str, np.ndarray]
) -> None:
    lpips = LPIPS.load("alex")
    x = to_float(dataset.at(32)[np.arange(PHOTOS)])
    g, e = networks.G_ema, networks.E_ema
    assert e is not None
    with torch.no_grad():
        per_view, per_pixel, middle = [], [], []
        for view in (x, x.flip(3)):
            picture = g.synthesis(g.broadcast(e(view)), noise="const")
            big, other = at_least(view, 64), at_least(picture, 64)
            per_view.append(lpips.distance(big, other))
            per_pixel.append(((view - picture) ** 2).mean((1, 2, 3)))
            pairs = zip(lpips.embed_layers(big), lpips.embed_layers(other), strict=True)
            middle.append(torch.stack([((a - b) ** 2).sum(1) for a, b in pairs])[1:3])
        embedding = lpips.embed(to_float(dataset.at(64)[np.arange(PHOTOS)]))
        groups = networks.D.spread(x[: PHOTOS - PHOTOS % 4])  # as D sees photos, four by four
        logits = torch.cat([networks.D(photo[None], spread=groups) for photo in x]).flatten()
    check(columns["lpips"], torch.stack(per_view).mean(0))
    check(columns["l2"], torch.stack(per_pixel).mean(0))
    layers = torch.stack(middle).mean(0)
    check(columns["lpips_mid"], (layers / layers.mean(1, keepdim=True)).sum(0))
    check(columns["centroid"], ((embedding - embedding.mean(0)) ** 2).sum(1))
    check(columns["d_logit"], -logits)
    check(columns["recommended"], torch.from_numpy(fuse({n: columns[n] for n in FUSED})))
    assert columns["x_mode"].dtype == np.int64
    assert set(columns["x_mode"]) <= {0, 1, 2}
    assert all(np.isfinite(values).all() for values in columns.values())


def check(found: np.ndarray, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(found, expected.numpy(), rtol=2e-3, atol=2e-4)


def test_photos_are_compared_with_the_norm_as_small_as_images_are(
    dataset: Dataset, networks: Networks, columns: dict[str, np.ndarray]
) -> None:
    lpips, lite0 = LPIPS.load("alex"), Features("efficientnet-lite0", "cpu", LITE0_SIDE)
    shown = dataset.at(32)[np.arange(PHOTOS)]
    photos = {
        FEATURE: lpips.pooled(at_least(to_float(shown))).numpy(),
        LITE0: hellinger(lite0(shown).numpy()),
    }
    images = generated_spaces(networks, lpips, lite0, PICTURES, seed=0, batch=8)
    for name, values in norm_distances(photos, images).items():
        np.testing.assert_allclose(columns[name], values, rtol=2e-2, err_msg=name)


def test_covariates_know_noise_from_grey(columns: dict[str, np.ndarray]) -> None:
    assert columns["x_edge_energy"].argmax() == PHOTOS - 1
    assert columns["x_contrast"].argmin() == PHOTOS - 2


def test_what_the_generator_draws_is_ordinary_and_noise_is_odd(
    networks: Networks, tmp_path: Path
) -> None:
    g = networks.G_ema
    with torch.no_grad():
        w = draw_w(g.mapping, net(32), 24, seed=9)
        ws = g.broadcast(truncate(w, 0.7, g.mapping.w_avg))
        drawn = to_uint8(g.synthesis(ws, noise="const"))
    drawn[7] = photos(32)[-1]
    infos = [
        ImageInfo(source=f"{i}.png", id=f"{i:016x}", status=Status.ACCEPTED) for i in range(24)
    ]
    write_dataset(tmp_path, infos, iter(drawn), 32)
    found = columns_of(open_dataset(tmp_path), networks, CONFIG)
    for name in ("nngen", "centroid", "recommended"):
        assert found[name].argmax() == 7, name


def test_a_mirrored_photo_has_the_same_reconstruction_score(
    dataset: Dataset, networks: Networks, columns: dict[str, np.ndarray], tmp_path: Path
) -> None:
    flipped = photos(128).flip(3)
    write_dataset(tmp_path, list(dataset.infos), iter(flipped), 128)
    other = columns_of(open_dataset(tmp_path), networks, CONFIG)
    np.testing.assert_allclose(other["lpips"], columns["lpips"], rtol=1e-3)
    once = columns_of(dataset, networks, ScoreConfig(batch=8, mirror=False, generated=PICTURES))
    assert np.abs(once["lpips"] - columns["lpips"]).max() > 1e-3


@pytest.mark.parametrize("size", [16, 64, 128])
def test_every_size_of_networks_scores(dataset: Dataset, size: int) -> None:
    found = columns_of(dataset, Networks.create(net(size), 1), CONFIG)
    assert set(FUSED) < set(found)
    assert all(np.isfinite(values).all() for values in found.values())


def test_without_an_encoder_its_columns_are_absent_and_the_formula_says_so(
    dataset: Dataset,
) -> None:
    found = columns_of(dataset, Networks.create(net(16), 0, encoder=False), CONFIG)
    absent = {"lpips", "lpips_mid", "l2", "lpips_blur_ratio", "w_distance"}
    assert not (absent | {"mode_distance", "x_mode"}) & set(found)
    fused = fuse({n: found[n] for n in FUSED[1:]})
    np.testing.assert_allclose(found["recommended"], fused)
    assert FUSED[0] == "lpips_mid"
    np.testing.assert_array_equal(found["without_generator"], found["recommended"])
    formula = recommended_formula(found)
    assert "mean over s in (feature_gauss, feature_ppca, lite0_gauss, lite0_ppca, seam)" in formula
    assert "without lpips_mid: the networks have no encoder" in formula
    assert "without" not in recommended_formula(FUSED)


def test_without_generator_looks_at_photos_alone(
    dataset: Dataset, columns: dict[str, np.ndarray]
) -> None:
    other = columns_of(dataset, Networks.create(net(32), 7), CONFIG)
    np.testing.assert_allclose(other["without_generator"], columns["without_generator"], rtol=1e-5)
    assert np.abs(other["recommended"] - columns["recommended"]).max() > 1e-3
    fused = fuse({n: columns[n] for n in FUSED_WITHOUT})
    np.testing.assert_allclose(columns["without_generator"], fused)
    assert (*DENSITIES, "seam") == FUSED_WITHOUT


def test_a_column_counts_by_its_agreement_with_other_feature_spaces() -> None:
    random = np.random.default_rng(0)
    odd = np.arange(2000) >= 1800
    columns = {n: np.exp(0.3 * random.normal(size=2000) + 1.5 * odd) for n in DENSITIES}
    seams = np.exp(random.normal(size=2000))
    fused = fuse({**columns, "seam": seams})
    assert auroc(fused, odd) > 0.995
    plain = fuse(columns)
    np.testing.assert_allclose(fused, plain, atol=0.15)  # a column that knows nothing
    backwards = {**columns, "seam": 1 / columns["feature_gauss"]}
    np.testing.assert_array_equal(fuse(backwards), plain)  # what contradicts has no weight
    alike = {n: np.ones(9) for n in FUSED}
    assert fuse(alike).tolist() == [0.0] * 9


def test_telling_photos_apart_is_counted() -> None:
    photos = [torch.eye(6), torch.zeros(6, 2)]
    own = torch.zeros(6)
    assert told_apart(photos, photos, own).tolist() == [1.0] * 6
    same = [torch.ones(6, 6), torch.zeros(6, 2)]
    distance = ((photos[0] - same[0]) ** 2).sum(1)
    assert told_apart(photos, same, distance).tolist() == [0.5] * 6
    turned = [part.roll(3, 0) for part in photos]
    assert told_apart(photos, turned, torch.full((6,), 2.0)).tolist() == [0.0] * 6
    alone = [part[:1] for part in photos]
    assert told_apart(alone, alone, own[:1]).tolist() == [0.5]


def test_networks_that_have_learned_nothing_do_not_decide(dataset: Dataset, tmp_path: Path) -> None:
    scores = score(dataset, Networks.create(net(32), 0), tmp_path / "scores", CONFIG)
    assert scores.summary.told_apart == 0.5
    assert read_scores(tmp_path / "scores").summary.told_apart == 0.5
    found = keep(scores, tmp_path / "keep", KeepConfig()).summary
    assert found.column == "without_generator"
    assert "do not tell photos apart yet: 50%" in found.warnings[0]
    asked = keep(scores, tmp_path / "keep", KeepConfig(column="recommended")).summary
    assert asked.column == "recommended"
    assert "recommended rests on reconstructions" in asked.warnings[0]
    blind = Networks.create(net(32), 0, encoder=False)
    scores = score(dataset, blind, tmp_path / "scores", CONFIG)
    assert scores.summary.told_apart is None
    assert keep(scores, tmp_path / "keep", KeepConfig()).summary.column == "recommended"


def test_scores_with_the_networks_modes_can_be_kept_per_mode(
    dataset: Dataset, networks: Networks, tmp_path: Path
) -> None:
    config = ModesConfig(samples=64, clusters=3, exemplars=2)
    found = find_modes(networks, tmp_path / "raw-modes", config)
    scores = score(dataset, networks, tmp_path / "scores", CONFIG, centres=found.centres)
    again = read_scores(tmp_path / "scores")
    per_mode = KeepConfig(rule="fraction", fraction=0.5, per_mode=True)
    result = keep(again, tmp_path / "keep", per_mode, modes=again.modes())
    assert result.summary.kept == PHOTOS // 2
    assert set(result.summary.modes_kept) == set(scores.column("x_mode"))


@pytest.mark.parametrize("count", [1, 2, 5, 40])
@pytest.mark.parametrize("alike", [False, True])
def test_few_photos_and_photos_all_alike_are_scored_and_kept(
    networks: Networks, tmp_path: Path, count: int, alike: bool
) -> None:
    some = photos(128)[:1] if alike else photos(128)
    some = some.repeat(count, 1, 1, 1)[:count]
    infos = [
        ImageInfo(source=f"{i}.png", id=f"{i:016x}", status=Status.ACCEPTED) for i in range(count)
    ]
    write_dataset(tmp_path / "data", infos, iter(some), 128)
    centres = torch.randn(3, 16, generator=generator("centres"))
    config = ScoreConfig(batch=7, generated=PICTURES)
    scores = score(
        open_dataset(tmp_path / "data"), networks, tmp_path / "scores", config, centres=centres
    )
    for per_mode in (False, True):
        rule = KeepConfig(per_mode=per_mode)
        found = keep(scores, tmp_path / "keep", rule, modes=scores.modes()).summary
        assert np.isfinite(found.threshold)
        assert found.kept >= round(0.4 * count)
        if alike:
            assert found.kept == count


def test_conditional_networks_score_without_a_label(dataset: Dataset) -> None:
    found = columns_of(dataset, Networks.create(net(16, classes=3), 0), CONFIG)
    assert "d_logit" not in found
    assert "nngen" in found


def test_the_stage_on_disk_and_again(
    dataset: Dataset, networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = score(dataset, networks, tmp_path, CONFIG, seed=4)
    assert isinstance(scores, Scores)
    assert scores.ids == dataset.ids
    assert scores.sources == tuple(f"{i}.png" for i in range(PHOTOS))
    assert scores.names[0] == "recommended"
    assert list(scores.summary.columns) == list(scores.names)
    assert all(scores.summary.columns.values())
    assert "20 nearest of 24 images" in scores.summary.columns["nngen"]
    assert read_scores(tmp_path).table.equals(scores.table)
    done = read_done(tmp_path)
    assert done is not None
    assert done.inputs["dataset"] == dataset.digest
    monkeypatch.setattr("limbeck.curation.scoring.BlockScorer", None)
    again = score(dataset, networks, tmp_path, CONFIG, seed=4)
    assert again.table.equals(scores.table)
    with pytest.raises(TypeError):
        score(dataset, networks, tmp_path, CONFIG, seed=5)
    monkeypatch.setitem(FORMULAS, "l2", "another")
    with pytest.raises(TypeError):
        score(dataset, networks, tmp_path, CONFIG, seed=4)


def test_cost_of_a_photo_is_measured(dataset: Dataset, networks: Networks) -> None:
    assert 0 < seconds_per_photo(dataset, networks, CONFIG) < 5


def test_generated_pictures_depend_on_the_seed_alone(networks: Networks) -> None:
    lpips = LPIPS.load("alex")
    with torch.no_grad():
        a, b, c = (
            Pictures(networks.G_ema, lpips, net(32), count=12, seed=seed, batch=batch).embeddings
            for seed, batch in ((0, 5), (0, 12), (1, 12))
        )
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    assert (a - c).abs().max() > 1e-3


def test_distances_and_their_nearest_mean() -> None:
    random = generator("distances")
    a, b = torch.randn(5, 7, generator=random), torch.randn(9, 7, generator=random)
    found = squared_distances(a, b)
    torch.testing.assert_close(found, torch.cdist(a, b) ** 2)
    assert (squared_distances(a, a) >= 0).all()
    torch.testing.assert_close(nearest_mean(found, 3), found.sort(1).values[:, :3].mean(1))
    torch.testing.assert_close(nearest_mean(found, 50), found.mean(1))


def test_covariates_of_known_pictures() -> None:
    x = torch.zeros(3, 3, 8, 8)
    x[1, :, :, 4:] = 1.0
    x[2, 0] = 1.0
    found = covariates(x)
    torch.testing.assert_close(found["x_edge_energy"], torch.tensor([0, 1 / 7, 0]))
    torch.testing.assert_close(found["x_brightness"], torch.tensor([0, 0.5, 0.299]))
    torch.testing.assert_close(found["x_contrast"], torch.tensor([0, 0.5, 0]))
    torch.testing.assert_close(found["x_saturation"], torch.tensor([0.0, 0, 1]))


def test_blur_keeps_flat_pictures_and_spreads_a_point_as_a_gaussian() -> None:
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(blur(flat, 2.0), flat)
    point = torch.zeros(1, 3, 33, 33)
    point[..., 16, 16] = 1
    found = blur(point, 2.0)[0, 0]
    assert found.sum() == pytest.approx(1, abs=1e-5)
    offsets = torch.arange(33) - 16.0
    assert float((found.sum(0) * offsets**2).sum()) == pytest.approx(4, rel=0.05)
    assert blur(torch.rand(1, 3, 4, 4), 9.0).shape == (1, 3, 4, 4)


FORBIDDEN = ("is_outlier", "outlier_kind", "label", "labels", "truth", "manifest")


def test_curation_reads_no_label() -> None:
    folder = Path(limbeck.curation.__file__).parent
    files = sorted(folder.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in FORBIDDEN, f"{file.name}:{node.lineno} .{node.attr}"
            elif isinstance(node, ast.Name):
                assert node.id not in FORBIDDEN, f"{file.name}:{node.lineno} {node.id}"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in FORBIDDEN, f"{file.name}:{node.lineno} {node.value!r}"
            elif isinstance(node, ast.ImportFrom):
                assert "evaluation" not in str(node.module), f"{file.name}:{node.lineno}"


def test_labels_in_the_records_change_no_score(
    dataset: Dataset, networks: Networks, columns: dict[str, np.ndarray], tmp_path: Path
) -> None:
    infos = [info.model_copy(update={"label": i % 2}) for i, info in enumerate(dataset.infos)]
    write_dataset(tmp_path, infos, iter(photos(128)), 128)
    found = columns_of(open_dataset(tmp_path), networks, CONFIG)
    for name, values in found.items():
        np.testing.assert_array_equal(values, columns[name], err_msg=name)


def test_the_critic_sees_the_spread_that_photos_have(dataset: Dataset) -> None:
    x = to_float(dataset.at(16)[np.arange(PHOTOS)])
    D = Networks.create(net(16), 0).D
    with torch.no_grad():
        alone, usual = D(x[:1]), D(x[:1], spread=D.spread(x))
        assert D.spread(x[:1]) < 1e-3 < D.spread(x)
        assert not torch.equal(alone, usual)
        for batch in (1, 4, PHOTOS):  # whoever comes with it does not matter
            torch.testing.assert_close(D(x[:batch], spread=D.spread(x))[:1], usual)


def test_heads_on_features_judge_photos_too(dataset: Dataset) -> None:
    projected = net(16).model_copy(update={"d_architecture": "projected", "d_feature_side": 32})
    found = columns_of(dataset, Networks.create(projected, 0), CONFIG)
    assert np.isfinite(found["d_logit"]).all()
    assert found["d_logit"].std() > 0
