"""The table of globals: every name that a file may ask for, and what it stands for. None is
imported."""

from collections.abc import Mapping

from limbeck.unpickling.tokens import StorageType, Token

Admitted = Mapping[tuple[str, str], Token | StorageType]

_STORAGES: Admitted = {
    ("torch", f"{name}Storage"): StorageType(dtype)
    for name, dtype in {
        "Double": "F64", "Float": "F32", "Half": "F16", "BFloat16": "BF16", "Long": "I64",
        "Int": "I32", "Short": "I16", "Char": "I8", "Byte": "U8", "Bool": "BOOL",
    }.items()
}  # fmt: skip
_PLAIN: Admitted = {
    ("collections", "OrderedDict"): Token.ORDERED_DICT,
    ("_codecs", "encode"): Token.ENCODE,
    **{
        (module, name): token
        for module in ("builtins", "__builtin__")
        for name, token in (("set", Token.SET), ("bytes", Token.BYTES))
    },
    ("numpy", "ndarray"): Token.NDARRAY,
    ("numpy", "dtype"): Token.DTYPE,
    **{
        (f"numpy.{core}.{module}", name): token
        for core in ("core", "_core")
        for module, name, token in (
            ("multiarray", "_reconstruct", Token.RECONSTRUCT),
            ("multiarray", "scalar", Token.SCALAR),
            ("numeric", "_frombuffer", Token.FROM_BUFFER),
        )
    },
    ("torch._utils", "_rebuild_tensor_v2"): Token.TENSOR,
    ("torch._utils", "_rebuild_parameter"): Token.PARAMETER,
}

STORAGES = _STORAGES
"""In the stream of one storage."""
STATES: Admitted = {**_PLAIN, **_STORAGES, ("argparse", "Namespace"): Token.NAMESPACE}
"""In a `.pt` file."""
NETWORKS: Admitted = {
    **_PLAIN,
    ("torch.storage", "_load_from_bytes"): Token.STORAGE,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Token.PERSISTENT,
    ("dnnlib", "EasyDict"): Token.EASY_DICT,
    ("dnnlib.util", "EasyDict"): Token.EASY_DICT,
    ("dnnlib.tflib.network", "Network"): Token.NETWORK,
}
"""In a `.pkl` file of networks."""
