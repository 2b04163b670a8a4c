"""The program of one bin against a real gateway, over real services."""

import io
import json
import signal
import socket
import time

import pytest
from PIL import Image

from contracts.signatures import derive_credential, device_token, sign
from tests.conftest import wait_for
from tests.edge_house import Bin, fetched, picture
from tests.gateway_house import GatewayHouse
from tests.log_lines import wrong_lines
from tests.makers import MASTER_KEY


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path)
    yield house
    house.close()


@pytest.fixture
def bin_of(gateway, tmp_path):
    """Return a function that makes a bin of this gateway; all are stopped at the end."""
    bins = []

    def make(**settings):
        bins.append(Bin(tmp_path / f"bin-{len(bins)}", gateway.url, **settings))
        return bins[-1]

    yield make
    for one in bins:
        one.stop()
    assert [wrong for one in bins for wrong in wrong_lines(one.log)] == []


def events_on(queue):
    """Return the events on a queue, in their order."""
    return [json.loads(received.message.body) for received in queue.receive(1000, 0)]


def test_pictures_of_the_folder_become_events_on_the_queue_and_leave_the_folder(gateway, bin_of):
    one = bin_of().start()
    for number in range(5):
        one.throw(number)
    wait_for(lambda: gateway.edge.depth().total == 5, 30, one.log.read_text)
    events = events_on(gateway.edge)
    assert sorted(event["sequence"] for event in events) == [0, 1, 2, 3, 4]
    assert len({event["event_id"] for event in events}) == 5
    wait_for(lambda: not one.waiting() and one.status()["waiting"] == 0)
    status = one.status()
    assert (status["sent"], status["captured"], status["running"], status["trouble"]) == (5, 5, True, None)
    assert status["clock"] == "measured"
    assert abs(status["clock_offset_s"]) < 2
    assert "program          runs" in one.ask("status").stdout
    assert one.stop() == 0
    assert one.status()["running"] is False
    told = one.ask("status").stdout
    assert "waiting          0 events, 0.0 MB\n" in told
    assert "sent             5 of 5" in told
    assert "clock            right; events carry the service's time" in told


def test_a_second_program_on_the_same_outbox_is_refused(bin_of):
    one = bin_of().start()
    wait_for(lambda: one.state.exists() and one.status()["running"])
    second = one.ask("run")
    assert second.returncode == 1
    assert "edge.lock is locked" in second.stderr
    assert "WASTE_STATE_DIR" in second.stderr
    one.kill()
    assert one.start().process.poll() is None
    wait_for(lambda: one.status()["running"])


def test_the_outbox_of_another_sensor_is_refused_by_name(bin_of):
    one = bin_of()
    one.start()
    wait_for(lambda: one.log.exists() and one.state.joinpath("edge.sqlite").exists() and one.status()["sensor_id"] == "bin-7")
    assert one.stop() == 0
    other = device_token(derive_credential(MASTER_KEY, "bin-8"))
    done = one.ask("run", DEVICE_TOKEN=other)
    assert (done.returncode, "belongs to bin-7" in done.stderr) == (2, True)


