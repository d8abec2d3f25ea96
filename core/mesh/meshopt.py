"""One view of EXT_meshopt_compression decoded."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.domain.errors import ModelInvalid

NAMES = ("EXT_meshopt_compression", "KHR_meshopt_compression")


def decoded(packed: dict[str, Any], binary: bytes) -> bytes:
    """The plain bytes of a view.

    Args:
        packed: what the extension says of the view.
    Raises: ModelInvalid when the decoder is not installed; RuntimeError, KeyError and others for what is no such data.
    """
    try:
        import meshoptimizer
    except ImportError as exc:
        raise ModelInvalid(
            "The model is compressed with Meshopt. It can be seen and downloaded, but this server cannot measure or "
            "convert it."
        ) from exc
    begin, count, stride = packed.get("byteOffset", 0), packed["count"], packed["byteStride"]
    source = binary[begin : begin + packed["byteLength"]]
    if packed["mode"] == "ATTRIBUTES":
        kind = np.dtype((np.void, stride))
        values = np.ascontiguousarray(meshoptimizer.decode_vertex_buffer(count, stride, source, dtype=kind))
        filters = {
            "OCTAHEDRAL": meshoptimizer.decode_filter_oct,
            "QUATERNION": meshoptimizer.decode_filter_quat,
            "EXPONENTIAL": meshoptimizer.decode_filter_exp,
        }
        if packed.get("filter", "NONE") != "NONE":
            values = filters[packed["filter"]](values, count, stride)
        return bytes(values.tobytes())
    decode = meshoptimizer.decode_index_buffer if packed["mode"] == "TRIANGLES" else meshoptimizer.decode_index_sequence
    return bytes(decode(count, 4, source).astype(np.uint16 if stride == 2 else np.uint32).tobytes())
