"""Which prediction a plant's label is of."""

import itertools
import random
import time
from uuid import UUID

import pytest

from contracts.categories import CATEGORIES
from contracts.truth import Match, SeenItem, ToldItem
from learning.truth.join import join


def ids(number):
    return UUID(int=number)


def seen(*times, categories=None):
    return [SeenItem(ids(n), at, categories[n] if categories else CATEGORIES[0]) for n, at in enumerate(times)]


def told(*times):
    return [ToldItem(ids(1000 + n), at, None) for n, at in enumerate(times)]


def partners(found):
    return [one.event_id.int if one.event_id else None for one in found]


@pytest.mark.parametrize(
    ("predictions", "labels", "expected"),
    [
        ((0, 10, 20), (0.5, 10.5, 20.5), [0, 1, 2]),
        ((0, 10, 20), (10.2,), [1]),
        ((0, 10), (5, 100), [0, None]),
        ((10,), (9, 10.1), [None, 0]),
        ((0, 4), (3, 3.5), [0, 1]),
        ((), (1,), [None]),
        ((1,), (), []),
        ((0, 100), (6.01,), [None]),
        ((0, 100), (6.0,), [None]),
        ((0, 100), (5.99,), [0]),
    ],
)
def test_a_label_goes_to_its_nearest_prediction_one_to_one_and_in_order(predictions, labels, expected):
    assert partners(join(seen(*predictions), told(*labels), tolerance_s=6, margin_s=0)) == expected


def best_sum(predictions, labels, tolerance):
    """Try every pairing that does not cross."""
    best = 0.0
    for size in range(min(len(predictions), len(labels)) + 1):
        for left in itertools.combinations(range(len(predictions)), size):
            for right in itertools.combinations(range(len(labels)), size):
                gaps = [abs(predictions[a] - labels[b]) for a, b in zip(left, right, strict=True)]
                if all(gap <= tolerance for gap in gaps):
                    best = max(best, sum(tolerance - gap for gap in gaps))
    return best


def test_the_pairing_is_the_best_of_all_that_do_not_cross():
    chance = random.Random(3)
    for _ in range(300):
        predictions = sorted(chance.uniform(0, 20) for _ in range(chance.randint(0, 6)))
        labels = sorted(chance.uniform(0, 20) for _ in range(chance.randint(0, 6)))
        found = partners(join(seen(*predictions), told(*labels), tolerance_s=4, margin_s=0))
        used = [one for one in found if one is not None]
        assert used == sorted(set(used))
        got = sum(4 - abs(predictions[one] - labels[n]) for n, one in enumerate(found) if one is not None)
        assert got == pytest.approx(best_sum(predictions, labels, 4))


def test_the_order_in_which_they_come_changes_nothing():
    chance = random.Random(4)
    predictions, labels = seen(*(chance.uniform(0, 50) for _ in range(20))), told(*(chance.uniform(0, 50) for _ in range(20)))
    first = join(predictions, labels, tolerance_s=5, margin_s=0.5)
    chance.shuffle(predictions)
    chance.shuffle(labels)
    assert join(predictions, labels, tolerance_s=5, margin_s=0.5) == first


def test_a_label_between_two_categories_counts_for_neither():
    two = seen(0, 2, categories=CATEGORIES)
    assert [one.match for one in join(two, told(1.1), tolerance_s=5, margin_s=0.5)] == [Match.AMBIGUOUS]
    assert [one.match for one in join(two, told(1.9), tolerance_s=5, margin_s=0.5)] == [Match.MATCHED]
    alike = seen(0, 2, categories=[CATEGORIES[0]] * 2)
    assert [one.match for one in join(alike, told(1.1), tolerance_s=5, margin_s=0.5)] == [Match.MATCHED]
    assert [one.match for one in join(two, told(0.9, 2.1), tolerance_s=5, margin_s=0.5)] == [Match.MATCHED] * 2


def test_an_event_that_the_plant_names_is_its_partner_whatever_the_time():
    labels = [
        ToldItem(ids(1), 500.0, ids(0)),
        ToldItem(ids(2), 0.1, None),
        ToldItem(ids(3), 10.1, None),
        ToldItem(ids(4), 0.0, ids(0)),
        ToldItem(ids(5), 0.0, ids(77)),
    ]
    found = {one.truth_id.int: one for one in join(seen(0, 10), labels, tolerance_s=5, margin_s=0)}
    assert (found[4].event_id, found[1].match) == (ids(0), Match.UNMATCHED)
    assert (found[2].match, found[3].event_id) == (Match.UNMATCHED, ids(1))
    assert found[5].match == Match.UNMATCHED


def test_a_year_of_a_busy_bin_is_joined_in_seconds():
    chance = random.Random(5)
    times = sorted(chance.uniform(0, 3e7) for _ in range(100_000))
    began = time.perf_counter()
    found = join(seen(*times), told(*(at + chance.gauss(0, 1) for at in times)), tolerance_s=30, margin_s=0.5)
    assert time.perf_counter() - began < 20
    assert sum(one.match == Match.MATCHED for one in found) > 98_000
