"""Figures about models: pure numbers, each against what one can count by hand."""

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contracts.categories import CATEGORIES, Category
from learning.datasets import DatasetInvalid, Sample, Split
from learning.evaluate import Answers, Share, evaluate
from learning.outliers import fit_outlier_head
from learning.progress import bar
from learning.report import to_json, to_lines
from learning.selection import NEVER, for_error, for_review, risk_coverage
from learning.tracking import Run, flat_figures


def answers(*rows, threshold=0.75, outlier_threshold=None):
    """Each row: what it is (None: none of the five), what it is called, how sure, and the outlier score."""
    samples, probabilities, scores = [], [], []
    for number, (truth, called, confidence, *score) in enumerate(rows):
        split = Split.OOD if truth is None else Split.TEST
        samples.append(Sample(Path(f"{number}.jpg"), "s", truth, split, str(number), Split.TEST if truth is None else None))
        row = np.full(len(CATEGORIES), (1 - confidence) / (len(CATEGORIES) - 1))
        row[CATEGORIES.index(called)] = confidence
        probabilities.append(row)
        scores += score
    return Answers(tuple(samples), np.array(probabilities), np.array(scores) if scores else None, threshold, outlier_threshold)


PAPER, GLASS, METAL = Category.PAPER, Category.GLASS, Category.METAL
SOME = answers(
    (PAPER, PAPER, 0.95, 0.1),
    (PAPER, PAPER, 0.9, 0.9),
    (PAPER, GLASS, 0.85, 0.2),
    (GLASS, GLASS, 0.6, 0.1),
    (None, METAL, 0.99, 0.8),
    (None, METAL, 0.5, 0.05),
    outlier_threshold=0.5,
)


def test_an_evaluation_counts_what_can_be_counted():
    found = evaluate(SOME)
    overall = found.overall
    assert (overall.right.hits, overall.right.count) == (3, 4)
    assert (overall.decided.hits, overall.decided_right.hits, overall.decided_right.count) == (2, 1, 2)
    paper, glass = found.categories["paper"], found.categories["glass"]
    assert (paper.recall.hits, paper.recall.count, paper.precision.count) == (2, 3, 2)
    assert (glass.recall.value, glass.precision.hits, glass.precision.count) == (1.0, 1, 2)
    assert found.confusion[CATEGORIES.index(PAPER)][CATEGORIES.index(GLASS)] == 1
    assert np.sum(found.confusion) == 4
    outliers = found.outliers["all"]
    assert (outliers.sent_to_people.hits, outliers.sent_to_people.count) == (2, 2)
    assert outliers.separation == pytest.approx((3 + 0) / 8)
    assert set(found.slices) == {"s/test", "s/test/paper", "s/test/glass"}


def test_without_an_outlier_score_the_confidence_tells():
    plain = answers((PAPER, PAPER, 0.9), (None, METAL, 0.8), (None, METAL, 0.5))
    outliers = evaluate(plain).outliers["all"]
    assert outliers.sent_to_people.hits == 1
    assert outliers.separation == 1.0


def test_the_headline_is_one_split_and_the_slices_are_all():
    more = Answers(
        (*SOME.samples, Sample(Path("v.jpg"), "s", PAPER, Split.VAL, "v")),
        np.vstack([SOME.probabilities, SOME.probabilities[:1]]),
        np.append(SOME.outlier_scores, 0.0),
        0.75,
        0.5,
    )
    found = evaluate(more, headline=Split.TEST)
    assert found.overall.right.count == 4
    assert "s/val" in found.slices
    with pytest.raises(DatasetInvalid, match="train"):
        evaluate(more, headline=Split.TRAIN)


def test_a_share_has_wilsons_interval_and_none_without_any():
    share = Share.of(np.array([True] * 90 + [False] * 10))
    assert (share.value, round(share.low, 4), round(share.high, 4)) == (0.9, 0.8256, 0.9448)
    assert math.isnan(Share.of(np.array([], bool)).value)


def test_the_table_and_the_json_hold_the_same_figures():
    found = evaluate(SOME)
    lines = list(to_lines(found))
    (overall,) = (line for line in lines if line.startswith("all (test) "))
    assert re.search(r"75\.0% \[30\.1 95\.4\] +50\.0% \[15\.0 85\.0\] +50\.0%", overall)
    assert max(len(line) for line in lines) <= 110
    read = json.loads(to_json(found, {"model": "m1"}))
    assert read["model"] == "m1"
    assert read["labels"] == [category.value for category in CATEGORIES]
    assert read["splits"] == ["test"]
    assert read["overall"]["right"]["value"] == 0.75
    assert read["categories"]["metal"]["recall"]["value"] is None
    assert read["outliers"]["all"]["sent_to_people"]["hits"] == 2


CONFIDENCE = np.linspace(0.5, 1, 101)
CORRECT = np.arange(101) >= 10
"""Right but for the ten least sure."""


def test_risk_rises_with_coverage_and_ties_stand_together():
    curve = risk_coverage(np.array([0.9, 0.9, 0.8, 0.7]), np.array([True, False, True, False]))
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7]
    assert curve.coverage.tolist() == [0.5, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)


