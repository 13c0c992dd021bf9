"""What tests/fixtures/public-networks/README.md describes, opened."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from limbeck.nets.public import (
    Translated,
    code_of,
    from_pytorch_discriminator,
    from_pytorch_generator,
    from_tensorflow_discriminator,
    from_tensorflow_generator,
)

FOLDER = Path(__file__).parents[1] / "fixtures" / "public-networks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.safetensors"))


@dataclass
class Foreign:
    """One file: arguments and tensors by network, inputs and outputs."""

    name: str
    arguments: dict[str, dict[str, Any]]
    tensors: dict[str, dict[str, Tensor]]
    expected: dict[str, Tensor]

    @property
    def classes(self) -> Tensor | None:
        c = self.expected.get("c")
        return None if c is None else c.argmax(1)

    def generator(self, **changes: Any) -> Translated:
        """Translated, some arguments changed."""
        arguments = {**self.arguments["G_ema"], **changes}
        if self.name.startswith("tf"):
            return from_tensorflow_generator(arguments, self.tensors["G_ema"])
        return from_pytorch_generator(arguments, self.tensors["G_ema"])

    def discriminator(self, **changes: Any) -> Translated:
        """Translated, some arguments changed."""
        arguments = {**self.arguments["D"], **changes}
        if self.name.startswith("tf"):
            return from_tensorflow_discriminator(arguments, self.tensors["D"])
        code = code_of(self.arguments["G_ema"])
        return from_pytorch_discriminator(arguments, self.tensors["D"], code)


def foreign(name: str) -> Foreign:
    """The file of that name, read anew."""
    parts: dict[str, dict[str, Tensor]] = {"G_ema": {}, "D": {}, "expected": {}}
    with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        about = json.loads(file.metadata()["about"])
        for key in file.keys():  # noqa: SIM118 - not a dict
            part, _, leaf = key.partition("/")
            parts[part][leaf] = file.get_tensor(key)
    expected = parts.pop("expected")
    return Foreign(name, about, parts, expected)
