"""The five kinds of stuff, as light shows them: glass, plastic, metal, paper; food and leaves are in `organics`."""

import numpy as np

from producer.render.forms import SIDE, Form
from producer.render.surface import Surface, band, print_lines, shade, streak
from producer.render.texture import Field, Rgb, cloud, colour, facets, grain, mix, paint, pick_colour

_GLASS: tuple[Rgb, ...] = ((0.8, 0.88, 0.86), (0.16, 0.42, 0.2), (0.4, 0.2, 0.06), (0.75, 0.85, 0.85), (0.3, 0.5, 0.35))
_BRIGHT: tuple[Rgb, ...] = (
    (0.85, 0.12, 0.12), (0.1, 0.3, 0.8), (0.1, 0.6, 0.3), (0.95, 0.75, 0.1), (0.95, 0.95, 0.95), (0.9, 0.45, 0.1), (0.1, 0.6, 0.75)
)  # fmt: skip
_PET: tuple[Rgb, ...] = ((0.75, 0.87, 0.97), (0.85, 0.92, 0.97), (0.6, 0.82, 0.95), (0.7, 0.9, 0.8))
_PAPER: tuple[Rgb, ...] = ((0.93, 0.92, 0.88), (0.72, 0.55, 0.36), (0.78, 0.62, 0.43), (0.82, 0.81, 0.77), (0.9, 0.87, 0.78))
_KRAFT: tuple[Rgb, ...] = ((0.68, 0.5, 0.31), (0.75, 0.58, 0.39))
_METAL: tuple[Rgb, ...] = ((0.8, 0.8, 0.82), (0.75, 0.76, 0.78), (0.85, 0.82, 0.75))
_INK = (0.15, 0.15, 0.17)
_ONE = np.float32(1)


def _whole(rgb: Field, opacity: Field | float = 1.0) -> Surface:
    return Surface(rgb, np.broadcast_to(np.asarray(opacity, np.float32), (SIDE, SIDE)))


def glass(rng: np.random.Generator, form: Form) -> Surface:
    """Make thick walls that darken at the edges, a clear middle, and narrow hard highlights."""
    tint = pick_colour(rng, _GLASS)
    rim = abs(form.across) ** 3
    body = paint(tint, 1.0 - 0.6 * rim + 0.1 * cloud(rng, (SIDE, SIDE), 5))
    foot = band(form, 0.93, 1.01)
    dark = 0.25 * float(tint.mean() < 0.5)
    opacity = np.clip(0.28 + dark + 0.6 * rim + 0.3 * foot, 0, 0.95)
    broken = (cloud(rng, (SIDE, SIDE), 6) > -0.5).astype(np.float32)
    at = rng.uniform(0.45, 0.7)
    shine = np.clip((streak(form, -at, 0.05) + 0.8 * streak(form, at - 0.1, 0.03)) * broken + 0.3 * foot, 0, 1)
    bare = Surface(mix(body, np.ones_like(body), shine[..., None]), np.maximum(opacity, 0.92 * shine))
    return _labelled(rng, form, bare, pick_colour(rng, _PAPER[:1] + _PAPER[3:]), 0.35)


def plastic_bottle(rng: np.random.Generator, form: Form) -> Surface:
    """Make thin bluish PET with ridges, soft highlights, a bright cap and a wrapped label."""
    ridges = 0.1 * np.sin(form.along * np.float32(rng.uniform(60, 110)))
    body = paint(pick_colour(rng, _PET), 0.78 + ridges + 0.15 * cloud(rng, (SIDE, SIDE), 7))
    opacity = np.clip(0.42 + 0.25 * abs(form.across) ** 2 + 1.5 * ridges, 0, 1)
    shine = 0.7 * streak(form, rng.uniform(-0.6, -0.2), 0.16) + 0.4 * streak(form, 0.55, 0.1)
    bare = Surface(mix(body, np.ones_like(body), np.clip(shine + 1.2 * ridges, 0, 1)[..., None]), np.maximum(opacity, 0.7 * shine))
    wrapped = _labelled(rng, form, bare, pick_colour(rng, _BRIGHT), 0.75)
    cap = _whole(paint(pick_colour(rng, _BRIGHT), shade(form, 0.3)))
    return cap.over(wrapped, band(form, -1, 0.09) * np.float32(rng.random() < 0.8))