def test_a_threshold_for_an_error_rate_decides_as_much_as_it_may():
    none_wrong = for_error(CONFIDENCE, CORRECT, 0.0)
    assert none_wrong.threshold == pytest.approx(CONFIDENCE[10])
    assert none_wrong.error == 0
    some_wrong = for_error(CONFIDENCE, CORRECT, 0.05)
    assert some_wrong.threshold < none_wrong.threshold
    assert some_wrong.error <= 0.05
    assert for_error(CONFIDENCE, CORRECT, 1.0).decided == 1.0
    with pytest.raises(DatasetInvalid, match="no threshold leaves 20"):
        for_error(CONFIDENCE, ~CORRECT, 0.1)
    with pytest.raises(DatasetInvalid, match="no pictures"):
        for_error(np.array([]), np.array([], bool), 0.1)


def test_a_threshold_for_the_reviewers_sends_no_more_than_they_can_do():
    choice = for_review(CONFIDENCE, CORRECT, 0.2)
    assert 1 - choice.decided <= 0.2
    assert (choice.threshold > CONFIDENCE).mean() == pytest.approx(1 - choice.decided)
    tighter = for_review(CONFIDENCE, CORRECT, 0.1)
    assert tighter.threshold < choice.threshold
    assert for_review(np.full(50, 0.9), np.ones(50, bool), 0.5).decided == 1.0


def test_outliers_go_to_people_at_every_threshold_and_no_wish_for_fewer_is_granted():
    for threshold in (0.0, 0.5):
        found = evaluate(replace(SOME, threshold=threshold))
        assert (found.overall.decided.hits, found.overall.decided.count) == (3, 4)
        assert found.outliers["all"].sent_to_people.hits == 1
    some_never = np.where(np.arange(101) < 3, NEVER, CONFIDENCE)
    with pytest.raises(DatasetInvalid, match=r"the outlier score alone sends 2\.98% of the pictures to people"):
        for_review(some_never, CORRECT, 0.02)
    assert for_review(some_never, CORRECT, 0.0298).decided == pytest.approx(98 / 101)
    assert for_error(some_never, CORRECT, 1.0).threshold == CONFIDENCE[3]
    with pytest.raises(DatasetInvalid, match=r"sends 100\.00%"):
        for_review(np.full(30, NEVER), np.ones(30, bool), 1.0)
    with pytest.raises(DatasetInvalid, match="no threshold leaves 20"):
        for_error(np.full(30, NEVER), np.ones(30, bool), 0.5)


def test_an_outlier_head_tells_what_it_was_shown_from_the_rest():
    chance = np.random.default_rng(0)
    inside, outside = chance.normal(0, 1, (400, 16)), chance.normal(0, 1, (40, 16))
    outside[:, 3] += 6
    nothing = np.empty((0, 16), np.float32)
    head = fit_outlier_head(inside.astype(np.float32), outside.astype(np.float32), nothing, inside_weight=np.ones(400))
    assert np.median(head.scores(outside.astype(np.float32))) > np.quantile(head.scores(inside.astype(np.float32)), 0.98)
    assert ((head.scores(inside.astype(np.float32) * 1e4) >= 0) & (head.scores(inside.astype(np.float32) * 1e4) <= 1)).all()
    broken = chance.normal(0, 1, (40, 16)).astype(np.float32) - 3
    both = fit_outlier_head(inside.astype(np.float32), outside.astype(np.float32), broken, inside_weight=np.ones(400))
    assert (
        np.median(both.scores(broken)) > np.quantile(both.scores(inside.astype(np.float32)), 0.98) > np.median(head.scores(broken))
    )
    with pytest.raises(DatasetInvalid, match="outlier head"):
        fit_outlier_head(inside.astype(np.float32), nothing, nothing, inside_weight=np.ones(400))


def fail_on(rows):
    for _ in rows:
        raise OSError("full")


def test_a_progress_bar_is_gone_when_its_work_fails_and_never_there_without_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for screen in (Terminal(), io.StringIO()):
        monkeypatch.setattr("sys.stderr", screen)
        with pytest.raises(OSError, match="full"), bar(range(3), "trying") as shown:
            fail_on(shown)
        said = screen.getvalue()
        assert said.endswith("\r") if screen.isatty() else said == ""
        assert ("trying" in said) is screen.isatty()


def test_a_run_that_did_not_end_has_no_record_and_two_of_one_second_have_two_folders(tmp_path):
    from datetime import UTC, datetime

    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    first, second = Run.begin(tmp_path, "m1", now), Run.begin(tmp_path, "m1", now)
    assert first.folder != second.folder
    assert not list(tmp_path.rglob("run.json"))
    first.end({"figures": {"right": 0.9}})
    assert json.loads((first.folder / "run.json").read_text())["figures"]["right"] == 0.9
    assert not list(tmp_path.rglob("*.partial"))


def test_figures_are_flat_for_servers_and_lists_stay_behind():
    assert flat_figures({"a": {"b": 1, "c": [1, 2], "d": True, "e": None}, "f": 0.5}) == {"a.b": 1.0, "f": 0.5}
