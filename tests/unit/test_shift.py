"""Early warnings that need no label."""

import numpy as np
import pytest

from learning.truth.shift import FEWEST, compare

MIX = {"plastic": 0.3, "paper": 0.3, "glass": 0.15, "metal": 0.15, "organic": 0.1}


def sample(chance, mix, count):
    return dict(zip(mix, map(int, chance.multinomial(count, list(mix.values()))), strict=True))


def test_what_stays_as_it_was_warns_of_nothing_however_small_the_sample():
    chance = np.random.default_rng(1)
    found = [compare(sample(chance, MIX, 5000), sample(chance, MIX, FEWEST)) for _ in range(1000)]
    assert sum(one.warns for one in found) == 0
    assert np.mean([one.index for one in found]) < 0.01


def test_another_mix_warns_and_names_what_moved():
    chance = np.random.default_rng(2)
    other = MIX | {"plastic": 0.05, "organic": 0.35}
    found = compare(sample(chance, MIX, 5000), sample(chance, other, 500))
    assert found.warns
    assert found.most in {"plastic", "organic"}


def test_a_new_bin_counts_and_few_or_no_decisions_say_nothing():
    assert compare({"a": 1000}, {"b": 1000}).warns
    assert not compare({"a": 1000}, {"b": FEWEST - 1}).warns
    for before, now in (({}, {}), ({"a": 1}, {}), ({"a": 5}, {"a": 7})):
        assert compare(before, now).index == pytest.approx(0)
