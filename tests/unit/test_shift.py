"""Early warnings that need no label."""

import numpy as np
import pytest

from contracts.accuracy import Embeddings
from contracts.shift import FEWEST, compare, compare_embeddings

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


def seen(chance, count, moved=0.0):
    values = chance.normal(size=(count, 16)) * 10 + 128
    values[:, :] += 10 * moved
    return Embeddings(count, list(values.mean(axis=0)), list(values.std(axis=0)))


def test_what_a_model_sees_as_before_warns_of_nothing_and_is_calm_however_small_the_sample():
    chance = np.random.default_rng(3)
    found = [compare_embeddings({"m": seen(chance, 3000)}, {"m": seen(chance, FEWEST)}) for _ in range(500)]
    assert not any(one.warns for one in found)
    assert all(one.calm for one in found)
    assert np.mean([one.index for one in found]) < 0.003


def test_the_index_of_embeddings_is_the_squared_distance_of_the_means_in_spreads():
    chance = np.random.default_rng(4)
    found = compare_embeddings({"m": seen(chance, 5000)}, {"m": seen(chance, 5000, moved=0.6)})
    assert found.index == pytest.approx(0.36, abs=0.03)
    assert found.warns
    assert not found.calm


def test_a_model_is_compared_with_itself_alone():
    chance = np.random.default_rng(5)
    before, other = {"old": seen(chance, 5000)}, seen(chance, 3000, moved=2.0)
    found = compare_embeddings(before, {"new": other, "old": seen(chance, 1000)})
    assert (found.index, found.before, found.most, found.warns, found.calm) == (0.0, 0, "new", False, False)
    assert compare_embeddings(before, {}).warns is False


def test_directions_that_never_move_are_no_division_by_nothing():
    still = Embeddings(1000, [128.0] * 16, [0.0] * 16)
    assert compare_embeddings({"m": still}, {"m": still}).index == 0.0
