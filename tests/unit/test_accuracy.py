"""How often the fleet is right, from labels that are no fair sample."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from contracts.accuracy import StratumCount
from contracts.estimates import estimate


def test_one_fair_stratum_is_wilsons_interval():
    found = estimate([StratumCount("", "all", 1000, 900.0, 200, 170)])
    truth = binomtest(170, 200).proportion_ci(0.95, method="wilson")
    assert (found.value, found.low, found.high) == pytest.approx((0.85, truth.low, truth.high))
    assert (found.labels, found.effective, found.covered, found.expected) == pytest.approx((200, 200, 1.0, 0.9))


def test_hard_items_do_not_speak_for_easy_ones():
    strata = [StratumCount("", "alone", 9000, 8700.0, 90, 88), StratumCount("", "people", 1000, 500.0, 1000, 520)]
    found = estimate(strata)
    assert found.value == pytest.approx(0.9 * 88 / 90 + 0.1 * 0.52)
    assert (88 + 520) / 1090 < 0.6 < found.low


def test_the_interval_holds_the_truth_as_often_as_it_says():
    chance, held = np.random.default_rng(7), 0
    for _ in range(1000):
        alone, people = chance.random(5000) < 0.95, chance.random(700) < 0.55
        audited = alone[chance.random(5000) < 0.03]
        strata = [
            StratumCount("", "alone", 5000, 0.0, len(audited), int(audited.sum())),
            StratumCount("", "people", 700, 0.0, 700, int(people.sum())),
        ]
        found = estimate(strata)
        held += found.low <= np.concatenate([alone, people]).mean() <= found.high
    assert held / 1000 >= 0.94


def test_what_has_no_label_is_said_and_not_guessed():
    found = estimate([StratumCount("", "alone", 800, 760.0, 0, 0), StratumCount("", "people", 200, 100.0, 50, 25)])
    assert (found.value, found.covered) == (0.5, 0.2)
    empty = estimate([StratumCount("", "alone", 10, 9.0, 0, 0)])
    assert math.isnan(empty.value)
    assert empty.expected == 0.9
    assert math.isnan(estimate([]).expected)
