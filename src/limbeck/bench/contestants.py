"""What limbeck's training is compared with: configurations of the same widths."""

from limbeck.config import Config
from limbeck.presets import preset

CONTESTANTS = ("preset", "stylegan2", "textbook")
"""What is compared:

* `preset`: the configuration asked for.
* `stylegan2`: the same generator against limbeck's StyleGAN2 discriminator, with the settings that
  the narrow presets trained it with.
* `textbook`: StyleGAN2 as a textbook writes it (`limbeck.bench.textbook`), with the public
  settings: mapping of 8 layers, batch 32, noise, style mixing, path lengths, R1.
"""


def contestant(name: str, config: Config) -> Config:
    """The configuration that a contestant trains with."""
    if name == "preset":
        return config
    if name == "stylegan2":
        narrow = {
            "net.d_architecture": "resnet", "net.rgb_scale": 1.0, "net.mapping_lr": 0.01,
            "net.mbstd_group": 4, "train.augment": "ada", "train.gamma": 0.3, "train.lr": 0.0035,
            "train.d_lr_ratio": 1.0, "train.decay": 0.0, "train.batch": 16, "train.ada_kimg": 100.0,
            "train.grow": 0.0, "train.ema_kimg": 5.0,
        }  # fmt: skip
        return config.replace(**narrow)
    net = config.net
    public = preset("auto", net.size).replace(
        **{"train.augment": "none", "train.encoder": False, "net.mapping_layers": 8,
           "net.channel_base": net.channel_base, "net.channel_max": net.channel_max,
           "net.z_dim": net.z_dim, "net.w_dim": net.w_dim, "train.batch": 32}
    )  # fmt: skip
    return public.replace(seed=config.seed, device=config.device)
