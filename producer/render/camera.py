"""What the bin's cheap camera makes of a scene: uneven light, tint, blur, noise, and a JPEG file."""

import io

import numpy as np
from PIL import Image, ImageChops

from producer.render.texture import Field, cloud, grain

_QUALITY = 82


def light(rng: np.random.Generator, scene: Image.Image, *, hard: bool) -> Image.Image:
    """Return `scene` lit from one side, warm or cold, darker in the corners; `hard` scenes are dim."""
    shape = (12, 16)
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None, :]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.25)
    fall = 1 - rng.uniform(0, 0.25) * (x * x + y * y) / 2 + slope * (x * np.cos(angle) + y * np.sin(angle))
    level = rng.uniform(0.25, 0.55) if hard else rng.uniform(0.75, 1.05)
    warm = rng.uniform(-0.1, 0.1)
    tint = np.array([1 + warm, 1, 1 - warm])
    gain = np.clip(level * fall[..., None] * tint, 0, 1)
    field = Image.fromarray((gain * 255).astype(np.uint8)).resize(scene.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(scene, field)


def focus(rng: np.random.Generator, scene: Image.Image, size: tuple[int, int], *, hard: bool) -> Image.Image:
    """Return `scene` enlarged to `size` in pixels as a plain lens shows it, blurred by up to six pixels when `hard`."""
    if hard:
        radius = rng.uniform(2.5, 6)
        scene = scene.resize((round(size[0] / radius), round(size[1] / radius)), Image.Resampling.BOX)
    return scene.resize(size, Image.Resampling.BILINEAR)


def expose(rng: np.random.Generator, scene: Image.Image, *, hard: bool) -> bytes:
    """Return `scene`, in YCbCr, with the sensor's noise in its brightness as a JPEG file, about 25 KB at 512 x 384 pixels."""
    shape = (scene.height, scene.width)
    strength = rng.uniform(12, 22) if hard else rng.uniform(3, 9)
    noise: Field = np.float32(strength) * grain(rng, shape)
    if hard:
        noise = noise + np.float32(strength / 2) * cloud(rng, shape, 80)
    planes = np.array(scene)
    planes[..., 0] = np.clip(planes[..., 0] + noise, 0, 255)
    out = io.BytesIO()
    Image.fromarray(planes, mode="YCbCr").save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
