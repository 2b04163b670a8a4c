"""A fair sample of labels."""

from datetime import date

import numpy as np
import pytest

from contracts.accuracy import DayBucket
from learning.truth.sampling import fair_days

DAY = date(2026, 5, 1)


def buckets(kind, decided, labelled_share, accuracy, chance):
    places, labelled = chance.integers(0, 100, decided), chance.random(decided) < labelled_share
    right = labelled & (chance.random(decided) < accuracy)
    return [
        DayBucket(DAY, kind, n, int((places == n).sum()), int(labelled[places == n].sum()), int(right[places == n].sum()))
        for n in range(100)
    ]


def test_hard_items_are_as_rare_among_the_labels_as_among_the_events():
    chance = np.random.default_rng(1)
    (found,) = fair_days(buckets("prediction", 90_000, 0.05, 0.95, chance) + buckets("review", 10_000, 1.0, 0.5, chance))
    labels = found.right + found.wrong
    assert labels == pytest.approx(5000, rel=0.1)
    assert found.right / labels == pytest.approx(0.9 * 0.95 + 0.1 * 0.5, abs=0.02)


def test_where_all_are_labelled_alike_all_labels_count():
    chance = np.random.default_rng(2)
    given = buckets("prediction", 1000, 1.0, 0.95, chance) + buckets("review", 200, 1.0, 0.5, chance)
    (found,) = fair_days(given)
    assert found.right + found.wrong == 1200


def test_a_day_of_which_one_part_is_unknown_says_nothing():
    chance = np.random.default_rng(3)
    (found,) = fair_days(buckets("prediction", 1000, 0.0, 0.95, chance) + buckets("review", 200, 1.0, 0.5, chance))
    assert (found.right, found.wrong) == (0, 0)
    assert fair_days([]) == []
