"""The drill: the database is lost with its server, and the fleet goes on from a backup."""

import shutil
import subprocess
import sys

import pytest

from migrations.logins import LOGINS
from tests.conftest import wait_for
from tests.faults.fleet import BreakableFleet
from tests.faults.load import Load
from tests.faults.oracle import audit


def run(fleet, *command):
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env={"DATABASE_URL": fleet.stack.postgres.url("waste")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def outcomes(fleet, ids):
    return fleet.query("SELECT event_id::text, kind, decided_at FROM outcomes WHERE event_id = ANY(%s) ORDER BY 1", ids)


def lose_the_server(postgres):
    """Have a new server, with nothing in it, where the old one was."""
    postgres.stop("immediate")
    shutil.rmtree(postgres.data_dir / "cluster")
    postgres.start()


@pytest.mark.timeout(300)
def test_a_fleet_goes_on_from_a_backup_and_what_was_sent_since_comes_again(tmp_path):
    fleet = BreakableFleet(tmp_path / "fleet")
    with fleet:
        load, postgres = Load(fleet), fleet.stack.postgres
        before = load.send(200)
        audit(fleet, load)
        kept = outcomes(fleet, before)
        backup = tmp_path / "waste.dump"
        run(fleet, postgres.program("pg_dump"), "--format=custom", f"--file={backup}", postgres.url("waste"))
        since = load.make(100)
        load.publish(since)
        audit(fleet, load)

        fleet.supervisor.stop_all()
        lose_the_server(postgres)
        passwords = tmp_path / "passwords"
        passwords.mkdir()
        for program in LOGINS:
            (passwords / program).write_text((fleet.data_dir / "secrets" / f"postgres-{program}").read_text())
        waste = [sys.executable, "-m", "waste", "db"]
        postgres.create_database("waste")
        run(fleet, *waste, "logins", passwords)
        restore = ["--exit-on-error", "--single-transaction", "--dbname", postgres.url("waste"), backup]
        run(fleet, postgres.program("pg_restore"), *restore)
        run(fleet, *waste, "migrate")
        assert "newest" in run(fleet, *waste, "check")

        for name in fleet.role_names():
            fleet.start_role(name)
        fleet.await_ready()
        assert outcomes(fleet, before) == kept
        assert not outcomes(fleet, [sent.capture.event_id for sent in since])
        # Bins whose outbox still has them, and every event that is new.
        load.queue.publish([sent.message for sent in since])
        load.send(50)
        audit(fleet, load)
        assert outcomes(fleet, before) == kept
        items = "SELECT count(*) FROM review_items WHERE reason <> 'audit_sample'"
        unsure = "SELECT count(*) FROM outcomes WHERE kind = 'review'"
        wait_for(lambda: fleet.query(items) == fleet.query(unsure), 20, "the desk to have what people shall see")
