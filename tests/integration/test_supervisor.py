"""The supervisor over real child processes: their lines, their ends, and nothing left behind."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local.supervisor import Supervisor

REPOSITORY = Path(__file__).resolve().parents[2]

# Starts a role with a child of its own, says both pids, and then does nothing.
OWNER = """
import sys, time
from local.supervisor import Supervisor
supervisor = Supervisor(terminal=sys.stdout)
supervisor.start("role", [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"])
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
SLEEPING = "import time; print('up', flush=True); time.sleep(600)"


def python(code):
    return [sys.executable, "-c", code]


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def soon(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def ended(supervisor, count=1):
    return soon(lambda: len(supervisor.exits) >= count)


@pytest.fixture
def terminal():
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path, terminal):
    with Supervisor(log_path=tmp_path / "log" / "fleet.log", terminal=terminal) as made:
        yield made
        made.stop_all(0.2)


def test_lines_of_both_outputs_carry_their_role_in_the_terminal_and_in_the_file(supervisor, terminal, tmp_path):
    supervisor.start("intake", python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert ended(supervisor)
    supervisor.start("worker-1", python("print('no newline at the end', end='')"))
    assert ended(supervisor, 2)
    written = terminal.getvalue().splitlines()
    assert {"intake | out", "intake | err", "worker-1 | no newline at the end"} <= set(written)
    assert (tmp_path / "log" / "fleet.log").read_text().splitlines() == written


def test_an_end_is_reported_once_after_the_last_line_with_its_code(tmp_path, terminal):
    seen, lines_then = [], []

    def note(ending):
        lines_then.append(terminal.getvalue())
        seen.append(ending)

    with Supervisor(terminal=terminal, on_exit=note) as supervisor:
        pid = supervisor.start("worker", python("print('last words'); raise SystemExit(3)"))
        assert soon(lambda: seen)
        assert [(ending.name, ending.pid, ending.code, ending.wanted) for ending in seen] == [("worker", pid, 3, False)]
        assert "worker | last words" in lines_then[0]
        assert supervisor.alive() == []
    assert len(seen) == 1
    assert "worker ended with code 3" in terminal.getvalue()


def test_nothing_is_restarted_by_itself_and_a_name_is_free_after_its_end(supervisor):
    first = supervisor.start("role", python(SLEEPING))
    with pytest.raises(ValueError, match="running"):
        supervisor.start("role", python(SLEEPING))
    supervisor.kill("role")
    time.sleep(0.2)
    assert (supervisor.alive(), gone(first)) == ([], True)
    second = supervisor.start("role", python(SLEEPING))
    assert (supervisor.alive(), supervisor.pid("role"), second != first) == (["role"], second, True)


def test_a_program_that_cannot_be_run_ends_with_127_and_says_so(supervisor, terminal):
    supervisor.start("ghost", ["/no/such/program"])
    assert ended(supervisor)
    assert supervisor.exits[0].code == 127
    assert "ghost | cannot run /no/such/program: No such file or directory" in terminal.getvalue()


def test_the_environment_is_the_given_one_and_signals_are_at_their_defaults(supervisor, terminal):
    code = "import os, signal; print(sorted(set(os.environ) - {'LC_CTYPE'}), signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        supervisor.start("role", python(code), env={"ONLY": "this"})
        supervisor.start("shell", ["/bin/sh", "-c", "grep SigIgn /proc/self/status"], env={"PATH": "/usr/bin:/bin"})
        assert ended(supervisor, 2)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    assert "role | ['ONLY'] set()" in terminal.getvalue()
    (ignored,) = re.findall(r"shell \| SigIgn:\s+([0-9a-f]+)", terminal.getvalue())
    # Signals 32 and 33 belong to the C library, which lets nobody change what it has inherited for them; three to who started the tests.
    inherited = [number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT) if signal.getsignal(number) is signal.SIG_IGN]
    assert int(ignored, 16) & ~(0b11 << 31) == sum(1 << (number - 1) for number in inherited)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux only")
def test_roles_are_scheduled_as_batch_work(supervisor, terminal):
    supervisor.start("role", python("import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH)"))
    assert ended(supervisor)
    assert "role | True" in terminal.getvalue()


def test_any_bytes_get_through_and_none_commands_the_terminal(supervisor, terminal):
    code = r"import sys; sys.stdout.buffer.write(b'caf\xc3\xa9 \xff\xfe \x1b[2J\x00 end\r\n\nnext\n')"
    supervisor.start("role", python(code))
    assert ended(supervisor)
    lines = [line for line in terminal.getvalue().split("\n") if line.startswith("role")]
    assert lines == ["role | café \ufffd\ufffd \ufffd[2J\ufffd end", "role | ", "role | next"]


def test_a_line_without_end_comes_in_pieces_and_loses_nothing(supervisor, terminal):
    supervisor.start("role", python("print('x' * 1_000_000, end=''); print('END')"))
    assert ended(supervisor)
    pieces = [line.removeprefix("role | ") for line in terminal.getvalue().splitlines() if line.startswith("role | ")]
    assert "".join(pieces) == "x" * 1_000_000 + "END"
    assert max(map(len, pieces)) <= 8 * 1024


def test_children_that_flood_their_output_neither_stall_nor_hinder_the_stop(tmp_path):
    with Supervisor(log_path=tmp_path / "fleet.log") as supervisor:
        for name in ("one", "two"):
            supervisor.start(name, ["/bin/sh", "-c", "yes flood"])
        supervisor.start("quiet", python("print('x' * 100_000); print('done')"))
        assert ended(supervisor)
        begun = time.monotonic()
        assert supervisor.stop_all(5)
        assert time.monotonic() - begun < 5
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 64 * 1024 * 1024


def test_a_terminal_that_is_closed_stops_no_role(tmp_path):
    terminal = io.StringIO()
    terminal.close()
    with Supervisor(log_path=tmp_path / "fleet.log", terminal=terminal) as supervisor:
        supervisor.start("role", python("print('x\\n' * 100_000)"))
        assert ended(supervisor)
    assert supervisor.exits[0].code == 0
    assert (tmp_path / "fleet.log").read_text().count("role | x\n") == 100_000


def test_stop_all_asks_first_then_kills_what_is_left_and_says_so(supervisor, terminal):
    polite = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye') or 0)); print('up', flush=True); time.sleep(600)"
    supervisor.start("polite", python(polite))
    supervisor.start("deaf", python(STUBBORN))
    assert soon(lambda: "up" in terminal.getvalue() and "deaf | deaf" in terminal.getvalue())
    begun = time.monotonic()
    assert not supervisor.stop_all(1)
    assert 1 <= time.monotonic() - begun < 4
    assert {(ending.name, ending.code, ending.wanted) for ending in supervisor.exits} == {
        ("polite", 0, True),
        ("deaf", -signal.SIGKILL, True),
    }
    assert "polite | bye" in terminal.getvalue()
    assert "supervisor | deaf did not end within 1 s and is killed" in terminal.getvalue()


def test_what_a_role_has_started_ends_with_it(supervisor, terminal):
    parent = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPING!r}]).pid, flush=True)"
    supervisor.start("role", python(parent))
    assert ended(supervisor)
    grandchild = next(int(line.split()[2]) for line in terminal.getvalue().splitlines() if line.split()[2].isdigit())
    assert soon(lambda: gone(grandchild))


def test_the_end_of_the_thread_that_started_a_role_does_not_end_the_role(supervisor):
    starter = threading.Thread(target=supervisor.start, args=("role", python(SLEEPING)))
    starter.start()
    starter.join()
    time.sleep(0.3)
    assert supervisor.alive() == ["role"]


def test_an_end_is_noticed_however_it_races_with_a_request_to_end(tmp_path):
    with Supervisor() as supervisor:
        for number in range(60):
            name = f"role-{number}"
            supervisor.start(name, ["/bin/sleep", "0.03"])
            time.sleep(0.02 + number / 2000)
            begun = time.monotonic()
            assert supervisor.stop(name, 5), name
            assert time.monotonic() - begun < 4
        assert ended(supervisor, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_no_role_outlives_a_supervisor_that_is_killed():
    owner = subprocess.Popen(python(OWNER), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        role = int(json.loads(owner.stdout.readline().split("|")[1]))
        assert os.getsid(role) == role
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    assert soon(lambda: gone(role))
