"""Images of a limbeck ONNX file without PyTorch: python onnx_sample.py FILE.onnx 0,1,2,3 [PSI]."""

import hashlib
import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


def latent(seed: int, size: int) -> np.ndarray:
    """The z of limbeck's seed, float32 [size]: sha256, Mersenne twister, Box-Muller by sixteens."""
    name = int.from_bytes(hashlib.sha256(f"str:z\x1fint:{seed}".encode()).digest()[:8], "big") >> 1
    bits = np.random.RandomState(name & 0xFFFFFFFF).randint(0, 2**32, size, dtype=np.uint32)
    u = ((bits & 0xFFFFFF) / np.float32(2**24)).astype(np.float32).reshape(-1, 2, 8)
    length, turn = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.float32(np.pi) * u[:, 1]
    return np.stack([length * np.cos(turn), length * np.sin(turn)], 1).reshape(size)


session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
facts = session.get_modelmeta().custom_metadata_map
seeds = [int(seed) for seed in sys.argv[2].split(",")]
psi = float(sys.argv[3] if len(sys.argv) > 3 else facts["psi"])
given = {
    "z": np.stack([latent(seed, int(facts["z_dim"])) for seed in seeds]),
    "psi": np.full(len(seeds), psi, np.float32),
    "mode": np.full(len(seeds), -1),  # -1: the nearest mode; -2: global; 0, 1, ...: that mode
}
if json.loads(facts["classes"]):
    given["label"] = np.zeros(len(seeds), np.int64)
pixels, modes = session.run(["pixels", "modes"], given)
for seed, image, mode in zip(seeds, pixels, modes, strict=True):
    Image.fromarray(image).save(f"seed{seed:06d}.png")
    print(f"seed {seed}: mode {mode}")
