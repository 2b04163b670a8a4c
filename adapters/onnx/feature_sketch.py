"""An embedding in sixteen bytes: enough to see that a fleet's pictures have moved, too little to tell one from another."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from contracts.pictures import SKETCH_BYTES

_SEED = 1
"""Of the directions: another one, and what was kept before can be compared with nothing."""
_ZERO, _PER_UNIT = 128, 32


def sketch(features: NDArray[np.float32]) -> bytes | None:
    """Return `features` [width] of length 1 along each of SKETCH_BYTES random directions; None if they have no finite length.

    A direction has a sign for each feature (Achlioptas 2003), so that a value is about as large as a standard normal one whatever
    the width; 128 is none and 32 are one, up to 4 on either side. Squared distances between means are kept, up to chance.
    """
    length = float(np.linalg.norm(features))
    if not np.isfinite(length) or not length:
        return None
    values = _directions(features.size) @ (features / length)
    return (_ZERO + _PER_UNIT * values).round().clip(0, 255).astype(np.uint8).tobytes()


@cache
def _directions(width: int) -> NDArray[np.float32]:
    return np.random.default_rng(_SEED).choice(np.array([-1.0, 1.0], np.float32), (SKETCH_BYTES, width))
