import pytest

from limbeck.errors import UsageError
from limbeck.presets import preset, preset_names, suggested


def test_names() -> None:
    assert preset_names() == [
        "smoke", "tiny", "small", "medium", "base", "large", "auto",
        "paper256", "paper512", "paper1024",
    ]  # fmt: skip
    for name in preset_names():
        assert preset(name).preset == name


@pytest.mark.parametrize(
    "name", ["smoke", "tiny", "small", "medium", "base", "large", "auto", "paper256"]
)
@pytest.mark.parametrize("size", [16, 64, 256, 1024])
def test_the_size_reaches_data_and_networks(name: str, size: int) -> None:
    config = preset(name, size)
    assert config.data.size == config.net.size == size


@pytest.mark.parametrize(("size", "batch"), [(64, 32), (256, 16), (512, 8), (1024, 4)])
def test_auto_follows_the_published_rule(size: int, batch: int) -> None:
    config = preset("auto", size)
    assert config.train.batch == batch
    assert config.train.lr == (0.002 if size >= 1024 else 0.0025)
    assert config.train.ema_kimg == batch * 10 / 32
    assert config.net.channel_base == (32768 if size >= 512 else 16384)
    assert config.net.mapping_layers == 2


def test_paper256_is_the_published_recipe() -> None:
    config = preset("paper256")
    assert (config.train.batch, config.gamma(), config.net.mapping_layers) == (64, 1.0, 8)
    assert (config.net.mbstd_group, config.train.ema_kimg, config.train.lr) == (8, 20, 0.0025)
    assert config.train.rec_measure == "lpips-vgg16"


@pytest.mark.parametrize(
    ("device", "hours", "name"),
    [("cpu", None, "tiny"), ("cpu", 1, "tiny"), ("cpu", 2, "small"), ("cuda", None, "medium"),
     ("cuda", 0.2, "medium"), ("cuda", 4, "base"), ("cuda", 12, "large")],
)  # fmt: skip
def test_who_names_no_preset_gets_one_for_machine_and_time(
    device: str, hours: float | None, name: str
) -> None:
    found, why = suggested(device, None if hours is None else hours * 3600)
    assert found == name
    assert f"{preset(name).net.size} px" in why


def test_refusals_say_what_to_do() -> None:
    with pytest.raises(UsageError, match="no preset 'huge'") as caught:
        preset("huge")
    assert "tiny" in caught.value.do
    with pytest.raises(UsageError, match="size 48"):
        preset("tiny", 48)
