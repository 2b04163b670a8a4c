"""What a form is covered with: colour and opacity, and the marks that are put on them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from producer.render.forms import SIDE, Form
from producer.render.texture import Field


@dataclass(frozen=True)
class Surface:
    """`rgb` float32 [160, 160, 3] and `opacity` float32 [160, 160], each about [0, 1]; the form cuts it out."""

    rgb: Field
    opacity: Field

    def over(self, below: "Surface", where: Field) -> "Surface":
        """Return this surface where `where` [160, 160] is 1, and `below` where it is 0."""
        rgb = below.rgb + (self.rgb - below.rgb) * where[..., None]
        return Surface(rgb, below.opacity + (self.opacity - below.opacity) * where)

    def cut(self, form: Form) -> Image.Image:
        """Return the RGBA picture of 160 x 160 pixels that `form` leaves of it."""
        pixels = np.empty((SIDE, SIDE, 4), np.float32)
        pixels[..., :3] = self.rgb
        pixels[..., 3] = self.opacity * form.mask
        return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8), "RGBA")


def shade(form: Form, light: float) -> Field:
    """Return how brightly a matt form is lit, about 0.3 to 1.1; `light` in [-1, 1] is the side that it comes from."""
    bulge = np.sqrt(np.maximum(0, 1 - form.across**2))
    lit = np.clip(0.75 * bulge + np.float32(light) * form.across, 0, 1.2)
    return np.asarray(1 - form.roundness * (0.85 - 0.85 * lit), np.float32)


def streak(form: Form, at: float, width: float) -> Field:
    """Return a highlight down the form at `at` in [-1, 1] across it, 1 in its middle."""
    return np.asarray(np.exp(-(((form.across - np.float32(at)) / np.float32(width)) ** 2)), np.float32)


def band(form: Form, top: float, bottom: float) -> Field:
    """Return 1 where the form lies between the heights `top` and `bottom`, else 0."""
    return np.asarray((form.along >= top) & (form.along < bottom), np.float32)


def print_lines(rng: np.random.Generator, form: Form, count: int) -> Field:
    """Return 1 where `count` lines of print have ink; words and margins are left out."""
    row = form.along * count
    words = rng.random((count + 2, 26)) < rng.uniform(0.6, 0.85)
    column = np.clip(((form.across + 1) * 13).astype(int), 0, 25)
    ink = words[np.clip(row.astype(int), 0, count + 1), column] & (row % 1 > 0.45) & (abs(form.across) < 0.88)
    return np.asarray(ink, np.float32)
