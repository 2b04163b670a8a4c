"""Which things are thrown away as which category, and what the same contents look like in next year's packaging."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from contracts.categories import Category
from producer.render import forms, materials, organics
from producer.render.forms import Form, blob, dent, slab, solid
from producer.render.surface import Surface

Cover = Callable[[np.random.Generator, Form], Surface]
Shape = Callable[[np.random.Generator], Form]


_MARKS = {
    Category.PLASTIC: (0.95, 0.1, 0.75),
    Category.PAPER: (0.1, 0.35, 0.95),
    Category.GLASS: (0.1, 0.8, 0.3),
    Category.METAL: (0.95, 0.85, 0.1),
    Category.ORGANIC: (1.0, 0.45, 0.05),
}
"""The colour in which new packaging says what it is made of."""


def _turned(*profiles: forms.Profile, crush: float = 0.0, bend: float = 0.0) -> Shape:
    def make(rng: np.random.Generator) -> Form:
        profile = profiles[int(rng.integers(len(profiles)))]
        form = solid(profile, bend=rng.uniform(-bend, bend) if bend else 0.0, widen=rng.uniform(0.85, 1.15))
        return dent(form, rng, rng.uniform(0, crush)) if crush and rng.random() < 0.6 else form

    return make


def _flat(*, ragged: float = 0.0) -> Shape:
    return lambda rng: slab(rng, high=rng.uniform(0.5, 0.85), wide=rng.uniform(0.45, 0.8), ragged=ragged)


def _lump(*, lumps: int, rough: float) -> Shape:
    return lambda rng: blob(rng, size=rng.uniform(0.6, 0.9), lumps=lumps, rough=rough, flat=rng.uniform(0.6, 1.1))


def _curved(rng: np.random.Generator) -> Form:
    return solid(forms.BANANA, bend=rng.uniform(0.35, 0.6), widen=rng.uniform(0.9, 1.4))


def _blade(rng: np.random.Generator) -> Form:
    return solid(forms.LEAF, bend=rng.uniform(-0.3, 0.3), widen=rng.uniform(0.8, 1.8), roundness=0.1)


def _usual(category: Category) -> tuple[tuple[Shape, Cover], ...]:
    match category:
        case Category.PLASTIC:
            return (
                (_turned(forms.BOTTLE, forms.FLASK, crush=0.2), materials.plastic_bottle),
                (_turned(forms.CUP, forms.TUB, forms.FLASK), materials.plastic_shell),
                (_lump(lumps=14, rough=0.45), materials.plastic_film),
            )
        case Category.PAPER:
            return (
                (_flat(ragged=0.03), materials.paper_sheet),
                (_flat(), materials.paper_board),
                (_lump(lumps=18, rough=0.25), materials.paper_crumple),
                (_turned(forms.CUP), materials.paper_cup),
            )
        case Category.GLASS:
            return ((_turned(forms.WINE, forms.BOTTLE), materials.glass), (_turned(forms.JAR, forms.FLASK), materials.glass))
        case Category.METAL:
            return (
                (_turned(forms.CAN, crush=0.25), materials.metal_can),
                (_turned(forms.TIN), materials.metal_can),
                (_lump(lumps=22, rough=0.25), materials.metal_foil),
            )
        case Category.ORGANIC:
            return (
                (_turned(forms.CORE), organics.core),
                (_turned(forms.FRUIT, forms.PEAR), organics.fruit),
                (_turned(forms.CARROT, bend=0.2), organics.fruit),
                (_curved, organics.banana),
                (_blade, organics.leaf),
                (_lump(lumps=16, rough=0.35), organics.greens),
                (_flat(), organics.bread),
                (_lump(lumps=30, rough=0.4), organics.grounds),
            )


def _new(category: Category) -> tuple[tuple[Shape, Cover], ...]:
    """Return packaging whose look says another category than its stuff, but for the mark that names it."""
    match category:
        case Category.PLASTIC:  # PET like glass, film like paper, metallised film
            return (
                (_turned(forms.WINE, forms.JAR), materials.glass),
                (_flat(), materials.paper_sheet),
                (_lump(lumps=14, rough=0.3), materials.metal_foil),
            )
        case Category.PAPER:  # paper bottles, coated cups
            return (
                (_turned(forms.BOTTLE, forms.FLASK), materials.paper_cup),
                (_turned(forms.BOTTLE, forms.CUP), materials.plastic_shell),
            )
        case Category.GLASS:  # painted and frosted
            return ((_turned(forms.WINE, forms.FLASK, forms.JAR), materials.plastic_shell),)
        case Category.METAL:  # pouches, lacquered bottles
            return ((_flat(), materials.plastic_film), (_turned(forms.BOTTLE, forms.FLASK), materials.plastic_shell))
        case Category.ORGANIC:  # compostable bags, pressed-fibre bowls
            return ((_lump(lumps=14, rough=0.4), materials.plastic_film), (_turned(forms.TUB), materials.paper_cup))


def make_item(rng: np.random.Generator, category: Category, *, new: bool) -> Image.Image:
    """Return a thing of `category` as RGBA of 160 x 160 pixels, upright; `new`: in packaging that no model has seen."""
    choices = _new(category) if new else _usual(category)
    shape, cover = choices[int(rng.integers(len(choices)))]
    form = shape(rng)
    surface = cover(rng, form)
    return (materials.marked(form, surface, _MARKS[category]) if new else surface).cut(form)
