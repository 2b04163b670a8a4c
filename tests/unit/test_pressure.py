"""How fast devices may go on: nothing is asked of them while there is room, and a little is always let through before all is full."""

import pytest

from contracts.pressure import SLOWEST, Hint, Marks, QueueState, judge, read_hint

MARKS = Marks(depth=1000, oldest_age_s=100, memory_share=0.75)


@pytest.mark.parametrize(
    ("state", "share", "because"),
    [
        (QueueState(0), 1.0, ""),
        (QueueState(500), 1.0, ""),
        (QueueState(750), 0.5, "events wait"),
        (QueueState(999), SLOWEST, "events wait"),
        (QueueState(0, oldest_age_s=75), 0.5, "oldest"),
        (QueueState(0, memory_share=0.5625), 0.5, "memory"),
        (QueueState(1000), 0.0, "events wait"),
        (QueueState(10, 100.0, 0.1), 0.0, "oldest"),
        (QueueState(10, 1.0, 0.75), 0.0, "memory"),
    ],
)
def test_the_fullest_mark_decides(state, share, because):
    hint = judge(state, MARKS)
    assert hint.share == pytest.approx(share)
    assert because in hint.because
    assert (hint.pause_s > 0) == (share == 0)


def test_the_fuller_it_is_the_longer_devices_wait_up_to_a_minute():
    pauses = [judge(QueueState(depth), MARKS).pause_s for depth in (1000, 2000, 10_000)]
    assert pauses == [5.0, 20.0, 60.0]


def test_a_hint_is_read_as_it_was_written_and_rubbish_asks_for_nothing():
    for hint in (Hint(), Hint(0.25), Hint(0.0, 12.5)):
        assert read_hint(hint.encode()) == hint
    for rubbish in (None, b"", b"nan 0.0", b"-1.0 5.0", b"0.5", b"1e9 1e9", b"0.5 5.0 \n", b"\xff\xfe"):
        assert read_hint(rubbish) == Hint()
    assert read_hint(b"9.0 9999.0") == Hint(1.0, 60.0)
