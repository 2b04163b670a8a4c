"""Devices are registered, get new credentials with an overlap, and lose them."""

import json
import os
import subprocess
import sys

import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.devices import PostgresDevices
from adapters.postgres.intake import PostgresIntakeLedger
from contracts.errors import DeviceRefused
from contracts.signatures import derive_credential, device_token
from local.database import ensure_logins
from tests.makers import MASTER_KEY


@pytest.fixture
def pool(stack, database_url, tmp_path):
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    with open_pool(urls["intake"], name="devices", max_size=2) as pool:
        yield pool


def refused(pool):
    return PostgresIntakeLedger(pool).revoked()


def test_a_device_is_added_once_with_its_site(pool):
    devices = PostgresDevices(pool)
    added = devices.add("bin-1", "harbour", "beside the kiosk")
    assert (added.generation, added.revoked, added.overlap_until) == (1, False, None)
    with pytest.raises(DeviceRefused, match="bin-1 was added before"):
        devices.add("bin-1", "harbour", "")
    devices.add("bin-2", "market", "")
    assert [one.sensor_id for one in devices.devices(None)] == ["bin-1", "bin-2"]
    assert [one.sensor_id for one in devices.devices("market")] == ["bin-2"]


def test_after_a_rotation_the_one_before_counts_for_the_overlap_and_an_older_one_not(pool, sql):
    devices = PostgresDevices(pool)
    devices.add("bin-1", "", "")
    rotated = devices.rotate("bin-1", 3600)
    assert (rotated.generation, rotated.revoked) == (2, False)
    assert rotated.overlap_until is not None
    assert refused(pool) == {}
    assert devices.rotate("bin-1", 3600).generation == 3
    assert refused(pool) == {"bin-1": 1}
    sql.execute("UPDATE revocations SET next_from = now() - interval '1 s'")
    assert refused(pool) == {"bin-1": 2}
    assert devices.devices(None)[0].overlap_until is None
    assert devices.rotate("bin-1", 0).generation == 4
    assert refused(pool) == {"bin-1": 3}


def test_a_revoked_device_is_let_in_again_with_the_next_generation_alone(pool):
    devices = PostgresDevices(pool)
    devices.add("bin-1", "", "")
    devices.rotate("bin-1", 3600)
    assert devices.revoke("bin-1", None, "stolen") == 2
    assert devices.devices(None)[0].revoked
    assert devices.revoke("bin-1", 1, "") == 2
    assert devices.rotate("bin-1", 0).generation == 3
    assert refused(pool) == {"bin-1": 2}


def test_one_that_was_revoked_before_it_was_registered_begins_after_that(pool):
    devices = PostgresDevices(pool)
    assert devices.revoke("bin-1", 3, "") == 3
    assert devices.add("bin-1", "", "").generation == 4
    with pytest.raises(DeviceRefused, match="bin-9 was never added"):
        devices.rotate("bin-9", 0)


def test_the_commands_print_a_credential_for_export_and_a_table_for_people(pool, monkeypatch, capsys):
    from intake.devices import main

    monkeypatch.setenv("DATABASE_URL", pool.conninfo)
    monkeypatch.setenv("DEVICE_MASTER_KEY", MASTER_KEY.hex())
    assert main(["add", "bin-1", "--site", "harbour"]) == 0
    assert capsys.readouterr().out.startswith("DEVICE_CREDENTIAL=1:")
    assert main(["rotate", "bin-1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("DEVICE_CREDENTIAL=2:")
    assert "generation 1 of bin-1 is taken until" in printed.err
    assert main(["list"]) == 0
    assert "bin-1   harbour  2           in use, with the one before until" in capsys.readouterr().out
    assert main(["revoke", "bin-1"]) == 0
    assert "up to generation 2 are refused within 5 s" in capsys.readouterr().out
    main(["list", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["sensor_id"], row["refused_through"]) == ("bin-1", 2)


def test_the_newest_credential_is_printed_and_a_name_that_nobody_heard_of_is_asked_about(stack, database_url, tmp_path):
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["intake"]
    environment = {"PATH": os.environ["PATH"], "DEVICE_MASTER_KEY": MASTER_KEY.hex(), "DATABASE_URL": url}

    def device(*arguments):
        command = [sys.executable, "-m", "waste", "device", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    first = device("add", "bin-1", "--token").stdout
    assert first == f"DEVICE_TOKEN={device_token(derive_credential(MASTER_KEY, 'bin-1', 1))}\n"
    second = device("rotate", "bin-1", "--token").stdout
    assert second == f"DEVICE_TOKEN={device_token(derive_credential(MASTER_KEY, 'bin-1', 2))}\n"
    assert device("credential", "bin-1", "--token").stdout == second
    assert device("credential", "bin-1", "--token", "--generation", "1").stdout == first
    assert device("door", "bin-1", "--with-before").stdout.count("#") == 2
    del environment["DATABASE_URL"]
    alone = device("credential", "bin-1", "--token")
    assert (alone.stdout, "after a rotation say --generation" in alone.stderr) == (first, True)
    environment["DATABASE_URL"] = url
    assert device("revoke", "bin-1").stderr == ""
    assert "is the name right?" in device("revoke", "bim-1").stderr
