"""What a sensor's numbers tell: which events never came, which came late, and when it began to count anew."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.devices import PostgresDevices
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.sensors import PostgresSensors
from contracts.sensors import Contact
from intake.fleet import main
from local.database import ensure_logins
from tests.makers import accepted, an_event

BEGAN = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def send(stack, database_url, tmp_path, sql):
    """Return a function that brings events with these numbers in one batch, each captured a second after the one before."""
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    moments = iter(BEGAN + timedelta(seconds=number) for number in range(100_000))
    with open_pool(urls["intake"], name="sensors", max_size=2) as pool:
        ledger = PostgresIntakeLedger(pool)

        def send(*numbers, sensor_id="bin-1", at=None, **changes):
            events = [
                accepted(an_event(sensor_id=sensor_id, sequence=n, captured_at=at or next(moments), **changes)) for n in numbers
            ]
            ledger.accept(events, [])
            ledger.accept(events, [])  # delivered twice: it counts once
            return known(sql, sensor_id)

        yield send


def known(sql, sensor_id):
    row = sql.execute(
        "SELECT last_sequence, missing::text, given_up, restarts FROM sensors WHERE sensor_id = %s", (sensor_id,)
    ).fetchone()
    return tuple(row)


def test_what_comes_in_order_leaves_no_gap(send):
    assert send(0, 1, 2) == (2, "{}", 0, 0)
    assert send(3) == (3, "{}", 0, 0)
    assert send(5, 4) == (5, "{}", 0, 0)


def test_a_gap_is_seen_within_a_batch_and_between_batches_and_closes_when_the_event_comes(send):
    assert send(7, 9) == (9, "{[8,9)}", 0, 0)
    assert send(12, 15) == (15, "{[8,9),[10,12),[13,15)}", 0, 0)
    assert send(11, 8, at=BEGAN) == (15, "{[10,11),[13,15)}", 0, 0)
    assert send(10, at=BEGAN) == (15, "{[13,15)}", 0, 0)


def test_a_sensor_that_counts_anew_is_seen_and_what_was_missing_then_is_given_up(send):
    send(100, 105)
    assert send(0, 1, 3) == (3, "{[2,3)}", 4, 1)
    assert send(4) == (4, "{[2,3)}", 4, 1)


def test_an_old_event_that_comes_again_under_a_new_id_is_no_new_beginning(send):
    send(100, 101)
    assert send(50, at=BEGAN - timedelta(days=1)) == (101, "{}", 0, 0)


def test_sensors_do_not_mix_and_events_without_a_number_count_as_contact_alone(send):
    assert send(5, sensor_id="bin-1") == (5, "{}", 0, 0)
    assert send(9, sensor_id="bin-2") == (9, "{}", 0, 0)
    assert send(0, sensor_id="bin-1", attributes={"via": "predict"}) == (5, "{}", 0, 0)
    assert send(0, sensor_id="bin-3", attributes={"via": "predict"}) == (None, "{}", 0, 0)
    assert send(4, sensor_id="bin-3") == (4, "{}", 0, 0)


def test_the_largest_numbers_and_many_gaps_are_survived(send):
    assert send(2**63 - 1, sensor_id="bin-9")[0] == 2**63 - 2
    last, missing, given_up, _ = send(*range(0, 1000, 2))
    assert (last, missing.count("["), given_up) == (998, 499, 0)
    last, missing, given_up, _ = send(1000)
    assert (last, missing.count("["), given_up) == (1000, 200, 300)
    assert send(0, 2**62, sensor_id="bin-8") == (2**62, f"{{[1,{2**62})}}", 0, 0)


def test_ops_see_who_is_silent_who_is_quiet_and_what_is_lost(send, sql, monkeypatch, capsys, database_url, stack, tmp_path):
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    with open_pool(urls["intake"], name="devices", max_size=1) as pool:
        PostgresDevices(pool).add("bin-4", "harbour", "")
    send(1, 4, sensor_id="bin-1")
    for sensor_id in ("bin-2", "bin-3"):
        send(1, sensor_id=sensor_id)
    with open_pool(urls["gateway"], name="gateway", max_size=1) as pool:
        sql.execute(
            "UPDATE sensors SET last_contact_at = now() - interval '2 d', last_event_at = now() - interval '2 d' WHERE sensor_id <> 'bin-1'"
        )
        PostgresSensors(pool).note(Contact("bin-2", 5, {"spool": 3}))
    monkeypatch.setenv("DATABASE_URL", urls["intake"])
    assert main(["sensors", "--fail"]) == 3
    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    shown = {row[0].strip(): [cell.strip() for cell in row if cell.strip()] for row in rows[1:]}
    assert shown["bin-1"][1:] == ["heard", "0 s", "0 s", "2", "2-3", "0"]
    assert shown["bin-2"][1:] == ["quiet", "0 s", "2 d", "3", "the last 3", "0"]
    assert shown["bin-3"][1:] == ["silent", "2 d", "2 d", "0", "0"]
    assert shown["bin-4"][1:] == ["harbour", "silent", "never", "never", "0", "0"]
    assert main(["sensors", "--troubled", "--site", "harbour", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["sensor_id"], row["presence"], row["lost"]) == ("bin-4", "silent", 0)
