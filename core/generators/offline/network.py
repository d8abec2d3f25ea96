"""U²-Net-p: a small network that says which pixels belong to the object in front."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.vendor import FILES

log = logging.getLogger(__name__)
WEIGHTS = FILES / "u2netp" / "u2netp.onnx"
SIDE_PX = 320  # what the network was trained on. Source: U²-Net
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training pictures
_lock = threading.Lock()
_session: Any = None
_is_tried = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What the network sees.

    Attributes:
        probability: (320, 320) float32, 0 to 1.
        crisp: share of the found area that is not undecided, 0 to 1.
        confidence: 0 to 1; below about 0.3 the guess is worthless.
        coverage: share of the picture that belongs to the object.
    """

    probability: NDArray[Any]
    crisp: float
    confidence: float
    coverage: float


def is_available() -> bool:
    """Whether the weights are installed and can be used; if not, the log says so once."""
    return _loaded() is not None


def guess(rgb: NDArray[Any]) -> Guess:
    """Look at the picture, (h, w, 3), and at its mirror image; what both agree on counts."""
    plain, plain_peak = _normalised(rgb)
    mirrored, mirrored_peak = _normalised(np.ascontiguousarray(rgb[:, ::-1]))
    mirrored = mirrored[:, ::-1]
    agreement = overlap(plain > 0.5, mirrored > 0.5)
    if agreement < 0.6:  # one of the two looks lost: keep the crisper
        first, second = _crisp(plain) * plain_peak, _crisp(mirrored) * mirrored_peak
        best = plain if first >= second else mirrored
        crisp, confidence = max(first, second), max(first, second) * 0.8
    else:
        # cast shadows and clutter rarely survive both; a hole must be seen by both
        best = _with_holes_of_both(plain, mirrored)
        crisp = _crisp(best)
        confidence = max(plain_peak, mirrored_peak) * agreement * crisp
    return Guess(
        probability=np.ascontiguousarray(best, np.float32),
        crisp=crisp,
        confidence=confidence,
        coverage=float((best > 0.5).mean()),
    )


def overlap(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Area of the intersection over area of the union, 0 to 1."""
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 0.0


def _with_holes_of_both(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    least = np.minimum(one, other)
    found = least > 0.5
    holes = ndi.binary_fill_holes(found) & ~found
    return np.asarray(np.where(holes, np.maximum(one, other), least))


def _crisp(probability: NDArray[Any]) -> float:
    undecided = int(((probability > 0.2) & (probability < 0.8)).sum())
    return 1.0 - undecided / max(1, int((probability > 0.2).sum()))


def _normalised(rgb: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """The answer stretched to 0…1, and its raw peak, which tells how sure the network is."""
    small = cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    scaled = (small / max(float(small.max()), 1e-6) - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    session = _loaded()
    inputs = {session.get_inputs()[0].name: scaled.transpose(2, 0, 1)[None].astype(np.float32)}
    raw = session.run([session.get_outputs()[0].name], inputs)[0][0, 0]
    return (raw - raw.min()) / (np.ptp(raw) + 1e-9), float(raw.max())


def _loaded() -> Any:
    """The network, or None when it cannot be used."""
    global _session, _is_tried
    with _lock:
        if not _is_tried:
            _is_tried = True
            if not WEIGHTS.is_file():
                log.warning("The network that cuts objects out is not installed; run `python -m core.vendor run`.")
                return None
            import onnxruntime  # 0.1 s and 30 MB that a process without pictures does not need

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = min(2, os.cpu_count() or 1)
            options.inter_op_num_threads = 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave the core
            options.enable_cpu_mem_arena = False  # gives 190 MB back after each picture
            try:
                _session = onnxruntime.InferenceSession(str(WEIGHTS), options, providers=["CPUExecutionProvider"])
            except Exception:  # its errors share no base class
                log.exception("The network that cuts objects out cannot be read; run `python -m core.vendor run`.")
    return _session
