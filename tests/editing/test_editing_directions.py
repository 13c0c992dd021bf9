"""Directions found, measured, ranked, written, read and named."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from directions_small import few, small_modes, small_networks, stylegan3
from PIL import Image
from torch import Tensor, nn

from limbeck.artefacts.person_csv import check_name
from limbeck.artefacts.stage import read_done
from limbeck.editing import (
    Direction,
    DirectionSettings,
    find_directions,
    images_needed,
    name_direction,
    read_directions,
)
from limbeck.editing.directions import Candidate, Measured, Observer, effect_mask, strongest
from limbeck.editing.directions.choosing import alike
from limbeck.editing.directions.naming import read_names, write_name
from limbeck.editing.directions.records import LabelFacts
from limbeck.errors import DataError, UsageError
from limbeck.nets import Networks
from limbeck.percept import LPIPS

STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


class Patches(nn.Module):
    """Draws a grey image; the first number of w lights a corner, the second one all of it."""

    num_ws = 1

    def synthesis(self, ws: Tensor, noise: str = "const", rng: object = None) -> Tensor:
        picture = torch.zeros(len(ws), 3, 64, 64) + ws[:, 0, 2].view(-1, 1, 1, 1)
        checks = ((torch.arange(64)[:, None] // 4 + torch.arange(64) // 4) % 2).float() - 0.5
        picture = picture + 0.4 * checks * ws[:, 0, 1].view(-1, 1, 1, 1)
        picture[:, :, :16, :16] += 0.12 * (3 + ws[:, 0, 0]).view(-1, 1, 1, 1)
        return picture


def candidate(*shift: float, name: str = "a") -> Candidate:
    return Candidate(Direction(name, torch.tensor([shift])), "pca", "all", (0,), None)


@pytest.fixture(scope="module")
def observer() -> Observer:
    return Observer(Patches(), LPIPS.load("alex"), None)  # type: ignore[arg-type]


BASES = torch.tensor([[[0.0, 0.3, level]] for level in (-0.3, -0.1, 0.1, 0.3)])


def test_effects_say_how_much_where_and_how_steadily(observer: Observer) -> None:
    local = observer.measure(candidate(1.0, 0.0, 0.0), BASES, STEPS)
    rows, columns = effect_mask(local.map).nonzero(as_tuple=True)
    assert int(rows.max()) < 16
    assert int(columns.max()) < 16, "the corner"
    assert local.map.max() == 1
    effects = local.effects
    assert effects.inside > 2.5 * effects.area
    assert effects.local == pytest.approx(
        effects.lpips_per_unit * (effects.inside - effects.area), rel=1e-6
    )
    assert effects.monotonic > 0.9
    assert effects.mode_changes is None
    assert effects.images == 4
    assert effects.lpips[3] == 0
    steps = [d / abs(s) for d, s in zip(effects.lpips, STEPS, strict=True) if s]
    assert effects.lpips_per_unit == pytest.approx(sum(steps) / 6, rel=1e-5)
    everywhere = observer.measure(candidate(0.0, 1.0, 0.0), BASES, STEPS).effects
    assert everywhere.inside < 1.5 * everywhere.area
    nothing = observer.measure(candidate(0.0, 0.0, 0.0), BASES, STEPS).effects
    assert nothing.lpips_per_unit == 0
    assert nothing.monotonic == 0


def test_back_and_forth_is_not_monotonic(observer: Observer) -> None:
    class Waves(Patches):
        def synthesis(self, ws: Tensor, noise: str = "const", rng: object = None) -> Tensor:
            ws = ws.clone()
            ws[:, 0, 0] = (ws[:, 0, 0] * torch.pi / 2).cos() * 3
            return super().synthesis(ws)

    waves = Observer(Waves(), observer.embedder, None)  # type: ignore[arg-type]
    assert waves.measure(candidate(1.0, 0.0, 0.0), BASES, STEPS).effects.monotonic < 0.6


def test_the_strongest_differ_from_one_another(observer: Observer) -> None:
    given = [
        candidate(1.0, 0.0, 0.0, name="corner"),
        candidate(-0.9, 0.1, 0.0, name="corner again"),
        candidate(0.0, 1.0, 0.0, name="all"),
        candidate(0.0, 0.0, 0.001, name="next to nothing"),
        candidate(0.0, 0.0, 0.0, name="nothing"),
    ]
    found, similar = strongest(observer, given, BASES, 2, STEPS)
    names = [one.candidate.direction.id for one in found]
    assert len({name.split()[0] for name in names}) == 2
    assert "nothing" not in names
    assert similar == 1 or "all" in names[0]
    per_unit = [one.effects.lpips_per_unit for one in found]
    assert per_unit == sorted(per_unit, reverse=True)


def test_the_same_change_by_another_vector_is_the_same(observer: Observer) -> None:
    class Twice(Patches):
        def synthesis(self, ws: Tensor, noise: str = "const", rng: object = None) -> Tensor:
            corner = ws[:, :, 0] + ws[:, :, 1]
            both = torch.stack([corner, torch.full_like(corner, 0.3), ws[:, :, 2]], 2)
            return super().synthesis(both)

    twice = Observer(Twice(), observer.embedder, None)  # type: ignore[arg-type]
    first, second, other = (
        twice.measure(candidate(*v), BASES, STEPS)
        for v in ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 0.2))
    )
    assert alike(first, second)
    assert not alike(first, other)

    def labelled(one: Measured, column: str) -> Measured:
        facts = LabelFacts(column=column, value=None, rows=20, score=0, chance=0, penalty=1)
        return replace(one, candidate=replace(one.candidate, label=facts))

    assert alike(labelled(first, "age"), labelled(second, "age"))
    assert not alike(labelled(first, "age"), labelled(second, "size")), "both were asked for"


@pytest.fixture(scope="module")
def networks() -> Networks:
    return small_networks()


@pytest.fixture(scope="module")
def folder(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("directions")
    find_directions(networks, out, few("pca"), modes=small_modes(networks))
    return out


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_a_folder_holds_what_was_found(folder: Path, networks: Networks) -> None:
    found = read_directions(folder, networks)
    assert len(found) == 2
    first = found.all[0]
    assert first.direction.shift is not None
    assert first.direction.shift.shape == (6, 16)
    assert first.map.shape == (32, 32)
    assert first.entry.effects.mode_changes is not None
    assert first.entry.effects.lpips_per_unit >= found.all[1].entry.effects.lpips_per_unit
    assert found.find(0) is found.find("0") is found.find(first.direction.id) is first
    for bad in ("2", "ears-up", "-1", ""):
        with pytest.raises(UsageError, match="no direction"):
            found.find(bad)
    with Image.open(folder / "atlas.png") as atlas:
        assert atlas.width > 1000
    done = read_done(folder)
    assert done is not None
    assert set(done.files) == {"atlas.png", "directions.json", "directions.safetensors"}


def test_the_same_call_reads_and_another_one_finds_anew(
    folder: Path, networks: Networks, tmp_path: Path
) -> None:
    out, modes = copy_of(folder, tmp_path / "out"), small_modes(networks)
    done = read_done(folder)
    assert done is not None
    before = (out / "directions.json").stat().st_mtime_ns
    again = find_directions(networks, out, few("pca"), modes=modes)
    assert (out / "directions.json").stat().st_mtime_ns == before
    twice = find_directions(networks, tmp_path / "b", few("pca"), modes=modes)
    for a, b in zip(again.all, twice.all, strict=True):
        assert a.entry == b.entry
        assert torch.equal(a.map, b.map)
    sefa = find_directions(networks, out, few("sefa", count=1))
    assert sefa.all[0].entry.method == "sefa"
    assert sefa.all[0].entry.effects.mode_changes is None


def test_directions_of_another_generator_or_run_are_refused(
    folder: Path, networks: Networks, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="found in another generator"):
        read_directions(folder, small_networks(1))
    with pytest.raises(DataError, match="holds no directions"):
        read_directions(tmp_path)
    out = copy_of(folder, tmp_path / "out")
    text = (out / "directions.json").read_text(encoding="utf-8")
    values = json.loads(text)
    values["directions"].pop()
    (out / "directions.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match="does not hold the 1 directions"):
        read_directions(out)
    values = json.loads(text) | {"tensors": "0" * 16}
    (out / "directions.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match="not of the same run"):
        read_directions(out)
    (out / "directions.json").write_text(text.replace('"area"', '"era"'), encoding="utf-8")
    with pytest.raises(DataError, match="era"):
        read_directions(out)


def test_names_are_a_persons_and_outlive_a_search(
    folder: Path, networks: Networks, tmp_path: Path
) -> None:
    out = copy_of(folder, tmp_path / "out")
    ids = [one.direction.id for one in read_directions(out).all]
    with Image.open(out / "atlas.png") as atlas:
        before = atlas.convert("RGB").tobytes()
    named = name_direction(out, ids[1], " ears-up ")
    assert named.find("ears-up").direction.id == ids[1]
    assert json.loads((out / "directions.json").read_text())["directions"][1]["name"] == "ears-up"
    with Image.open(out / "atlas.png") as atlas:
        assert atlas.convert("RGB").tobytes() != before
    with pytest.raises(UsageError, match="is called 'ears-up' already"):
        name_direction(out, 0, "ears-up")
    with (out / "names.csv").open("a") as file:
        file.write("someone-elses,pca-all-00,tail\n")
    modes = small_modes(networks)
    again = find_directions(networks, out, few("pca", seed=9, bases=5), modes=modes)
    kept = [one for one in again.all if one.direction.id == ids[1]]
    assert all(one.name == "ears-up" == one.entry.name for one in kept)
    assert "ears-up" in (out / "names.csv").read_text()
    assert "tail" in (out / "names.csv").read_text()
    same = find_directions(networks, out, few("pca"), modes=modes)
    assert same.find("ears-up").direction.id == ids[1]
    name_direction(out, ids[1], None)
    with Image.open(out / "atlas.png") as atlas:
        assert atlas.convert("RGB").tobytes() == before
    assert "ears-up" not in (out / "names.csv").read_text()
    done = read_done(out)
    assert done is not None
    assert "names.csv" not in done.files


def test_a_naming_that_was_killed_between_two_renames_loses_nothing(
    folder: Path, networks: Networks, tmp_path: Path
) -> None:
    out = copy_of(folder, tmp_path / "out")
    name_direction(out, 0, "ears-up")
    abandoned = tmp_path / ".tmp-old-out-1-00000000-00000000"
    out.rename(abandoned)
    os.utime(abandoned, (0, 0))
    assert read_directions(out, networks).find("ears-up").entry.name == "ears-up"
    assert (out / "names.csv").exists()


def test_names_that_cannot_be(tmp_path: Path) -> None:
    for bad in ("", " ", "7", "a:b", "a=b", "a,b", "a\nb", "x" * 61):
        with pytest.raises(UsageError, match="cannot be a direction's name"):
            check_name(bad, "direction")
    write_name(tmp_path, "g", "pca-all-00", "Ohren höher")
    assert read_names(tmp_path, "g") == {"pca-all-00": "Ohren höher"}
    assert read_names(tmp_path, "other") == {}
    for text in ("g,a\n", "g,a,7\n", '"g\n'):
        (tmp_path / "names.csv").write_text(f"digest,id,name\n{text}", encoding="utf-8")
        with pytest.raises(DataError, match=r"names.csv:\d"):
            read_names(tmp_path, "g")


@pytest.mark.parametrize("method", ["sefa", "stylespace"])
def test_a_stylegan3_generator_is_searched_alike(method: str, tmp_path: Path) -> None:
    from directions_small import NET3

    both = Networks(NET3, 1, ("G_ema",)).eval()
    both.G_ema.load_state_dict(stylegan3().state_dict())
    found = find_directions(both, tmp_path / "out", few(method, count=1, ranges=("middle",)))
    one = read_directions(tmp_path / "out", both).all[0]
    assert one.entry == found.all[0].entry
    assert (one.direction.channel is None) == (method == "sefa")
    if method == "stylespace":
        assert found.about.strengths[-1] == 15


def test_labels_within_modes(networks: Networks, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    rows = "".join(f"{seed},{seed * 37 % 11}\n" for seed in range(400))
    labels.write_text(f"seed,size\n{rows}", encoding="utf-8")
    modes = small_modes(networks)
    settings = few("labels", mode=1, ranges=("all",))
    found = find_directions(networks, tmp_path / "out", settings, modes=modes, labels=labels)
    (one,) = found.all
    assert one.direction.id == "labels-mode01-all-size"
    assert one.entry.label is not None
    assert 20 <= one.entry.label.rows < 400, "of this mode's seeds alone"
    for method, given, words in (("labels", None, "needs labels"), ("pca", labels, "no labels")):
        with pytest.raises(UsageError, match=words):
            find_directions(networks, tmp_path / "no", few(method), labels=given)
    with pytest.raises(UsageError, match="layers"):
        find_directions(networks, tmp_path / "no", few("pca", ranges=("9",)))
    assert not (tmp_path / "no").exists()


def test_settings_are_checked() -> None:
    assert DirectionSettings.of(method="pca").strengths == STEPS
    assert images_needed(few("pca", per_mode=3)) == 3 * images_needed(few("pca"))
    for values, words in (
        ({"method": "magic"}, "method"),
        ({"count": 0}, "count"),
        ({"mode": 1, "per_mode": 2}, "both"),
        ({"ranges": ()}, "ranges"),
    ):
        with pytest.raises(UsageError, match=words):
            few(**{"method": "pca", **values})


def test_measured_is_not_compared_by_value(observer: Observer) -> None:
    one = observer.measure(candidate(1.0, 0.0, 0.0), BASES, (-2.0, 0.0, 2.0))
    assert isinstance(one, Measured)
    assert len(one.effects.lpips) == 3
