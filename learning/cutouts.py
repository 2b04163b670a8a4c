"""Objects on a light board, cut out, so that training can put them before other backgrounds.

A model that sees one source of pictures learns its background: white board = no organic waste, green and busy = organic.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

_WIDE, _HIGH = 192, 144
_RIM_PX = 10
_LIGHT_FROM = 110.0
"""A board is at least this bright on average; what is darker is no board."""
_DIFFERENCE, _COLOUR = 26.0, 0.14
"""From which distance in grey levels, or in the ratio of the colours, a pixel is not the board."""
_LEAST, _MOST = 0.03, 0.75
_TOUCHING_MOST = 0.35
_HULL_FILLED = 0.5


def cut_out(picture: Image.Image, *, solid: bool) -> Image.Image | None:
    """Return the mask (mode L, 192 x 144) of the one object on a light board; None where there is no telling.

    With `solid` the mask becomes its convex hull: paper and glass look like the board in places.
    """
    pixels = np.asarray(picture.convert("RGB").resize((_WIDE, _HIGH), Image.Resampling.BILINEAR), np.float32).reshape(-1, 3)
    board = _board(pixels)
    if board is None or board.mean() < _LIGHT_FROM:
        return None
    mask = _object(pixels, board)
    if mask is None or not _LEAST < mask.mean() < _MOST or mask[_rim()].mean() > _TOUCHING_MOST:
        return None
    if solid and (mask := _hull(mask)) is None:
        return None
    return Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(1.0))


def _rim() -> NDArray[np.bool_]:
    rim = np.ones((_HIGH, _WIDE), bool)
    rim[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX] = False
    return rim


def _board(pixels: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the light of the empty board [n, 3]: the surface of second order that fits the rim without what lies on it."""
    down, across = np.mgrid[0:_HIGH, 0:_WIDE]
    x, y = across.ravel() / _WIDE - 0.5, down.ravel() / _HIGH - 0.5
    surface = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    rim = _rim().ravel()
    chosen, fitted = rim, None
    for _ in range(4):
        if chosen.sum() < 200:
            return None
        fitted = surface @ np.linalg.lstsq(surface[chosen], pixels[chosen], rcond=None)[0]
        distance = np.abs(pixels - fitted).max(axis=1)
        chosen = (distance < max(10.0, float(np.median(distance[chosen])) * 2.5)) & (rim | (distance < 12.0))
    return fitted


def _object(pixels: NDArray[np.float32], board: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    ratio = (pixels + 5) / (board + 5)
    differs = np.abs(pixels - board).max(axis=1) > _DIFFERENCE
    coloured = ratio.max(axis=1) - ratio.min(axis=1) > _COLOUR  # a shadow is darker, but of the board's colour
    mask = ndimage.binary_opening((differs | coloured).reshape(_HIGH, _WIDE))
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(mask, iterations=4))
    parts, count = ndimage.label(mask)
    if not count:
        return None
    sizes = ndimage.sum_labels(mask, parts, range(1, count + 1))
    large = [number + 1 for number, size in enumerate(sizes) if size >= 0.15 * max(sizes)]
    return np.asarray(np.isin(parts, large))


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the convex hull of a mask; None if the mask fills too little of it to be one thing."""
    points = np.argwhere(mask)[:, ::-1]
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:
        return None
    drawn = Image.new("L", (_WIDE, _HIGH))
    ImageDraw.Draw(drawn).polygon([(int(x), int(y)) for x, y in corners], fill=1)
    hull = np.asarray(drawn, bool)
    return hull if mask.sum() >= _HULL_FILLED * hull.sum() else None
