"""The simulator's pictures: the same for a seed, of what was asked for, and none like another."""

import io

import numpy as np
import pytest
from PIL import Image

from contracts.categories import CATEGORIES, Category
from producer.render import render


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_same_seed_gives_the_same_file_and_another_seed_another(category):
    assert render(category, 7) == render(category, 7)
    assert render(category, 7) != render(category, 8)


def test_a_category_and_a_size_are_what_was_asked_for():
    pictures = {category: render(category, 3) for category in CATEGORIES}
    assert len(set(pictures.values())) == len(CATEGORIES)
    image = Image.open(io.BytesIO(render(Category.GLASS, 1, size=(320, 200))))
    assert (image.format, image.size, image.mode) == ("JPEG", (320, 200), "RGB")


def test_drift_changes_its_share_of_things_and_no_other():
    seeds = range(60)
    before = [render(Category.PAPER, seed, size=(96, 96)) for seed in seeds]
    changed = [a != render(Category.PAPER, seed, drift=0.5, size=(96, 96)) for a, seed in zip(before, seeds, strict=True)]
    assert 15 <= sum(changed) <= 45
    assert all(a != render(Category.PAPER, seed, drift=1, size=(96, 96)) for a, seed in zip(before[:5], seeds, strict=False))


def test_pictures_are_small_enough_for_the_edge_and_lit_as_photographs_are():
    for category in CATEGORIES:
        for seed in range(6):
            data = render(category, seed)
            pixels = np.asarray(Image.open(io.BytesIO(data)), float)
            assert len(data) < 150_000
            assert pixels.std() > 10, (category, seed)
            assert 15 < pixels.mean() < 240, (category, seed)


@pytest.mark.parametrize(
    ("seed", "drift", "size"), [(-1, 0, (512, 384)), (1, 1.1, (512, 384)), (1, -0.1, (512, 384)), (1, 0, (63, 384))]
)
def test_what_cannot_be_rendered_is_said(seed, drift, size):
    with pytest.raises(ValueError, match=r"seed .*, drift .*, size"):
        render(Category.PAPER, seed, drift=drift, size=size)