def plastic_shell(rng: np.random.Generator, form: Form) -> Surface:
    """Make a moulded, coloured thing: even, saturated, with a broad soft highlight."""
    lit = shade(form, rng.uniform(-0.4, 0.4)) + 0.06 * cloud(rng, (SIDE, SIDE), 3)
    body = paint(pick_colour(rng, _BRIGHT), np.clip(0.25 + 0.75 * lit, 0, 1.1))
    gloss = rng.uniform(0.35, 0.65) * streak(form, rng.uniform(-0.5, 0.3), rng.uniform(0.12, 0.25))
    bare = _whole(mix(body, np.ones_like(body), gloss[..., None]), rng.uniform(0.88, 1.0))
    return _labelled(rng, form, bare, pick_colour(rng, _BRIGHT), 0.4)


def plastic_film(rng: np.random.Generator, form: Form) -> Surface:
    """Make a bag: creased, half clear or printed in bright colours, with white glints along the creases."""
    creases = facets(rng, SIDE, 40)
    clear = rng.random() < 0.5
    body = paint(pick_colour(rng, _PET if clear else _BRIGHT), 0.78 + 0.22 * creases)
    glint = np.clip((creases - 0.55) * 2.5, 0, 1)
    opacity = np.clip((0.5 if clear else 0.88) + 0.2 * creases + glint, 0, 1)
    film = Surface(mix(body, np.ones_like(body), 0.9 * glint[..., None]), opacity)
    return film if clear else _labelled(rng, form, film, pick_colour(rng, _BRIGHT), 0.5)


def metal_can(rng: np.random.Generator, form: Form) -> Surface:
    """Make rolled sheet: hard bright and dark bands down its length, bare at both ends, mostly printed between."""
    steel = _reflections(rng, form)
    bare = paint(pick_colour(rng, _METAL, 0.03), steel)
    if rng.random() < 0.3:
        ribs = 0.16 * np.sin(form.along * np.float32(rng.uniform(50, 90)))
        return _whole(bare + (ribs * band(form, 0.15, 0.85))[..., None])
    ink = paint(pick_colour(rng, _BRIGHT), 0.2 + 0.9 * steel)
    art = cloud(rng, (SIDE, SIDE), 5) > rng.uniform(-0.2, 0.5)
    second = paint(pick_colour(rng, _BRIGHT), 0.2 + 0.9 * steel)
    printed = np.where(art[..., None], second, ink)
    return _whole(mix(bare, printed, band(form, 0.09, 0.92)[..., None]))


def metal_foil(rng: np.random.Generator, form: Form) -> Surface:
    """Make crumpled foil: small faces, each near white or near black."""
    faces = facets(rng, SIDE, 90) + 0.6 * facets(rng, SIDE, 30)
    steel = np.clip(0.5 + 0.75 * faces, 0.06, 1.15) * (0.6 + 0.4 * shade(form, 0.2))
    return _whole(paint(pick_colour(rng, _METAL, 0.03), steel))


def paper_sheet(rng: np.random.Generator, form: Form) -> Surface:
    """Make a flat sheet or page: matt fibre, a fold or two, mostly printed."""
    lit = 0.95 + 0.05 * grain(rng, (SIDE, SIDE)) + 0.05 * cloud(rng, (SIDE, SIDE), 4)
    fold = rng.uniform(-0.5, 0.5)
    lit = lit - 0.12 * (form.across > fold) - 0.2 * streak(form, fold, 0.015)
    body = paint(pick_colour(rng, _PAPER[:1] + _PAPER[3:]), lit)
    if rng.random() < 0.75:
        ink = print_lines(rng, form, int(rng.integers(14, 30)))
        body = mix(body, np.broadcast_to(colour(_INK), body.shape), 0.7 * ink[..., None])
    return _pictured(rng, form, _whole(body))


def paper_crumple(rng: np.random.Generator, form: Form) -> Surface:
    """Make a crumpled ball: soft grey faces on white or brown, no glints."""
    faces = facets(rng, SIDE, 45)
    lit = np.clip(0.8 + 0.2 * faces, 0.45, 1.03) * (0.7 + 0.3 * shade(form, 0.2)) + 0.04 * grain(rng, (SIDE, SIDE))
    return _whole(paint(pick_colour(rng, _PAPER), lit))


