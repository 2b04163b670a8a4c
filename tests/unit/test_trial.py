"""What trials say, on simulated ones: how often a worse model is promoted, a good one withdrawn, and how long it takes."""

import numpy as np
import pytest

from contracts.trials import TrialCount
from learning.rollout.trial import FEWEST_PAIRS, Expected, Verdict, judge


def counts(paired=1000, agreeing=900, labelled=0, better=0, worse=0, unsure=100, unsure_before=100, kind="prediction"):
    return TrialCount(kind, 0, paired, agreeing, unsure, unsure_before, labelled, better, worse)


def outcome_of(gain, differ, *, labels=2000, each=20, seed=0):
    """Look after every 20 labels at a trial whose model is `gain` better; on a share `differ` just one of the two is right."""
    random = np.random.default_rng(seed)
    chances = [(differ + gain) / 2, (differ - gain) / 2, 1 - differ]
    better = worse = seen = 0
    while seen < labels:
        drawn = random.choice(3, each, p=chances)
        better, worse, seen = better + int((drawn == 0).sum()), worse + int((drawn == 1).sum()), seen + each
        found = judge([counts(5 * seen, 5 * (seen - better - worse), seen, better, worse, seen, seen)], expected=Expected(0.5))
        if found.verdict is not Verdict.GO_ON:
            return found.verdict, seen
    return Verdict.GO_ON, seen


def share(verdict, gain, differ, runs=200):
    return sum(outcome_of(gain, differ, seed=seed)[0] is verdict for seed in range(runs)) / runs


@pytest.mark.parametrize("differ", [0.05, 0.15, 0.4])
def test_a_model_that_is_worse_by_the_margin_is_promoted_in_at_most_five_of_a_hundred_trials(differ):
    assert share(Verdict.PROMOTE, -0.02, differ) <= 0.05


@pytest.mark.parametrize("differ", [0.05, 0.15, 0.4])
def test_a_model_that_is_as_good_is_withdrawn_in_at_most_five_of_a_hundred_trials(differ):
    assert share(Verdict.WITHDRAW, 0.0, differ) <= 0.05


def test_a_model_that_mends_a_drift_is_promoted_with_a_hundred_labels():
    found = [outcome_of(0.2, 0.4, seed=seed) for seed in range(100)]
    assert {verdict for verdict, _ in found} == {Verdict.PROMOTE}
    assert np.median([labels for _, labels in found]) <= 100


def test_a_bad_model_is_withdrawn_with_a_hundred_labels():
    found = [outcome_of(-0.2, 0.4, seed=seed) for seed in range(100)]
    assert {verdict for verdict, _ in found} == {Verdict.WITHDRAW}
    assert np.median([labels for _, labels in found]) <= 100


def test_looking_a_thousand_times_at_the_same_labels_changes_nothing():
    rows = [counts(labelled=400, better=10, worse=8)]
    assert len({judge(rows) for _ in range(10)}) == 1


def test_few_labels_decide_nothing():
    assert judge([counts(labelled=49, better=49)]).verdict is Verdict.GO_ON
    assert judge([counts(labelled=49, worse=49)]).verdict is Verdict.GO_ON


def test_without_any_pair_a_trial_goes_on():
    found = judge([])
    assert (found.verdict, found.labels, found.agreement) == (Verdict.GO_ON, 0, None)


def test_a_model_that_behaves_otherwise_than_in_its_examination_is_withdrawn_without_a_label():
    assert judge([counts(agreeing=600)], expected=Expected(0.95)).verdict is Verdict.WITHDRAW
    assert judge([counts(agreeing=600)], expected=Expected(0.62)).verdict is Verdict.GO_ON
    assert judge([counts(agreeing=600)]).verdict is Verdict.GO_ON
    assert judge([counts(agreeing=150)]).verdict is Verdict.WITHDRAW


def test_a_model_that_sends_far_more_to_people_is_withdrawn():
    assert judge([counts(unsure=400)]).verdict is Verdict.WITHDRAW
    assert judge([counts(unsure=150)]).verdict is Verdict.GO_ON
    assert judge([counts(unsure=400)], expected=Expected(to_people=0.35)).verdict is Verdict.GO_ON


def test_a_shadow_goes_on_to_decide_for_some_when_it_has_shown_nothing_bad_on_enough_pictures():
    assert judge([counts(FEWEST_PAIRS, 190, unsure=10, unsure_before=10)], decides=False).verdict is Verdict.PROMOTE
    assert judge([counts(FEWEST_PAIRS - 1, 190, unsure=10, unsure_before=10)], decides=False).verdict is Verdict.GO_ON
    assert judge([counts(labelled=200, worse=60)], decides=False).verdict is Verdict.WITHDRAW


def test_what_people_label_more_of_counts_for_no_more_than_its_part():
    """All unsure pictures are labelled and a hundredth of the sure ones; on the unsure ones the model is worse by far."""
    sure = [TrialCount("prediction", part, 90, 90, 0, 0, 1, 0, 0) for part in range(100)]
    unsure = [TrialCount("review", part, 10, 5, 10, 10, 10, 0, 3) for part in range(100)]
    found = judge([*sure, *unsure])
    assert found.labels < 150
    assert found.verdict is Verdict.GO_ON