def test_a_camera_that_is_a_command_shoots_by_the_clock_and_on_a_signal(gateway, bin_of, tmp_path):
    (tmp_path / "shot.jpg").write_bytes(picture(3, size=(1600, 1200), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0secret place"))
    one = bin_of(EDGE_CAMERA=f"cat {tmp_path / 'shot.jpg'}", EDGE_CAMERA_EVERY_S=0.5).start()
    wait_for(lambda: gateway.edge.depth().total >= 3, 30, one.log.read_text)
    one.stop()
    before = one.status()["captured"]
    one.environment["EDGE_CAMERA_EVERY_S"] = "0"
    one.start()
    wait_for(lambda: one.log.read_text().count("events_sent") and one.status()["running"])
    wait_for(lambda: one.process.send_signal(signal.SIGUSR1) or one.status()["captured"] > before, 10, one.log.read_text)


def test_a_camera_that_fails_is_told_and_counted_and_its_children_end(bin_of):
    one = bin_of(EDGE_CAMERA="sh -c 'echo no lens >&2; exit 3'", EDGE_CAMERA_EVERY_S=0.2).start()
    wait_for(lambda: one.log.exists() and "no lens" in one.log.read_text(), 10)
    wait_for(lambda: one.status()["camera_failed"] > 1)
    one.stop()
    slow = bin_of(EDGE_CAMERA="sh -c 'sleep 60 & sleep 60'", EDGE_CAMERA_EVERY_S=0.2, EDGE_CAMERA_TIMEOUT_S=1).start()
    wait_for(lambda: slow.log.exists() and "took over 1 s" in slow.log.read_text(), 10)
    assert slow.stop() == 0


def test_large_pictures_are_sent_small_and_without_metadata(gateway, bin_of, stack):
    one = bin_of()
    large = picture(5, size=(2400, 1800), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0secret place")
    small = picture(6, comment=b"secret place")
    for name, data in (("large.jpg", large), ("small.jpg", small)):
        (one.folder / name).write_bytes(data)
    assert b"secret" in large
    assert b"secret" in small
    one.start()
    wait_for(lambda: gateway.edge.depth().total == 2, 30, one.log.read_text)
    pictures = [
        fetched(stack, event["image_url"]) for event in sorted(events_on(gateway.edge), key=lambda event: event["sequence"])
    ]
    assert not [data for data in pictures if b"secret" in data]
    assert sorted(Image.open(io.BytesIO(data)).size for data in pictures) == [(64, 48), (1024, 768)]


def test_a_revoked_credential_stops_sending_and_a_new_one_in_its_file_is_found(gateway, bin_of, sql, tmp_path):
    token = tmp_path / "token"
    token.write_text(device_token(derive_credential(MASTER_KEY, "bin-7", 9)))
    one = bin_of(DEVICE_TOKEN="", DEVICE_TOKEN_FILE=token)
    sql.execute("INSERT INTO revocations (sensor_id, revoked_through) VALUES ('bin-7', 9)")
    wait_for(lambda: gateway.client(generation=9).get("/v1/events/0").status_code == 401, 10, "the revocation")
    one.start()
    one.throw(1)
    wait_for(lambda: one.log.exists() and "does not believe" in one.log.read_text(), 10)
    wait_for(lambda: one.status()["waiting"] == 1)
    assert "credential" in one.status()["trouble"]
    check = one.ask("check")
    assert check.returncode == 1
    assert "NOT  It does not believe this bin's credential" in check.stdout
    token.write_text(device_token(derive_credential(MASTER_KEY, "bin-7", 10)))
    one.stop()
    one.start()
    wait_for(lambda: one.status()["sent"] == 1, 20, one.log.read_text)


def test_a_bin_with_its_own_credential_signs_by_itself(gateway, bin_of):
    credential = derive_credential(MASTER_KEY, "bin-9", 2)
    one = bin_of(DEVICE_TOKEN="", EDGE_SENSOR="bin-9", DEVICE_CREDENTIAL=f"2:{credential.key.hex()}")
    one.throw(1)
    one.start()
    wait_for(lambda: gateway.edge.depth().total == 1, 20, one.log.read_text)
    (received,) = gateway.edge.receive(10, 0)
    assert received.message.headers["signature"] == sign(credential, received.message.body)


def test_the_service_hears_of_the_bin_and_what_it_has_dropped(gateway, bin_of, sql):
    one = bin_of(EDGE_CONTACT_S=1)
    one.throw(1)
    one.start()
    wait_for(lambda: one.status()["sent"] == 1, 20, one.log.read_text)
    wait_for(
        lambda: sql.execute("SELECT next_sequence, report->>'spool' FROM sensors WHERE sensor_id = 'bin-7'").fetchone() == (1, "0"),
        20,
    )
    (report,) = sql.execute("SELECT report FROM sensors WHERE sensor_id = 'bin-7'").fetchone()
    assert {"version", "clock", "clock_offset_s", "sent", "dropped", "refused"} <= set(report)


def test_check_says_in_words_what_is_fine_and_what_is_not(bin_of, tmp_path):
    one = bin_of()
    done = one.ask("check")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\n") == done.stdout.count("ok   ") == 7
    assert "which can be reached" in done.stdout
    assert not one.state.exists(), "it only looks"
    lost = one.ask("check", GATEWAY_URL="http://127.0.0.1:1")
    assert lost.returncode == 1
    assert "NOT  The gateway http://127.0.0.1:1 cannot be used" in lost.stdout
    assert "Is the line up" in lost.stdout
    nowhere = one.ask("check", EDGE_FOLDER=str(tmp_path / "bin-0" / "log" / "x"), EDGE_RESERVE_MB="900000")
    assert "NOT  The disk has" in nowhere.stdout


def test_check_makes_no_folder_and_finds_a_camera_that_is_not_there(bin_of, tmp_path):
    one = bin_of()
    done = one.ask("check", EDGE_FOLDER=str(tmp_path / "mistyped"), EDGE_CAMERA="no-such-camera -o -")
    assert done.returncode == 1
    assert f"NOT  EDGE_FOLDER: {tmp_path / 'mistyped'} is no folder" in done.stdout
    assert "NOT  EDGE_CAMERA: no-such-camera is no command" in done.stdout
    assert not (tmp_path / "mistyped").exists()
    neither = one.ask("check", EDGE_FOLDER="")
    assert neither.returncode == 1
    assert "NOT  No pictures can come: neither EDGE_FOLDER nor EDGE_CAMERA is set" in neither.stdout


def test_settings_that_are_wrong_are_all_named(bin_of):
    done = bin_of().ask("run", DEVICE_TOKEN="v1.abc", GATEWAY_URL="ftp://x", EDGE_CAMERA="'")
    assert done.returncode == 2
    for fault in ("DEVICE_TOKEN: is no token", "GATEWAY_URL: ", "EDGE_CAMERA: No closing quotation"):
        assert fault in done.stderr
    assert "DEVICE_CREDENTIAL: neither it nor DEVICE_TOKEN is set" in bin_of().ask("run", DEVICE_TOKEN="").stderr


def test_the_programs_end_on_sigterm_is_clean_while_the_gateway_is_away(bin_of):
    one = bin_of(GATEWAY_URL="http://127.0.0.1:1").start()
    one.throw(1)
    wait_for(lambda: one.log.exists() and "sending_stopped" in one.log.read_text(), 20)
    wait_for(lambda: one.status()["waiting"] == 1)
    began = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - began < 5
    assert one.status()["waiting"] == 1
    assert one.log.read_text().splitlines()[-1].count("ended") == 1


def test_the_programs_end_on_sigterm_is_soon_while_the_gateway_hangs(bin_of):
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        one = bin_of(GATEWAY_URL=f"http://127.0.0.1:{hanging.getsockname()[1]}").start()
        hanging.settimeout(20)
        connection, _ = hanging.accept()
        began = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - began < 5
        connection.close()


def test_an_outbox_that_is_deleted_ends_the_program_and_the_next_start_takes_what_stayed_in_the_folder(bin_of):
    one = bin_of(GATEWAY_URL="http://127.0.0.1:1").start()
    one.throw(1)
    wait_for(lambda: one.status()["waiting"] == 1)
    (one.state / "edge.sqlite").unlink()
    one.throw(2)
    assert one.process.wait(20) == 1
    assert "edge.sqlite was deleted while the program ran" in one.log.read_text()
    assert [path.name for path in one.waiting()] == ["p000002.jpg"]
    one.start()
    wait_for(lambda: one.status()["waiting"] == 1 and not one.waiting())


def test_a_wrong_path_in_the_gateways_address_costs_no_picture_and_is_told(gateway, bin_of):
    one = bin_of(GATEWAY_URL=f"{gateway.url}/api").start()
    for number in range(5):
        one.throw(number)
    wait_for(lambda: one.log.exists() and "is GATEWAY_URL right" in one.log.read_text(), 20)
    wait_for(lambda: one.status()["waiting"] == 5)
    assert one.status()["aside"] == []
    assert "is GATEWAY_URL right" in one.ask("status").stdout
    check = one.ask("check")
    assert check.returncode == 1
    assert "Is GATEWAY_URL right, to its last letter?" in check.stdout
    one.stop()
    one.environment["GATEWAY_URL"] = gateway.url
    one.start()
    wait_for(lambda: gateway.edge.depth().total == 5, 20, one.log.read_text)
    wait_for(lambda: one.status()["sent"] == 5)
    told = one.ask("status").stdout
    assert "trouble          none" in told
    assert "s ago)" in told, "and when the last one was"
