"""The review lane: who gets which item, for how long, in which order."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from contracts.categories import Category
from contracts.labels import Choice, NewLabel, Origin
from contracts.names import OutcomeKind
from contracts.review import MOST_HELD, Order, Wish
from tests.desk_house import scores_of
from tests.makers import an_event, an_outcome


def test_one_person_holds_no_more_than_a_hundred_items(house):
    house.file(130)
    taken = [len(house.desk.take(house.holder("rita"), Wish(), 10)) for _ in range(13)]
    assert sum(taken) == 100
    assert len(house.desk.take(house.holder("rolf"), Wish(), 10)) == 10


def test_grids_and_filing_at_the_same_time_do_not_wait_for_each_other_in_a_ring(house):
    events = [house.event() for _ in range(60)]
    filed = house.file(60)
    for name in ("rita", "rolf", "rosa"):
        house.holder(name)

    def grid(name):
        account = house.desk.accounts.find(name)[0].account_id
        ids = [*filed[:30], *(event.event_id for event in events[:30])]
        ids = ids if name == "rita" else ids[::-1]
        house.desk.labels.add([NewLabel(uuid4(), one, account, Choice.GLASS, Origin.GRID) for one in ids])

    letters = [house.letter(event) for event in events]
    with ThreadPoolExecutor(6) as threads:
        jobs = [threads.submit(grid, name) for name in ("rita", "rolf", "rosa")]
        jobs += [threads.submit(house.desk.letters.file, order) for order in (letters, letters[::-1], letters)]
        for job in jobs:
            job.result()


def test_two_reviewers_never_hold_the_same_item(house):
    house.file(60)
    pages = [house.holder(name) for name in ("rita", "rolf", "rosa")] + [house.holder("rita")]
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda n: house.desk.take(pages[n % 4], Wish(), 5), range(16)))
    ids = [item.event_id for items in taken for item in items]
    assert len(ids) == 60
    assert max(Counter(ids).values()) == 1


def test_a_lease_ends_by_itself_is_renewed_and_given_back_by_a_page_that_closes(house):
    (event_id,) = house.file()
    first, second = house.holder("rita"), house.holder("rolf")
    assert [item.event_id for item in house.desk.take(first, Wish(), 10)] == [event_id]
    assert house.desk.take(second, Wish(), 10) == []
    house.lapse(80)
    assert house.desk.lane.renew(first, [event_id]) == [event_id]
    house.lapse(80)
    assert house.desk.take(second, Wish(), 10) == []
    house.lapse(20)
    assert [item.event_id for item in house.desk.take(second, Wish(), 10)] == [event_id]
    assert house.desk.lane.renew(first, [event_id]) == []
    assert house.desk.lane.give_back(first) == 0
    assert house.desk.lane.give_back(second) == 1
    assert [item.event_id for item in house.desk.take(first, Wish(), 10)] == [event_id]


def test_what_is_most_informative_comes_first_or_what_is_oldest_or_what_is_wished_for(house):
    sure = house.file(1, scores=scores_of("glass", 0.74))[0]
    torn = house.file(1, scores={"plastic": 0.48, "paper": 0.47, "glass": 0.05, "metal": 0.0, "organic": 0.0})[0]
    odd = house.file(1, scores=scores_of("metal", 0.99), reason="out_of_distribution", outlier_score=0.97)[0]
    other = house.file(1, event=an_event(sensor_id="bin-9"), scores=scores_of("organic", 0.6))[0]

    def taken(**wish):
        page = house.holder("rita")
        ids = [item.event_id for item in house.desk.take(page, Wish(**wish), 10)]
        house.desk.lane.give_back(page)
        return ids

    assert taken() == [torn, odd, other, sure]
    assert taken(order=Order.OLDEST) == [sure, torn, odd, other]
    assert taken(sensor_id="bin-9") == [other]
    assert taken(category=Category.METAL) == [odd]
    assert taken(reason="out_of_distribution") == [odd]
    assert taken(event_id=sure) == [sure]


def test_the_grid_holds_what_the_model_sees_most_like_the_first(house):
    near = house.file(3, scores={"plastic": 0.5, "paper": 0.4, "glass": 0.1, "metal": 0.0, "organic": 0.0})
    far = house.file(2, scores={"plastic": 0.74, "paper": 0.0, "glass": 0.0, "metal": 0.26, "organic": 0.0})
    house.file(4, scores=scores_of("glass", 0.7))
    items = house.desk.lane.take(house.holder("rita"), Wish(alike=True), 5)
    assert {item.event_id for item in items[:3]} == set(near)
    assert {item.event_id for item in items[3:]} == set(far)


def test_a_skipped_item_goes_to_others_and_comes_back_when_that_is_undone(house):
    (event_id,) = house.file()
    page = house.holder("rita")
    house.desk.take(page, Wish(), 1)
    house.desk.lane.skip(page, event_id)
    assert house.desk.take(page, Wish(), 1) == []
    other = house.holder("rolf")
    assert len(house.desk.take(other, Wish(), 1)) == 1
    assert house.desk.lane.retake(page, event_id) is None
    house.desk.lane.give_back(other)
    assert house.desk.lane.retake(page, event_id).event_id == event_id


def test_what_the_queue_lost_comes_back(house):
    review, failure, filed = (house.event() for _ in range(3))
    outcomes = [
        an_outcome(review, OutcomeKind.REVIEW),
        an_outcome(failure, OutcomeKind.FAILURE),
        an_outcome(filed, OutcomeKind.REVIEW),
    ]
    house.worker.record(outcomes, uuid4())
    house.desk.letters.file([outcomes[2].dead_letter])
    from dlq_review.reconcile import reconcile

    assert reconcile(house.desk.letters, house.telemetry) == 0
    assert reconcile(house.desk.letters, house.telemetry, 0.0) == 2
    assert reconcile(house.desk.letters, house.telemetry, 0.0) == 0
    assert house.desk.browser.counts() == {"review": {"low_confidence": 2}, "failures": {"image_missing": 1}}


def test_only_what_one_had_before_is_to_be_had_again(house):
    first, second = house.file(2)
    rita = house.holder("rita")
    assert house.desk.lane.retake(rita, first) is None
    house.desk.lane.skip(rita, first)
    assert house.desk.lane.retake(rita, first).event_id == first
    _, label_id = house.says("rita", second, Choice.GLASS)
    assert house.desk.lane.retake(rita, second) is None
    house.says("rolf", second, Choice.PAPER)
    house.says("rita", second, None, replaces=label_id)
    assert house.desk.lane.retake(rita, second).event_id == second  # closed or not: that would tell what rolf said


def test_a_hundred_items_are_the_most_however_many_pages_ask_at_once(house):
    ids = house.file(160)
    for event_id in ids:
        house.desk.lane.skip(house.holder("rita"), event_id)
    pages = [house.holder("rita") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for job in [threads.submit(house.desk.lane.retake, pages[place % 8], one) for place, one in enumerate(ids)]:
            job.result()
    (held,) = house.sql.execute("SELECT count(*) FROM review_items WHERE lease_until > now()").fetchone()
    assert held == MOST_HELD
