"""The desk's rules without services: agreement, forecasts, resolutions, and text of strangers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from adapters.passwords import Argon2Passwords
from contracts.errors import PasswordTooWeak, RequestRefused
from contracts.labels import Choice, resolve
from dlq_review.agreement import by_answer, by_reviewer, cohens_kappa
from dlq_review.forecast import fitting, hours_until_empty, loads
from dlq_review.label_studio import read_tasks
from dlq_review.text import plain, plain_lines

HALF_A_CHARACTER = {"id": "\ud800", "result": [{"value": {"choices": ["paper"]}}]}
ANSWERS = st.sampled_from(["glass", "metal", "paper"])


@given(st.lists(st.tuples(ANSWERS, ANSWERS), min_size=2, max_size=60))
def test_kappa_is_scikit_learns(pairs):
    found = cohens_kappa(pairs)
    first, second = zip(*pairs, strict=True)
    if len({*first, *second}) == 1:
        assert math.isnan(found.kappa)
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)


def test_agreement_is_told_by_reviewer_and_by_answer():
    opinions = [
        (n, name, answer)
        for n in range(8)
        for name, answer in (("rita", "glass" if n < 4 else "metal"), ("rolf", "glass" if n < 5 else "metal"))
    ]
    opinions += [(0, "rosa", "glass"), (99, "rosa", "paper")]  # nobody else saw 99
    found = by_reviewer(opinions)
    assert (found["rita"].pairs, found["rolf"].pairs, found["rosa"].pairs) == (9, 9, 2)
    assert found["rita"].equal == pytest.approx(8 / 9)
    assert by_answer(opinions)["glass"].pairs == 10
    assert by_reviewer([]) == {}
    assert math.isnan(cohens_kappa([]).kappa)


@pytest.mark.parametrize(
    ("choices", "wanted", "answer", "then"),
    [
        ([], 1, None, 1),
        (["glass"], 1, "glass", 1),
        (["glass"], 2, None, 2),
        (["glass", "glass"], 2, "glass", 2),
        (["glass", "metal"], 2, None, 3),
        (["glass", "metal", "metal"], 3, "metal", 3),
        (["glass", "metal", "paper"], 3, "cannot_tell", 3),
    ],
)
def test_labels_amount_to_an_answer(choices, wanted, answer, then):
    found = resolve([Choice(one) for one in choices], wanted)
    assert (found.answer, found.wanted) == (answer, then)


def test_the_backlog_is_empty_when_more_leaves_than_comes():
    assert hours_until_empty(100, 10, 60) == 2
    assert hours_until_empty(100, 60, 60) is None
    assert hours_until_empty(0, 60, 0) == 0


def test_the_threshold_that_fits_is_the_highest_whose_items_fit():
    found = loads({40: 100.0, 60: 100.0, 80: 400.0, 99: 5000.0}, 20.0, 100.0)
    assert found[0].items_a_day == 120
    assert [load.threshold for load in found[:2]] == [0.5, 0.51]
    fits = fitting(found, 3.0)
    assert (fits.threshold, fits.items_a_day) == (0.8, 220)
    assert fitting(found, 7.0).threshold == 0.99
    assert fitting(found, 0.5) is None


@given(st.text(max_size=300))
def test_strangers_text_is_one_line_without_marks_that_turn_it(text):
    shown = plain(text)
    assert not set(shown) & set("\n\r\t\0\u202e\u2066\u200b")
    assert len(shown) <= 201 * 6


@pytest.mark.parametrize(
    ("tasks", "field"),
    [
        ({}, "tasks"),
        ([1], "tasks[0].data"),
        ([{"data": {"event_id": "x"}, "annotations": []}], "tasks[0].data.event_id"),
        ([{"data": {"event_id": "0199b5a0-0000-7000-8000-000000000001"}}], "tasks[0].annotations"),
        (
            [{"data": {"event_id": "0199b5a0-0000-7000-8000-000000000001"}, "annotations": [{"result": []}]}],
            "tasks[0].annotations[0].result",
        ),
        ([{"data": {"event_id": "0199b5a0-0000-7000-8000-000000000001"}, "annotations": [3]}], "tasks[0].annotations[0]"),
        (
            [{"data": {"event_id": "0199b5a0-0000-7000-8000-000000000001"}, "annotations": [HALF_A_CHARACTER]}],
            "tasks[0].annotations[0].id",
        ),
    ],
)
def test_a_task_that_cannot_be_read_is_named(tasks, field):
    with pytest.raises(RequestRefused) as refused:
        read_tasks(tasks)
    assert refused.value.field == field


def test_a_password_may_hold_letters_that_a_short_name_has_and_no_longer_name():
    passwords = Argon2Passwords()
    assert passwords.matches("correct horse battery", passwords.hash("correct horse battery", "e"))
    with pytest.raises(PasswordTooWeak, match="name"):
        passwords.hash("correct Rita battery", "rita")


def test_text_of_several_lines_keeps_them_and_nothing_else_that_cannot_be_seen():
    assert (
        plain_lines('{\n  "id": "\u202egnp.exe\u2028\x1b[2J\ud800"\r\n}', 100)
        == '{\n  "id": "\\u202egnp.exe\\u2028\\u001b[2J\\ud800"\n}'
    )
    assert plain_lines("a\nb\nc", 3) == "a\nb…"
