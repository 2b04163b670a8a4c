"""What rots: peel, cores, leaves, bread, grounds."""

import numpy as np

from producer.render.forms import SIDE, Form
from producer.render.surface import Surface, band, shade, streak
from producer.render.texture import Field, Rgb, cloud, colour, grain, mix, paint, pick_colour

_FRUIT: tuple[Rgb, ...] = ((0.75, 0.12, 0.1), (0.55, 0.7, 0.15), (0.95, 0.55, 0.08), (0.85, 0.75, 0.15), (0.6, 0.1, 0.2))
_LEAF: tuple[Rgb, ...] = ((0.25, 0.5, 0.12), (0.4, 0.55, 0.15), (0.6, 0.4, 0.12), (0.5, 0.65, 0.25))
_CRUST: tuple[Rgb, ...] = ((0.72, 0.45, 0.2), (0.82, 0.62, 0.36))
_GROUNDS: tuple[Rgb, ...] = ((0.2, 0.12, 0.07), (0.28, 0.18, 0.1))
_ROT = (0.25, 0.15, 0.06)
_FLESH = (0.93, 0.85, 0.62)


def _rotting(rng: np.random.Generator, body: Field, amount: float) -> Surface:
    spots: Field = np.clip((cloud(rng, (SIDE, SIDE), 12) + 0.6 * cloud(rng, (SIDE, SIDE), 30) - 1 + amount) * 4, 0, 1)
    return Surface(mix(body, np.broadcast_to(colour(_ROT), body.shape), 0.8 * spots[..., None]), np.ones((SIDE, SIDE), np.float32))


def fruit(rng: np.random.Generator, form: Form) -> Surface:
    """Make waxy skin that changes colour over its face, with speckles and brown spots."""
    first, second = pick_colour(rng, _FRUIT), pick_colour(rng, _FRUIT)
    lit = shade(form, rng.uniform(-0.3, 0.3)) + 0.07 * grain(rng, (SIDE, SIDE))
    blush: Field = np.clip(0.3 + 0.6 * cloud(rng, (SIDE, SIDE), 4), 0, 1)
    body = mix(paint(first, lit), paint(second, lit), blush[..., None])
    spot: Field = np.exp(-(((form.along - np.float32(0.3)) / np.float32(0.12)) ** 2))
    gloss = np.asarray(0.35 * streak(form, -0.35, 0.15) * spot, np.float32)
    return _rotting(rng, mix(body, np.ones_like(body), gloss[..., None]), rng.uniform(0.2, 0.6))


def core(rng: np.random.Generator, form: Form) -> Surface:
    """Make an eaten apple: skin at both ends, browning flesh between."""
    lit = 0.3 + 0.7 * shade(form, 0.2) + 0.06 * grain(rng, (SIDE, SIDE))
    flesh = paint(colour(_FLESH) * np.float32(rng.uniform(0.75, 1)), lit + 0.1 * cloud(rng, (SIDE, SIDE), 12))
    wobble = 0.06 * cloud(rng, (SIDE, SIDE), 10)
    skin = (abs(form.along - 0.5 + wobble) > 0.3).astype(np.float32)
    return _rotting(rng, mix(flesh, paint(pick_colour(rng, _FRUIT), lit), skin[..., None]), rng.uniform(0.4, 0.8))


def banana(rng: np.random.Generator, form: Form) -> Surface:
    """Make yellow peel with edges along it, brown ends and brown spots."""
    lit = 0.45 + 0.55 * shade(form, 0.3) - 0.15 * streak(form, 0.2, 0.06) + 0.03 * grain(rng, (SIDE, SIDE))
    body = paint(pick_colour(rng, ((0.93, 0.79, 0.16), (0.85, 0.75, 0.25), (0.8, 0.62, 0.15))), lit)
    ends: Field = np.maximum(band(form, -1, 0.1), band(form, 0.92, 2))
    body = mix(body, np.broadcast_to(colour(_ROT), body.shape), 0.85 * ends[..., None])
    return _rotting(rng, body, rng.uniform(0.3, 0.9))


def leaf(rng: np.random.Generator, form: Form) -> Surface:
    """Make a blade with a rib and side veins, green or withered."""
    veins = np.clip(np.sin((form.along * 2 - abs(form.across) * 0.7) * np.float32(rng.uniform(25, 40))) - 0.75, 0, 1)
    lit = 0.75 + 0.5 * veins + 0.25 * streak(form, 0, 0.05) + 0.15 * cloud(rng, (SIDE, SIDE), 10) - 0.12 * (form.across > 0)
    body = paint(pick_colour(rng, _LEAF), lit)
    return _rotting(rng, body, rng.uniform(0.1, 0.7))


def greens(rng: np.random.Generator, _form: Form) -> Surface:
    """Make salad and peelings in a heap: layers of pale and dark green."""
    layers = cloud(rng, (SIDE, SIDE), 9) + 0.7 * cloud(rng, (SIDE, SIDE), 22)
    lit = np.clip(0.75 + 0.3 * layers + 0.3 * (abs(layers) < 0.06), 0.2, 1.2)
    body = mix(
        paint(pick_colour(rng, _LEAF), lit),
        paint(pick_colour(rng, _LEAF[1:] + _FRUIT[2:4]), lit),
        np.asarray(layers[..., None] > 0.25, np.float32),
    )
    return _rotting(rng, body, rng.uniform(0.1, 0.6))


def bread(rng: np.random.Generator, form: Form) -> Surface:
    """Make crust around a porous crumb."""
    pores = np.clip(cloud(rng, (SIDE, SIDE), 40) - 0.35, 0, 1)
    lit = 0.95 - 0.5 * pores + 0.05 * grain(rng, (SIDE, SIDE))
    crust = (np.maximum(abs(form.across), abs(form.along - 0.5) * 2) > 0.84).astype(np.float32)
    crumb = paint(colour((0.9, 0.8, 0.6)), lit)
    return _rotting(rng, mix(crumb, paint(pick_colour(rng, _CRUST), lit), crust[..., None]), rng.uniform(0, 0.3))


def grounds(rng: np.random.Generator, _form: Form) -> Surface:
    """Make coffee or soil: dark, crumbly, no outline to speak of."""
    crumbs = 0.4 * grain(rng, (SIDE, SIDE)) + 0.5 * cloud(rng, (SIDE, SIDE), 50) + 0.3 * cloud(rng, (SIDE, SIDE), 12)
    body = paint(pick_colour(rng, _GROUNDS), 1 + crumbs)
    return Surface(body, np.ones((SIDE, SIDE), np.float32))