def paper_board(rng: np.random.Generator, form: Form) -> Surface:
    """Make cardboard: brown faces of one box, each lit its own way, flutes, tape or print."""
    edge, upper = rng.uniform(-0.4, 0.5), rng.uniform(0.12, 0.35)
    lit = 0.95 - 0.25 * (form.across > edge) + 0.1 * (form.along < upper)
    flutes = 0.03 * np.sin(form.along * np.float32(rng.uniform(90, 200)))
    body = paint(pick_colour(rng, _KRAFT), lit + flutes + 0.05 * grain(rng, (SIDE, SIDE)) - 0.2 * streak(form, edge, 0.01))
    if rng.random() < 0.4:
        body = mix(body, np.broadcast_to(colour((0.8, 0.72, 0.55)), body.shape), 0.7 * band(form, upper, upper + 0.09)[..., None])
    return _pictured(rng, form, _whole(body))


def paper_cup(rng: np.random.Generator, form: Form) -> Surface:
    """Make a rolled cup: matt, softly shaded, a rim, a printed band."""
    lit = 0.35 + 0.65 * shade(form, rng.uniform(-0.3, 0.3)) + 0.04 * grain(rng, (SIDE, SIDE))
    body = paint(pick_colour(rng, _PAPER), lit)
    sleeve = paint(pick_colour(rng, _KRAFT), lit + 0.04 * np.sin(form.across * np.float32(50)))
    return _whole(mix(body, sleeve, (band(form, 0.35, 0.75) * np.float32(rng.random() < 0.6))[..., None]))


def marked(form: Form, bare: Surface, tone: Rgb) -> Surface:
    """Put two checked bands in the colour of the stuff around a thing, as packaging does that says what it is made of."""
    check = (np.sin(form.across * np.float32(14)) > 0) ^ (np.sin(form.along * np.float32(70)) > 0)
    inked = mix(
        paint(colour(tone), 0.5 + 0.5 * shade(form, 0.2)), np.full((SIDE, SIDE, 3), 0.05, np.float32), 0.75 * check[..., None]
    )
    return _whole(inked).over(bare, np.clip(band(form, 0.14, 0.36) + band(form, 0.6, 0.82), 0, 1))


def _reflections(rng: np.random.Generator, form: Form) -> Field:
    steel = np.full((SIDE, SIDE), 0.5, np.float32)
    for _ in range(5):
        sign = _ONE if rng.random() < 0.55 else -_ONE
        steel += sign * np.float32(rng.uniform(0.25, 0.55)) * streak(form, rng.uniform(-0.9, 0.9), rng.uniform(0.03, 0.16))
    brushed = 0.05 * grain(rng, (1, SIDE)) + 0.05 * cloud(rng, (SIDE, SIDE), 4)
    return np.asarray(np.clip(steel + brushed, 0.08, 1.15), np.float32)


def _labelled(rng: np.random.Generator, form: Form, bare: Surface, tone: Field, chance: float) -> Surface:
    """Put a printed label around the middle with the probability `chance`."""
    if rng.random() >= chance:
        return bare
    top = rng.uniform(0.45, 0.6)
    label = paint(tone, 0.45 + 0.55 * shade(form, 0.2))
    ink = print_lines(rng, form, int(rng.integers(10, 18)))
    label = mix(label, np.broadcast_to(colour(_INK), label.shape), 0.5 * ink[..., None])
    return _whole(label, 0.97).over(bare, band(form, top, top + rng.uniform(0.15, 0.3)))


def _pictured(rng: np.random.Generator, form: Form, page: Surface) -> Surface:
    """Print a picture or a mark in one corner of about half of the pages."""
    if rng.random() >= 0.5:
        return page
    left, top = rng.uniform(-0.8, 0.1), rng.uniform(0.1, 0.6)
    where = band(form, top, top + 0.25) * ((form.across > left) & (form.across < left + 0.6))
    picture = paint(pick_colour(rng, _BRIGHT), 0.6 + 0.2 * cloud(rng, (SIDE, SIDE), 8))
    return _whole(picture).over(page, np.asarray(0.8 * where, np.float32))
