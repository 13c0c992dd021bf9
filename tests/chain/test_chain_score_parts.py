"""Scores made in parts, by hand and by a real Ray: those of one process, bit for bit."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from limbeck import fsio, logs
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.chain import score_by_ray, score_photos, score_shard
from limbeck.chain import scoring as chain_scoring
from limbeck.chain.stages import Chain
from limbeck.cli import app
from limbeck.config import Config, ModesConfig, NetConfig, ScoreConfig
from limbeck.curation import parts as parts_files
from limbeck.curation import scoring
from limbeck.curation.gathering import gather
from limbeck.curation.looking import Blocks
from limbeck.data import Dataset, open_dataset, write_dataset
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import Shard
from limbeck.kit.rng import generator
from limbeck.kit.rows import StoredRows
from limbeck.metrics import weighted_mean
from limbeck.nets import Networks
from limbeck.records import ImageInfo, Status

PHOTOS = 17
CONFIG = Config(
    score=ScoreConfig(batch=2, generated=20),
    modes=ModesConfig(samples=32, clusters=2, exemplars=1),
    device="cpu",
)
NET = NetConfig(
    size=16, channel_base=64, channel_max=8, z_dim=8, w_dim=8, mapping_layers=1
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As a task of one core has (sums in another order have other last digits), and the last step,
    which fuses columns that are there, in short."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "suspects", lambda columns: None)
        patch.setattr(scoring, "fuse", lambda columns, _: weighted_mean(list(columns.values())))
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return drawn(tmp_path_factory.mktemp("set"), 1)


def drawn(root: Path, seed: int) -> Dataset:
    coarse = torch.rand(PHOTOS, 3, 4, 4, generator=generator("score-parts", seed))
    x = torch.nn.functional.interpolate(coarse, size=64, mode="bicubic", align_corners=False)
    infos = [
        ImageInfo(source=f"{i}.png", id=f"{i:016x}", status=Status.ACCEPTED) for i in range(PHOTOS)
    ]
    write_dataset(root, infos, iter((x.clamp(0, 1) * 255).to(torch.uint8)), 64)
    return open_dataset(root)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets") / "nets-000001"
    Networks.create(NET, 0).save(folder)
    return folder


@pytest.fixture(scope="module")
def networks(nets: Path) -> Networks:
    return chain_scoring._opened(nets, "cpu")


@pytest.fixture(scope="module")
def whole(dataset: Dataset, networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Scores:
    """The scores of one process."""
    return score_photos(dataset, networks, tmp_path_factory.mktemp("whole") / "scores", CONFIG)


def part(
    dataset: Dataset, networks: Networks, out: Path, of: int, *numbers: int, config: Config = CONFIG
) -> None:
    for number in numbers:
        score_shard(dataset, networks, out, config, Shard(number, of))


def test_blocks_are_whole_batches_whatever_the_number_of_parts(tmp_path: Path) -> None:
    blocks = Blocks(21, 2)
    assert len(blocks) == 3
    assert [list(blocks.rows(block)) for block in range(3)] == [
        list(range(8)), list(range(8, 16)), list(range(16, 21)),
    ]  # fmt: skip
    assert [rows.tolist() for rows in blocks.batches(2)] == [[16, 17], [18, 19], [20]]
    found = [
        {
            "seam": np.array(blocks.rows(block)),
            "feature": np.array([[r] for r in blocks.rows(block)]),
        }
        for block in range(3)
    ]
    with fsio.Scratch(tmp_path) as disk:
        for there in (None, disk):
            whole = gather(found, there)
            assert whole.numbers["seam"].tolist() == list(range(21))
            assert whole.features["feature"][0:21].tolist() == [[row] for row in range(21)]
            assert isinstance(whole.features["feature"], StoredRows) == (there is not None)


@pytest.mark.parametrize("of", [2, 5])
def test_parts_joined_are_the_scores_of_one_process(
    dataset: Dataset, networks: Networks, whole: Scores, tmp_path: Path, of: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out = tmp_path / "scores"
    part(dataset, networks, out, of, *reversed(range(of)))
    monkeypatch.setattr("limbeck.curation.scoring.BlockScorer", None)  # no photo is read again
    joined = score_photos(dataset, networks, out, CONFIG)
    assert joined.table.equals(whole.table)
    assert read_scores(out).table.equals(whole.table)
    assert joined.summary.model_copy(update={"seconds": 0}) == whole.summary.model_copy(
        update={"seconds": 0}
    )
    assert (out / "raw-modes" / "atlas.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["scores"], "parts go once joined"
    assert score_photos(dataset, networks, out, CONFIG).table.equals(whole.table)


def test_the_stage_of_a_run_joins_and_removes_them(
    dataset: Dataset, networks: Networks, nets: Path, whole: Scores, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    part(dataset, networks, tmp_path / "run" / "scores", 1, 0)
    monkeypatch.setattr("limbeck.curation.scoring.BlockScorer", None)
    with logs.stages({"scores": "scoring"}) as progress:
        folder = Chain(RunDir(tmp_path / "run"), CONFIG, progress).scores(dataset, nets)
    assert read_scores(folder).table.equals(whole.table)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["scores"]


def test_a_part_goes_on_and_missing_ones_are_named(
    dataset: Dataset, networks: Networks, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    part(dataset, networks, out, 3, 0, 2)
    with pytest.raises(DataError, match=r"1 of 3 blocks .*of part 1/3\n.*--shard 1/3"):
        score_photos(dataset, networks, out, CONFIG)
    assert not out.exists()
    kept = tmp_path / "scores-parts" / "block-000002.safetensors"
    before = kept.stat().st_mtime_ns
    assert score_shard(dataset, networks, out, CONFIG, Shard(0, 2)) == (2, 0)
    assert score_shard(dataset, networks, out, CONFIG, Shard(0, 1)) == (3, 1)
    assert kept.stat().st_mtime_ns == before


def test_parts_of_something_else_are_named_and_refused(
    dataset: Dataset, networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scores"
    part(dataset, networks, out, 1, 0)

    def refused(data: Dataset, nets: Networks, config: Config) -> str:
        said = []
        for work in (
            lambda: score_photos(data, nets, out, config),
            lambda: score_shard(data, nets, out, config, Shard(0, 1)),
        ):
            with pytest.raises(DataError) as caught:
                work()
            said.append(str(caught.value))
        assert said[0].splitlines()[0] == said[1].splitlines()[0]
        assert str(tmp_path / "scores-parts") in said[0]
        return said[0]

    other = drawn(tmp_path / "other", 2)
    words = refused(other, networks, CONFIG)
    assert "block-000000.safetensors (of part 0/1) does not belong to these" in words
    assert "scores: other photos" in words
    assert "not made of these networks" in refused(dataset, Networks.create(NET, 5), CONFIG)
    assert "settings, seed" in refused(dataset, networks, CONFIG.replace(**{"score.blur": 3.0}))
    assert "and seed" in refused(dataset, networks, CONFIG.replace(seed=7))
    with monkeypatch.context() as patch:
        patch.setattr(parts_files, "__version__", "0.0")
        assert "other version of limbeck" in refused(dataset, networks, CONFIG)
    file = tmp_path / "scores-parts" / "block-000001.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    assert "block-000001.safetensors is damaged" in refused(dataset, networks, CONFIG)
    assert not out.exists()


def test_a_block_with_other_values_than_were_written_is_refused(
    dataset: Dataset, networks: Networks, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    part(dataset, networks, out, 1, 0)
    file = tmp_path / "scores-parts" / "block-000001.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"block-000001.safetensors is damaged\n.*remove"):
        score_photos(dataset, networks, out, CONFIG)


def test_a_folder_of_somebody_elses_is_not_taken_for_parts(
    dataset: Dataset, networks: Networks, tmp_path: Path
) -> None:
    place = tmp_path / "scores-parts"
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    for work in (
        lambda: part(dataset, networks, tmp_path / "scores", 1, 0),
        lambda: score_photos(dataset, networks, tmp_path / "scores", CONFIG),
    ):
        with pytest.raises(DataError, match=r"other things than parts of scores: mine.txt"):
            work()
    assert [path.name for path in place.iterdir()] == ["mine.txt"]


def test_networks_with_nan_make_no_part(dataset: Dataset, tmp_path: Path) -> None:
    broken = Networks.create(NET, 0)
    with torch.no_grad():
        next(broken.D.parameters()).fill_(torch.nan)
    with pytest.raises(DataError, match=r"block 0 are not finite: d_logit"):
        score_shard(dataset, broken, tmp_path / "scores", CONFIG, Shard(0, 1))


def test_the_first_part_finds_the_modes_for_all(
    dataset: Dataset, networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = chain_scoring.find_modes

    def slow(nets: Networks, out: Path, config: ModesConfig, **words: int) -> object:
        made = find(nets, out, config, **words)
        shutil.copytree(out, tmp_path / "s-parts" / "raw-modes")  # another part was faster
        return made

    monkeypatch.setattr(chain_scoring, "find_modes", slow)
    part(dataset, networks, tmp_path / "s", 3, 0)
    monkeypatch.setattr(chain_scoring, "find_modes", None)
    part(dataset, networks, tmp_path / "s", 3, 1, 2)
    assert not list((tmp_path / "s-parts").glob(".tmp-*"))


def test_the_commands(dataset: Dataset, nets: Path, tmp_path: Path) -> None:
    out, some = str(tmp_path / "s"), ["--set", "score.batch=2", "--set", "score.generated=20"]
    some += ["--set", "modes.samples=32", "--set", "modes.clusters=2", "--device", "cpu"]

    def told(*more: str, code: int = 0) -> str:
        words = ["score", str(dataset.root), str(nets), "--out", out, *some, *more]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output
        return result.output

    assert "would look at part 0/2" in told("--shard", "0/2", "--dry-run")
    assert "give one of them" in told("--shard", "0/2", "--ray", "2", code=2)
    assert "no part of a listing" in told("--shard", "2/2", code=2)
    assert not list(tmp_path.iterdir())
    assert "part 0/2: 2 blocks of photos looked at" in told("--shard", "0/2")
    assert "of part 1/2" in told(code=3)
    assert "part 1/2: 1 blocks" in told("--shard", "1/2")
    assert f"scored {PHOTOS} photos" in told()


def test_what_is_missing_is_asked_for(dataset: Dataset, nets: Path) -> None:
    result = CliRunner().invoke(app, ["score", str(dataset.root), str(nets)])
    assert result.exit_code == 2
    assert "--out" in result.output


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'limbeck[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("cluster")
def test_parts_made_by_ray_are_the_scores_of_one_process(
    dataset: Dataset, networks: Networks, nets: Path, whole: Scores, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    part(dataset, networks, out, 3, 1)  # a job that was stopped
    assert score_by_ray(dataset.root, nets, out, CONFIG, 2).table.equals(whole.table)
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]


def test_a_task_gives_its_error_back_in_words(dataset: Dataset, nets: Path, tmp_path: Path) -> None:
    config = CONFIG.model_dump(mode="json")
    failure = chain_scoring._part(
        str(tmp_path / "none"), str(nets), str(tmp_path / "s"), config, 0, 1
    )
    assert failure is not None
    assert failure[0] == "DataError"


def test_without_ray_it_is_said_what_to_install(
    dataset: Dataset, nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UsageError, match=r"Ray is not installed\n.*limbeck\[ray\]"):
        score_by_ray(dataset.root, nets, tmp_path / "s", CONFIG, 2)
    with pytest.raises(LimbeckError, match="from 1 on"):
        score_by_ray(dataset.root, nets, tmp_path / "s", CONFIG, 0)
    assert not list(tmp_path.iterdir())
