"""The database's shape: what is read is what is made; each role may do its work and nothing else."""

import re
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.connections import open_pool, ping
from contracts.ids import uuid7
from local.database import ensure_logins
from migrations.logins import LOGINS, ensure_login, login_of
from migrations.run import _config, _driver_url, faults, migrate
from tests.conftest import REPOSITORY


def shape_of(stack, url):
    """Return what pg_dump says of a database, without the months and what names the run."""
    command = [
        stack.postgres.program("pg_dump"),
        "--schema-only",
        "--no-owner",
        "--exclude-table=*_20*",
        "--exclude-table=alembic_version",
    ]
    dumped = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return re.sub(r"(?m)^(\\(un)?restrict .*|--.*|SET .*|SELECT pg_catalog.*|\s*)\n", "", dumped)


def test_schema_sql_is_the_sum_of_the_migrations(stack, database_url):
    name = f"s{datetime.now(UTC).timestamp():.0f}"
    stack.postgres.create_database(name)
    with psycopg.connect(stack.postgres.url(name)) as connection:
        connection.execute((REPOSITORY / "migrations" / "schema.sql").read_text("utf-8"))
    read, made = shape_of(stack, stack.postgres.url(name)), shape_of(stack, database_url)
    stack.postgres.drop_database(name)
    assert len(made) > 2000
    assert read == made


def test_migrating_twice_and_in_a_later_month_changes_nothing_but_adds_months(stack, database_url, sql):
    before = shape_of(stack, database_url)
    migrate(database_url, date(2031, 12, 5))
    assert shape_of(stack, database_url) == before
    names = {name for (name,) in sql.execute("SELECT relname FROM pg_class WHERE relname LIKE 'events_20%' AND relkind = 'r'")}
    assert {"events_2031_11", "events_2031_12", "events_2032_01", "events_2032_03"} <= names


def test_what_a_lying_clock_left_in_the_default_partition_moves_to_its_month(sql):
    event_id = uuid7(datetime(2041, 3, 5, tzinfo=UTC), b"0123456789")
    sql.execute(
        "INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256)"
        " VALUES (%s, 'a', 'b', now(), 0, 1, '{}', '')",
        (event_id,),
    )
    assert sql.execute("SELECT tableoid::regclass::text FROM events").fetchall() == [("events_default",)]
    sql.execute("SELECT create_month('2041-03-01')")
    assert sql.execute("SELECT tableoid::regclass::text FROM events").fetchall() == [("events_2041_03",)]


def test_the_first_id_of_a_moment_is_the_least_of_its_time(sql):
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    (first,) = sql.execute("SELECT first_event_id(%s)", (moment,)).fetchone()
    assert first.bytes[:6] == uuid7(moment, bytes(10)).bytes[:6]
    assert first < uuid7(moment, bytes(10))


FORBIDDEN = {
    "intake": [
        "DELETE FROM outcomes",
        "UPDATE outcomes SET kind = 'failure'",
        "SELECT * FROM predictions",
        "UPDATE events SET open = false",
    ],
    "worker": [
        "DELETE FROM outcomes",
        "UPDATE outcomes SET reason = 'x'",
        "INSERT INTO events DEFAULT VALUES",
        "SELECT * FROM revocations",
    ],
    "review": [
        "DELETE FROM review_items",
        "DELETE FROM outcomes",
        "UPDATE labels SET choice = 'glass'",
        "DELETE FROM labels",
        "UPDATE actions SET actor = 'nobody'",
        "DELETE FROM actions",
        "DELETE FROM failure_rounds",
        "INSERT INTO redriven_outcomes DEFAULT VALUES",
        "INSERT INTO outcomes DEFAULT VALUES",
        "UPDATE events SET open = false",
        "SELECT * FROM revocations",
    ],
    "learning": [
        "UPDATE ground_truth SET category = 'glass'",
        "UPDATE ground_truth SET source = 'x'",
        "DELETE FROM ground_truth",
        "UPDATE alerts SET kind = 'x'",
        "UPDATE trainings SET asked_by = 'x'",
        "UPDATE labels SET choice = 'glass'",
        "UPDATE models SET state = 'champion'",
        "UPDATE outcomes SET kind = 'prediction'",
    ],
    "reader": [
        "INSERT INTO outcomes DEFAULT VALUES",
        "UPDATE events SET open = false",
        "DELETE FROM failures",
        "SELECT * FROM credentials",
        "SELECT password_hash FROM accounts",
        "SELECT redrive_failures(ARRAY[]::uuid[], 'x', 1)",
        "CREATE TABLE x (y int)",
    ],
}


