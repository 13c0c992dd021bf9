"""The model folder: out, in, and refused when anything in it was changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from model_small import small_pipeline
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from limbeck import preset
from limbeck.editing import Inversion
from limbeck.errors import DataError, UsageError
from limbeck.fsio import sha256_file
from limbeck.kit.images import to_pil, to_uint8
from limbeck.latents import ModeCentres
from limbeck.model import Pipeline
from limbeck.model.sampling import sample
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least

CONFIG = preset("smoke")
G, E, M = "generator.safetensors", "encoder.safetensors", "modes.safetensors"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def saved(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def test_round_trip(pipeline: Pipeline, saved: Path) -> None:
    back = Pipeline.from_pretrained(saved, device="cpu")
    for first, second in ((pipeline.G_ema, back.G_ema), (pipeline.E_ema, back.E_ema)):
        assert first is not None
        assert second is not None
        for (name, a), (_, b) in zip(
            first.state_dict().items(), second.state_dict().items(), strict=True
        ):
            assert torch.equal(a, b), name
    pictures = back(range(5))
    assert pictures.shape == (5, 3, 16, 16)
    assert torch.equal(pictures, pipeline(range(5)))
    assert back.settings == CONFIG
    assert (back.licence, back.data) == ("CC-BY-4.0", {"photos accepted": 12})
    assert back([]).shape == (0, 3, 16, 16)


def test_pictures_are_those_of_sample(pipeline: Pipeline) -> None:
    drawn = [one.image for one in sample(pipeline, [1, 8], psi=0.5, modes=pipeline.modes)]
    assert torch.equal(pipeline([1, 8], psi=0.5), torch.stack(drawn))


def test_half_precision_is_half_as_large_and_nearly_the_same(
    pipeline: Pipeline, saved: Path, tmp_path: Path
) -> None:
    pipeline.save_pretrained(tmp_path, dtype="float16")
    assert (tmp_path / G).stat().st_size < 0.6 * (saved / G).stat().st_size
    back = Pipeline.from_pretrained(tmp_path, device="cpu")
    assert back.G_ema.mapping.w_avg.dtype == torch.float32
    a, b = back(range(4), truncation="global"), pipeline(range(4), truncation="global")
    assert float((a.float() - b.float()).abs().mean()) < 2


def test_without_encoder_and_modes(tmp_path: Path) -> None:
    Pipeline(Networks.create(CONFIG.net, 0).eval(), None).save_pretrained(tmp_path)
    assert (tmp_path / E).exists()
    networks = Networks.create(CONFIG.net, 0, encoder=False).eval()
    Pipeline(networks, None).save_pretrained(tmp_path)
    assert not (tmp_path / E).exists()
    back = Pipeline.from_pretrained(tmp_path, device="cpu")
    assert back([0], truncation="global").shape == (1, 3, 16, 16)
    assert torch.equal(back([0]), back([0], truncation="global"))
    with pytest.raises(UsageError, match="needs modes"):
        back([0], truncation="multimodal-lpips")
    with pytest.raises(UsageError, match="no encoder"):
        back.invert(back([0], truncation="global")[0])
    assert 'truncation="global"' in (tmp_path / "README.md").read_text()


def test_invert(pipeline: Pipeline) -> None:
    photo = pipeline([3], psi=1.0)[0]
    w, picture, distance = pipeline.invert(photo)
    assert w.shape == (1, 16)
    assert picture.shape == (3, 16, 16)
    assert torch.equal(pipeline.generate(w)[0], picture)
    lpips, two = LPIPS.load("alex"), torch.stack([photo, picture]).float() / 127.5 - 1
    wanted = float(lpips.distance(at_least(two[:1], 64), at_least(two[1:], 64))[0])
    assert distance == pytest.approx(wanted, abs=5e-3)  # the image was rounded to 8 bits here
    assert torch.equal(pipeline.invert(photo[None])[0], w)
    assert torch.equal(pipeline.invert(to_pil(photo))[0], w)


def test_invert_searches_many_at_once(pipeline: Pipeline) -> None:
    photos = pipeline(range(2), truncation="none")
    guessed = pipeline.invert(list(photos))
    found = pipeline.invert([to_pil(photo) for photo in photos], steps=9, output="float")
    assert [tuple(one.w.shape) for one in found] == [(1, pipeline.G_ema.num_ws, 16)] * 2
    assert all(two.distance < one.distance for one, two in zip(guessed, found, strict=True))
    for one in found:
        assert isinstance(one.image, Tensor)
        assert torch.equal(to_uint8(one.image), pipeline.generate(one.w)[0])
    assert pipeline.invert([]) == []
    with pytest.raises(UsageError, match="steps"):
        pipeline.invert(photos[0], steps=3, settings=Inversion())


def test_invert_takes_the_centre_square(pipeline: Pipeline) -> None:
    photo = pipeline([3], psi=1.0)[0]
    wide = torch.zeros(3, 16, 40, dtype=torch.uint8)
    wide[..., 12:28] = photo
    w = pipeline.invert(photo)[0]
    assert torch.equal(pipeline.invert(wide)[0], w)
    assert torch.equal(pipeline.invert(to_pil(wide))[0], w)
    grey = Image.new("L", (50, 70))
    assert pipeline.invert(grey)[1].shape == (3, 16, 16)
    for bad in (photo.float(), photo[:1], torch.stack([photo, photo])):
        with pytest.raises(UsageError, match="give a PIL image or uint8"):
            pipeline.invert(bad)


def test_card_says_what_there_is(saved: Path) -> None:
    text = (saved / "README.md").read_text()
    for words in ("CC-BY-4.0", "photos accepted: 12", "16 px", "3 centres", "## Limits",
                  "from_pretrained", "model.invert", "preset `smoke`"):  # fmt: skip
        assert words in text
    with Image.open(saved / "samples.png") as sheet:
        assert sheet.size == (8 * 18 - 2, 4 * 18 - 2)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / "config.json").read_text())
    change(values)
    (folder / "config.json").write_text(json.dumps(values))


def resign(folder: Path, name: str) -> None:
    """Make config.json agree with a changed file, as an attacker would."""
    facts = {"sha256": sha256_file(folder / name), "bytes": (folder / name).stat().st_size}
    edit(folder, lambda v: v["files"].update({name: facts}))


@pytest.mark.parametrize("name", [G, E, M])
def test_one_flipped_bit_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-3] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name}: sha256"):
        Pipeline.from_pretrained(folder)
    (folder / name).write_bytes(data[:-1])
    with pytest.raises(DataError, match=f"{name}: .* bytes, config.json says"):
        Pipeline.from_pretrained(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        Pipeline.from_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format="other"), "format is not"),
        (lambda v: v["net"].update(size=24), r"net\.size: .*power of two"),
        (lambda v: v["net"].update(depth=3), r"net\.depth"),
        (lambda v: v.update(surprise=1), "surprise"),
        (lambda v: v["files"].pop(G), "names no generator"),
        (lambda v: v["files"].update({"../x": v["files"][G]}), r"files\.\.\./x"),
        (lambda v: v["files"][G].update(sha256="0"), "sha256"),
        (lambda v: v["net"].update(w_dim=8), r"settings\.net differs"),
        (lambda v: v.update(dtype="float16"), "is F32 instead of F16"),
    ],
)
def test_changed_configuration_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(folder, change)
    with pytest.raises(DataError, match=message):
        Pipeline.from_pretrained(folder)


@pytest.mark.parametrize(
    ("size", "field"), [("w_dim", "mapping.fc0"), ("channel_max", "synthesis.b16")]
)
def test_networks_of_another_shape_are_refused(folder: Path, size: str, field: str) -> None:
    def change(values: dict[str, Any]) -> None:
        values["settings"] = None
        values["net"][size] = 4096 if size == "w_dim" else 8  # refused before memory is taken

    edit(folder, change)
    with pytest.raises(DataError, match=r"does not fit net in config\.json") as caught:
        Pipeline.from_pretrained(folder)
    assert field in str(caught.value) or "more" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mapping_layers", 3_000_000), ("w_dim", 2**40), ("z_dim", 0), ("num_classes", 10**9),
        ("channel_base", 2**62), ("channel_base", 0), ("channel_max", 10**6), ("mbstd_group", -1),
        ("size", 2**20), ("w_dim", "wide"), ("w_dim", None), ("size", [16]),
    ],
)  # fmt: skip
def test_absurd_shapes_are_refused_by_name(folder: Path, field: str, value: object) -> None:
    edit(folder, lambda values: values["net"].update({field: value}))
    with pytest.raises(DataError, match=rf"config\.json: net.*{field}"):
        Pipeline.from_pretrained(folder)


@pytest.mark.parametrize("classes", [1, 10**6])
def test_as_many_classes_as_the_weights_know(folder: Path, classes: int) -> None:
    def change(values: dict[str, Any]) -> None:
        values["settings"] = None
        values["net"]["num_classes"] = classes

    edit(folder, change)
    with pytest.raises(DataError, match=r"mapping\.embed\.weight is missing"):
        Pipeline.from_pretrained(folder)


def test_resigned_tensors_are_still_checked(folder: Path) -> None:
    tensors = load_file(folder / G)
    first = next(iter(tensors))

    def refused(changed: dict[str, torch.Tensor], message: str) -> None:
        save_file(changed, folder / G)
        resign(folder, G)
        with pytest.raises(DataError, match=message):
            Pipeline.from_pretrained(folder)

    refused({k: v for k, v in tensors.items() if k != first}, f"{first} is missing")
    refused({**tensors, "extra": torch.zeros(1)}, "extra is not part of it")
    refused({**tensors, first: tensors[first] * torch.nan}, f"{first} not finite")
    refused({**tensors, first: tensors[first].double()}, f"{first} is F64 instead of F32")


def test_pickles_are_never_opened(folder: Path) -> None:
    mark = folder / "executed"

    class Bomb:
        def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
            return mark.touch, ()

    torch.save({"bomb": Bomb()}, folder / G)
    resign(folder, G)
    with pytest.raises(DataError, match="is damaged"):
        Pipeline.from_pretrained(folder)
    assert not mark.exists()


def test_modes_of_another_model_are_refused(folder: Path) -> None:
    modes = ModeCentres(torch.zeros(2, 5), torch.zeros(2, 9), torch.ones(2, dtype=torch.int64))
    modes.save(folder / M)
    resign(folder, M)
    with pytest.raises(DataError, match=r"net\.w_dim in config\.json is 16"):
        Pipeline.from_pretrained(folder)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    networks = Networks.create(CONFIG.net, 0, encoder=False)
    networks.G_ema.mapping.w_avg.fill_(1e6)
    with pytest.raises(DataError, match=r"mapping\.w_avg not finite in float16"):
        Pipeline(networks, None).save_pretrained(tmp_path, dtype="float16")
