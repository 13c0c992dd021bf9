"""What a person names becomes places in latent space; what names nothing is answered."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from limbeck.editing import (
    Seeding,
    parse_stop,
    photos_of,
    points_as_bytes,
    points_of,
    read_points,
    write_points,
)
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import to_float
from limbeck.latents import ModeMarks, images_of_seeds, images_of_w
from limbeck.percept import LPIPS
from tests.editing.walk_small import small


@pytest.mark.parametrize(
    ("text", "kind", "numbers", "path"),
    [
        ("5", "seeds", (5,), None),
        ("0-2, 42", "seeds", (0, 1, 2, 42), None),
        ("seed:7", "seeds", (7,), None),
        ("mode:3", "modes", (3,), None),
        ("modes:3-5,1", "modes", (3, 4, 5, 1), None),
        ("mode:all", "modes", None, None),
        ("a b/dog.safetensors", "latents", None, Path("a b/dog.safetensors")),
        ("C:\\dog.safetensors:2-3", "latents", (2, 3), Path("C:\\dog.safetensors")),
        ("dog.jpg", "photo", None, Path("dog.jpg")),
        ("./5", "photo", None, Path("5")),
        ("mode:3.png", None, None, None),
    ],
)
def test_names_are_understood(
    text: str, kind: str | None, numbers: tuple[int, ...] | None, path: Path | None
) -> None:
    if kind is None:
        with pytest.raises(UsageError, match="no place in latent space"):
            parse_stop(text)
        return
    stop = parse_stop(text)
    assert (stop.kind, stop.numbers, stop.path) == (kind, numbers, path)


@pytest.mark.parametrize("text", ["", "dog", "mode", "mode:", "mode:x", "5-2", "1,,2", "-3", "::"])
def test_what_names_nothing_is_told_all_kinds(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_stop(text)
    for kind in ("seed:5", "mode:3", "limbeck invert", "photo"):
        assert kind in caught.value.do


def test_a_file_called_like_a_seed_must_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "5").write_bytes(b"")
    with pytest.raises(UsageError, match="names seeds, and a file") as caught:
        parse_stop("5")
    assert "seed:5" in caught.value.do
    assert "./5" in caught.value.do
    assert parse_stop("seed:5").kind == "seeds"
    assert parse_stop("./5").kind == "photo"
    assert parse_stop("6").kind == "seeds"


@pytest.mark.parametrize("truncation", ["none", "global", "multimodal-l2", "multimodal-lpips"])
def test_seeds_are_what_sample_draws(truncation: str) -> None:
    networks, modes = small()
    how = Seeding(psi=0.6, truncation=truncation, modes=modes, cutoff=3)  # type: ignore[arg-type]
    points = points_of(networks, [parse_stop("3,9")], how)
    assert [point.name for point in points] == ["seed 3", "seed 9"]
    ws = torch.stack([point.ws for point in points])
    found = torch.stack(list(images_of_w(networks, ws)))
    wanted = images_of_seeds(
        networks, [3, 9], psi=0.6, truncation=truncation, modes=modes, cutoff=3,  # type: ignore[arg-type]
        embedder=LPIPS.load("alex"),
    )  # fmt: skip
    assert torch.equal(found, torch.stack([one.image for one in wanted]))


def test_modes_files_and_photos(tmp_path: Path) -> None:
    networks, modes = small()
    how = Seeding(modes=modes)
    centres = points_of(networks, [parse_stop("mode:all"), parse_stop("mode:4")], how)
    assert len(centres) == 13
    assert torch.equal(centres[4].ws, centres[12].ws)
    assert torch.equal(centres[4].ws[1], modes.centres[4])

    file = tmp_path / "dogs.safetensors"
    write_points(centres[:3], file)
    rows = points_of(networks, [parse_stop(f"{file}:2,0"), parse_stop(str(file))], how)
    assert [point.name for point in rows] == ["mode 2", "mode 0", "mode 0", "mode 1", "mode 2"]
    assert torch.equal(rows[0].ws, centres[2].ws)

    photo = parse_stop(str(tmp_path / "dog.jpg"))
    assert photos_of([photo, photo]) == [tmp_path / "dog.jpg"]
    square = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    (placed,) = points_of(networks, [photo], how, {tmp_path / "dog.jpg": square})
    assert networks.E_ema is not None
    with torch.no_grad():
        w = networks.E_ema(to_float(square))
    assert placed.name == "dog.jpg"
    assert torch.equal(placed.ws, w.expand(networks.G_ema.num_ws, -1))


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    networks, modes = small()
    file = tmp_path / "dogs.safetensors"
    write_points(points_of(networks, [parse_stop("1")], Seeding()), file)
    with pytest.raises(UsageError, match="no mode 12"):
        points_of(networks, [parse_stop("mode:12")], Seeding(modes=modes))
    with pytest.raises(UsageError, match="no modes"):
        points_of(networks, [parse_stop("mode:0")], Seeding())
    with pytest.raises(UsageError, match="has no latents 1"):
        points_of(networks, [parse_stop(f"{file}:1")], Seeding())
    (point,) = points_of(networks, [parse_stop("1")], Seeding())
    write_points([replace(point, ws=point.ws[:2])], file)
    with pytest.raises(DataError, match="this generator takes"):
        points_of(networks, [parse_stop(str(file))], Seeding())
    blind = SimpleNamespace(G_ema=networks.G_ema, config=networks.config, E_ema=None)
    square = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(UsageError, match=r"no encoder.*dog\.jpg") as caught:
        points_of(blind, [parse_stop("dog.jpg")], Seeding(), {Path("dog.jpg"): square})  # type: ignore[arg-type]
    assert "limbeck invert" in caught.value.do


def test_a_person_s_marks_of_modes() -> None:
    networks, modes = small()
    marks = ModeMarks(never=frozenset({2}), merged={4: 3}, hidden=frozenset({5}))
    marked = replace(modes, marks=marks)
    how = Seeding(modes=marked)
    every = points_of(networks, [parse_stop("mode:all")], how)
    assert [p.name for p in every] == [f"mode {n}" for n in range(12) if n not in (2, 4)]
    (group,) = points_of(networks, [parse_stop("mode:4")], how)
    assert group.name == "mode 3"
    assert torch.allclose(group.ws[0], (modes.centres[3] + modes.centres[4]) / 2, atol=1e-6)
    with pytest.raises(UsageError, match="mode 2 is not drawn: somebody marked it `never`"):
        points_of(networks, [parse_stop("mode:0-3")], how)


def test_points_as_bytes_are_what_would_be_written(tmp_path: Path) -> None:
    networks, _ = small()
    points = points_of(networks, [parse_stop("seed:1-2")], Seeding())
    (tmp_path / "sent.safetensors").write_bytes(points_as_bytes(points))
    write_points(points, tmp_path / "written.safetensors")
    sent, written = (read_points(tmp_path / f"{name}.safetensors") for name in ("sent", "written"))
    assert [one.name for one in sent] == [one.name for one in written] == ["seed 1", "seed 2"]
    assert all(torch.equal(a.ws, b.ws) for a, b in zip(sent, written, strict=True))