@pytest.mark.parametrize(("program", "statement"), [(p, s) for p, statements in FORBIDDEN.items() for s in statements])
def test_a_role_may_not(stack, database_url, tmp_path, program, statement):
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    with psycopg.connect(urls[program], autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_queries_of_the_hot_path_use_their_indexes(sql):
    sql.execute("SET enable_seqscan = off")
    for query, index in (
        ("SELECT * FROM events WHERE sensor_id = 'a' AND captured_at > now()", "sensor_id_captured_at"),
        ("SELECT * FROM events WHERE open AND available_at <= now() ORDER BY available_at", "available_at_idx"),
        ("SELECT * FROM outcomes WHERE kind = 'review' ORDER BY decided_at", "decided_at_idx"),
    ):
        plan = "\n".join(row for (row,) in sql.execute(f"EXPLAIN {query}"))
        assert index in plan, plan


def test_a_pool_says_when_postgres_is_away(database_url):
    pool = open_pool(database_url.replace("@127.0.0.1", "@127.0.0.1").replace("/t", "/no_such_t"), name="x", max_size=1)
    from contracts.errors import LedgerUnavailable

    with pytest.raises(LedgerUnavailable):
        ping(pool)
    pool.close()


def test_a_check_says_what_the_database_lacks_and_changes_nothing(stack, database_url, sql):
    today = datetime.now(UTC).date()
    assert faults(database_url, today) == []
    assert faults(database_url, date(2035, 12, 5))[0] == "there is no partition events_2035_12: waste db migrate"
    assert len(faults(database_url, date(2035, 12, 5))) == 6
    newest = sql.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    sql.execute("UPDATE alembic_version SET version_num = '0001'")
    assert faults(database_url, today) == [f"its shape is 0001, and this code needs {newest}: waste db migrate"]
    sql.execute("DELETE FROM alembic_version")
    assert "its shape is none" in faults(database_url, today)[0]


def test_each_program_enters_with_the_password_of_its_file_and_a_new_one_is_taken(stack, database_url, tmp_path):
    def run(code):
        command = [sys.executable, "-m", "waste", "db", "logins", str(tmp_path)]
        done = subprocess.run(command, env={"DATABASE_URL": database_url}, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    assert "intake: cannot be read" in run(2).stderr
    for program in LOGINS:
        (tmp_path / program).write_text("short")
    assert "at least 12 characters" in run(2).stderr
    for password in ("the first password", "an/other@password?"):
        for program in LOGINS:
            (tmp_path / program).write_text(f"{password} of {program}\n")
        assert run(0).stdout == "6 programs may enter the database\n"
        for program in LOGINS:
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(database_url, user=login_of(program), password=password)
            with psycopg.connect(database_url, user=login_of(program), password=f"{password} of {program}") as connection:
                assert connection.execute("SELECT pg_has_role(current_user, %s, 'member')", (LOGINS[program],)).fetchone() == (
                    True,
                )


def at_revision(url, revision):
    """Have a database in the shape of a migration before the newest."""
    engine = create_engine(_driver_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        command.upgrade(_config(connection), revision)


def test_a_migration_that_waits_for_a_long_reader_holds_nobody_up_behind_it(stack):
    name = f"m{time.monotonic_ns()}"
    stack.postgres.create_database(name)
    url = stack.postgres.url(name)
    at_revision(url, "0010")
    waits = []
    with psycopg.connect(url) as reader, psycopg.connect(url, autocommit=True) as other:
        reader.execute("SELECT count(*) FROM workers").fetchone()
        migration = threading.Thread(target=migrate, args=(url, date(2031, 12, 5)), daemon=True)
        migration.start()
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            began = time.monotonic()
            other.execute("SET statement_timeout = '3s'")
            other.execute("SELECT count(*) FROM workers").fetchone()
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        assert faults(url, date(2031, 12, 5))[0].startswith("its shape is 0010")
    migration.join(20)
    assert not migration.is_alive()
    assert faults(url, date(2031, 12, 5)) == []
    stack.postgres.drop_database(name)
    assert 0.2 < max(waits) < 1.0


def test_check_finds_a_table_in_a_months_place_that_is_no_partition_of_it(database_url, sql):
    migrate(database_url, date(2031, 12, 5))
    assert faults(database_url, date(2031, 12, 5)) == []
    sql.execute("ALTER TABLE outcomes DETACH PARTITION outcomes_2032_01")
    (fault,) = faults(database_url, date(2031, 12, 5))
    assert fault.startswith("outcomes_2032_01 is there, and no partition")
    sql.execute("DROP TABLE outcomes_2032_01")
    assert faults(database_url, date(2031, 12, 5)) == ["there is no partition outcomes_2032_01: waste db migrate"]


def test_a_logins_password_stands_in_no_statement_that_a_server_may_log(stack, database_url):
    password, heard = "never-to-be-logged-0123456789", []
    with psycopg.connect(database_url) as connection:
        connection.execute("SET log_statement = 'ddl'; SET client_min_messages = 'log'")
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        ensure_login(connection, "reader", password)
        connection.commit()
        ensure_login(connection, "reader", password)
    assert any("ALTER ROLE" in one for one in heard)
    assert not any(password in one for one in heard)
    urls = [stack.postgres.url(database_url.rpartition("/")[2], user=login_of("reader"), password=password)]
    with psycopg.connect(*urls) as entered:
        assert entered.execute("SELECT current_user").fetchone() == (login_of("reader"),)
