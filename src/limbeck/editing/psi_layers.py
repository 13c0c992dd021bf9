"""Strengths of truncation by layer, as a person writes them."""

from limbeck.editing.layers import layers_named
from limbeck.errors import UsageError
from limbeck.latents import check_psi

_HOW = "write LAYERS:STRENGTH, e.g. 0-3:0.5,4-:1 or coarse:0.5,fine:1"


def psi_by_layer(text: str, num_ws: int, otherwise: float) -> list[float]:
    """`0-3:0.5,4-:1` -> a strength for each layer; what is named later counts.

    Args:
        text: see above; layers as `layers_named` has them, one range or name a part.
        num_ws: layers of the generator.
        otherwise: of layers that are not named.

    Raises:
        UsageError: another form, or a layer that is not there.
    """
    strengths = [check_psi(otherwise)] * num_ws
    for part in text.split(","):
        layers, colon, strength = part.strip().partition(":")
        try:
            psi = check_psi(float(strength))
        except ValueError:
            colon = ""
        if not colon:
            raise UsageError(f"strengths by layer {text!r}: {part!r} is none", _HOW)
        for layer in layers_named(layers, num_ws):
            strengths[layer] = psi
    return strengths
