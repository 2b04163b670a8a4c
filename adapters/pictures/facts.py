"""What a picture is like, whatever it shows: measured on the pixels that a model sees, in about a tenth of a millisecond."""

import numpy as np

from adapters.pictures.pixels import Picture
from contracts.pictures import BRIM_CELLS, PictureFacts

_STEP = 2
"""Every second row and column are looked at: it costs a quarter and says the same."""
_FAR = 4
_CELLS = 4
_BRIM = np.ones((_CELLS, _CELLS), bool)
_BRIM[1:-1, 1:-1] = False
_NO_MATTER = 1e-6
_ENTROPY_BINS = 64


def measure(pixels: Picture) -> PictureFacts:
    """Return what `pixels`, uint8 (224, 224, 3), are like; see `PictureFacts` for the units."""
    green = pixels[::_STEP, ::_STEP, 1].astype(np.int16)
    mean = float(green.mean())
    coarse = _mean_step(green[:, _FAR:] - green[:, :-_FAR]) + _mean_step(green[_FAR:] - green[:-_FAR])
    # Of rows in full: what a dirty lens takes first are the finest differences there are.
    row = pixels[:: 2 * _STEP, :, 1].astype(np.int16)
    fine = _mean_step(2 * row[:, 1:-1] - row[:, 2:] - row[:, :-2])
    return PictureFacts(mean / 255, fine / coarse if coarse > _NO_MATTER else 0.0, _entropy(green), _brim(pixels))


def _mean_step(differences: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> float:
    return float(np.abs(differences).mean())


def _entropy(green: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> float:
    counts = np.bincount((green >> 2).ravel(), minlength=_ENTROPY_BINS)
    shares = counts[counts > 0] / green.size
    return max(0.0, -float((shares * np.log2(shares)).sum()))


def _brim(pixels: Picture) -> bytes:
    points = pixels[4::8, 4::8]
    side = points.shape[0] // _CELLS
    cells = points.reshape(_CELLS, side, _CELLS, side, 3).mean(axis=(1, 3))
    mean = cells.mean()
    relative = cells[_BRIM] * (64 / mean) if mean > _NO_MATTER else np.full((BRIM_CELLS, 3), 64.0)
    return relative.clip(0, 255).astype(np.uint8).tobytes()
