"""The program of a bin ends at every single line of its code, and goes on with what lies on its disk."""

import sys
from collections import Counter
from pathlib import Path

import pytest

import producer.edge
from contracts.errors import FleetError
from tests.edge_house import picture
from tests.unit.edge_house import Clock, Gateway, Parts

CODE = str(Path(producer.edge.__file__).parent)
PICTURES = 3


class Dead(BaseException):
    """The program ends here."""


def dies_at(line):
    """Return a tracer that ends the program at the n-th line of its code that is run."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        if event == "line":
            count += 1
            if count >= line:
                raise Dead
        return trace

    return trace


def live(parts):
    parts.look()
    parts.send_all(60)


def die(home, clock, gateway, line):
    """Let a bin live until a line; return whether that line was reached. What was not committed is gone."""
    parts = Parts(home, clock, gateway)
    sys.settrace(dies_at(line))
    try:
        live(parts)
    except (Dead, FleetError):  # the second where what ran over the first met its half-done work
        return True
    finally:
        sys.settrace(None)
        parts.close()
    return False


@pytest.mark.timeout(600)
def test_each_picture_becomes_one_event_wherever_the_program_ends(tmp_path):
    line, step = 1, 5
    while True:
        home = tmp_path / str(line)
        home.mkdir()
        clock = Clock()
        gateway = Gateway(clock)
        (home / "pictures").mkdir()
        for number in range(PICTURES):
            (home / "pictures" / f"{number}.jpg").write_bytes(picture(number))
        died = die(home, clock, gateway, line)
        clock.true_s += 5
        after = Parts(home, clock, gateway)
        live(after)
        after.close()
        found = Counter(gateway.pictures[event.image_url] for _, event in gateway.events.values())
        assert found == Counter(picture(number) for number in range(PICTURES)), f"the program ended at its line {line}"
        assert sorted(event.sequence for _, event in gateway.events.values()) == list(range(PICTURES))
        assert not [path for path in (home / "pictures").iterdir() if path.suffix == ".jpg"]
        if not died:
            break
        line += step
    assert line > 300
