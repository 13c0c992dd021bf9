"""What the demo's solids are made of, and how light falls on them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from limbeck.demo.shapes import Array, f32
from limbeck.demo.tracing import Hits

Colour = tuple[float, float, float]
Pattern = Literal["plain", "cobalt", "dots", "drip", "speckle", "hammered", "studs", "stripes"]


@dataclass(frozen=True)
class Light:
    """Light of a scene; colours are linear RGB.

    Args:
        direction: unit vector [3] towards the key light.
        key: the key light's colour.
        sky: what comes from above.
        wall: what comes from the sides (mirrored by glossy things).
        ground: what the ground throws back.
        window: half width of the key light as glossy things mirror it.
    """

    direction: Array
    key: Colour
    sky: Colour
    wall: Colour
    ground: Colour
    window: float = 0.3


@dataclass(frozen=True)
class Material:
    """A surface: base and trim colours (linear RGB), a pattern, and how it shines.

    Args:
        colour: of the body.
        trim: of lid rim, knob, handle (or beak, stem, ...).
        pattern: what is painted or beaten into it.
        ink: colour of the pattern.
        gloss: 0 matt to 1 mirror-like glaze.
        metal: 0 glaze, 1 metal (reflections take the body's colour).
        scale: repeats of the pattern around the body.
        phase: radians by which the pattern is turned; makes each piece its own.
    """

    colour: Colour
    trim: Colour
    pattern: Pattern = "plain"
    ink: Colour = (0.05, 0.08, 0.4)
    gloss: float = 0.7
    metal: float = 0.0
    scale: float = 9.0
    phase: float = 0.0


def column(colour: Colour) -> Array:
    """A colour as float32 [3, 1]."""
    return np.array(colour, np.float32)[:, None]


def smoothstep(low: float, high: float, x: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between (either order)."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return f32(t * t * (3 - 2 * t))


def wobble(local: Array, phase: float, frequency: float) -> Array:
    """Smooth noise in about [-1, 1] at points [3, n]: three crossed sine waves."""
    x, y, z = local * np.float32(frequency)
    p = np.float32(phase)
    return f32(
        (
            np.sin(x * 1.1 + 1.7 * np.sin(y * 0.9 + p) + p)
            + np.sin(y * 1.3 + 1.9 * np.sin(z * 0.8 - p) + 2 * p)
            + np.sin(z * 1.2 + 1.5 * np.sin(x * 1.0 + 3 * p) - p)
        )
        / np.float32(3)
    )


def _lattice(local: Array, scale: float, phase: float) -> tuple[Array, Array]:
    """Offsets in [-0.5, 0.5] from the nearest point of a brick lattice around the body."""
    x, y, z = local
    v = y * np.float32(scale / 6.28) * np.float32(1.15)
    row = np.floor(v)
    u = np.arctan2(z, x) * np.float32(scale / 6.2832) + np.float32(phase) + 0.5 * (row % 2)
    return u - np.floor(u) - np.float32(0.5), v - row - np.float32(0.5)


def _cobalt(material: Material, local: Array) -> Array:
    """Ink coverage of a blue-and-white pot: two bands, a garland of flowers and leaves."""
    y = local[1]
    bands = smoothstep(0.05, 0.03, np.abs(y - np.float32(0.22))) + smoothstep(
        0.035, 0.02, np.abs(y - np.float32(1.30))
    )
    u, v = np.arctan2(local[2], local[0]), (y - np.float32(0.78)) * np.float32(2.4)
    turn = u * np.float32(round(material.scale * 0.6) / 6.2832) + np.float32(material.phase)
    a = (turn - np.floor(turn) - np.float32(0.5)) * np.float32(2.6)
    radius, angle = np.sqrt(a * a + v * v), np.arctan2(v, a)
    petals = 0.55 + 0.22 * np.cos(5 * angle + np.float32(material.phase * 3))
    flower = smoothstep(0, -0.10, radius - petals)
    flower *= 1 - 0.85 * smoothstep(0.22, 0.12, radius)
    vine = smoothstep(0.11, 0.05, np.abs(v - 0.75 * np.sin(u * 6 + np.float32(material.phase))))
    return f32(np.clip(bands + flower + 0.6 * vine * (radius > 0.75), 0, 1))


def albedo(material: Material, hits: Hits) -> Array:
    """Base colour [3, n] of each hit, patterns painted on the body."""
    local, n = hits.local, hits.local.shape[1]
    ink = np.zeros(n, np.float32)
    match material.pattern:
        case "cobalt":
            ink = _cobalt(material, local) * np.float32(0.92)
        case "dots":
            u, v = _lattice(local, material.scale, material.phase)
            ink = smoothstep(0.32, 0.24, np.sqrt(u * u + v * v))
            ink *= smoothstep(0.42, 0.50, np.sqrt(local[0] ** 2 + local[2] ** 2))
        case "drip":
            edge = 0.72 + 0.22 * wobble(local * np.array([[1], [0.2], [1]], np.float32),
                                        material.phase, 3.2)  # fmt: skip
            ink = smoothstep(-0.03, 0.05, local[1] - edge.astype(np.float32))
        case "speckle":
            ink = smoothstep(0.35, 0.7, wobble(local, material.phase, 17)) * np.float32(0.7)
        case "stripes":
            turn = np.arctan2(local[2], local[0]) * np.float32(material.scale)
            ink = smoothstep(-0.1, 0.1, np.sin(turn))
        case "hammered":
            ink = np.clip(wobble(local, material.phase, 2.2), 0, 1) * np.float32(0.35)
    base = column(material.colour) * (1 - ink) + column(material.ink) * ink
    base = np.where(hits.trim[None], column(material.trim), base)
    return f32(base * (1 + 0.06 * wobble(local, material.phase + 1, 4.0)))


def bumped(material: Material, hits: Hits) -> Array:
    """Unit normals [3, n] with the material's relief: hammer marks or cast studs."""
    if material.pattern not in ("hammered", "studs"):
        return hits.normal
    u, v = _lattice(hits.local, material.scale, material.phase)
    radius = np.sqrt(u * u + v * v)
    inside = smoothstep(0.46, 0.34, radius) * (~hits.trim)
    inside *= smoothstep(0.45, 0.55, np.sqrt(hits.local[0] ** 2 + hits.local[2] ** 2))
    depth = np.float32(-0.55 if material.pattern == "hammered" else 1.5)
    n = hits.normal
    level = np.sqrt(n[0] * n[0] + n[2] * n[2]) + np.float32(1e-4)
    tangent = np.stack([-n[2], np.zeros_like(level), n[0]]) / level
    up = np.stack([-n[0] * n[1], level * level, -n[2] * n[1]]) / level
    out = n + (tangent * -u + up * v) * (inside * depth)
    return f32(out / np.sqrt((out * out).sum(0)))


def surroundings(light: Light, ray: Array, blur: float) -> Array:
    """What a mirror-like surface sees along rays [3, n]: ground, walls, sky and a window."""
    y = ray[1]
    soft = 0.10 + 0.5 * blur
    rising = smoothstep(-soft, soft, y)
    high = smoothstep(0.35 - soft, 0.75 + soft, y)
    ground, wall, sky = column(light.ground), column(light.wall), column(light.sky)
    seen = ground * (1 - rising) + (wall * (1 - high) + sky * high) * rising
    d = light.direction
    side = np.array([-d[2], 0, d[0]], np.float32)
    side /= np.linalg.norm(side) + np.float32(1e-6)
    above = np.cross(d, side)
    a, b = side @ ray, above @ ray
    edge = 0.05 + 0.35 * blur
    width = light.window
    pane = smoothstep(width + edge, width - edge, np.abs(a))
    pane = pane * smoothstep(width * 1.25 + edge, width * 1.25 - edge, np.abs(b))
    pane = pane * ((d @ ray) > 0)
    if blur < 0.25:
        bar = np.minimum(np.abs(a), np.abs(b))
        pane = pane * (0.35 + 0.65 * smoothstep(0.01, 0.05, bar))
    return f32(seen) + column(light.key) * (pane * np.float32(1.6 - 1.1 * blur))


def shade(material: Material, hits: Hits, rays: Array, light: Light) -> Array:
    """Linear RGB [3, n] of hits seen along rays [3, n]."""
    base, normal = albedo(material, hits), bumped(material, hits)
    d = light.direction[:, None]
    facing = (normal * d).sum(0)
    direct = np.clip(facing * 0.9 + 0.1, 0, 1) * hits.shadow
    up = normal[1] * np.float32(0.5) + np.float32(0.5)
    ambient = (column(light.sky) * up + column(light.ground) * (1 - up) * 0.8) * 0.75
    ambient = (ambient + column(light.wall) * 0.25) * hits.occlusion
    matt = base * (column(light.key) * direct + ambient) * np.float32(1 - 0.92 * material.metal)
    toward = (normal * rays).sum(0)
    mirror = rays - 2 * toward * normal
    blur = 1 - material.gloss
    seen = surroundings(light, mirror, blur)
    grazing = (1 - np.clip(-toward, 0, 1)) ** 5
    f0 = 0.045 * (1 - material.metal) + base * np.float32(material.metal)
    fresnel = f0 + (1 - f0) * grazing * np.float32(0.15 + 0.6 * material.gloss)
    dim = hits.occlusion * (0.45 + 0.55 * hits.shadow)
    strength = np.float32(0.35 + 0.65 * max(material.gloss, material.metal))
    return f32(matt + seen * fresnel * dim * strength)
