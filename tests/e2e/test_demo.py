"""The demo as a script runs it."""

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.conftest import REPOSITORY, wait_for


def demo(*arguments, **keywords):
    return subprocess.Popen([sys.executable, "-m", "waste", "demo", *map(str, arguments)], cwd=REPOSITORY, **keywords)


@pytest.mark.timeout(180)
def test_five_hundred_events_are_decided_within_90_seconds(tmp_path):
    report = tmp_path / "r.json"
    started = time.monotonic()
    process = demo("--events", 500, "--rate", 0, "--exit", "--report", report, "--data-dir", tmp_path / "a folder")
    assert process.wait(150) == 0
    took = time.monotonic() - started
    figures = json.loads(report.read_text())
    print(f"{took:.0f} s: {figures}")
    assert (figures["accepted"], figures["outcomes"], figures["lost"], figures["doubled"]) == (500, 500, 0, 0)
    assert figures["prediction"] + figures["review"] == 500
    assert figures["prediction"] >= 350
    assert figures["accuracy"] >= 0.9
    assert set(figures) >= {"failure", "p50_ms", "p95_ms", "events_per_s"}
    assert took < 90


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running_when_the_demo_ends(tmp_path, how):
    process = demo("--events", 100000, "--data-dir", tmp_path, stderr=subprocess.DEVNULL)
    children = wait_for(lambda: enough(process.pid), 60, "the fleet")
    process.send_signal(how)
    process.wait(60)
    gone, alive = psutil.wait_procs(children, 15)
    assert gone
    assert alive == []
    assert {path.name for path in tmp_path.iterdir()} >= {"postgres", "valkey", "seaweed", "log"}


def enough(pid):
    children = psutil.Process(pid).children(recursive=True)
    return children if len(children) >= 8 else []


@pytest.mark.timeout(120)
def test_real_photographs_come_through_too(tmp_path, local_photographs):
    report = tmp_path / "r.json"
    process = demo(
        "--events", 100, "--rate", 0, "--images", local_photographs, "--exit", "--report", report, "--data-dir", tmp_path / "d"
    )
    assert process.wait(100) == 0
    figures = json.loads(report.read_text())
    assert (figures["outcomes"], figures["lost"], figures["doubled"], figures["failure"]) == (100, 0, 0, 0)
    assert figures["accuracy"] > 0.8


@pytest.mark.timeout(180)
def test_a_script_tries_the_slow_loop_on_a_demo_as_its_last_lines_say_and_ends_it(tmp_path):
    log = tmp_path / "log"
    log.touch()  # the shell tells the process before that has opened it
    command = f"{sys.executable} -m waste demo --events 40 --rate 0 --data-dir {tmp_path / 'd'} 2> {log} & echo $!; wait"
    shell = subprocess.Popen(["sh", "-c", command], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    pid = int(shell.stdout.readline())
    try:
        wait_for(lambda: "the gateway" in log.read_text(), 120, "the demo's last lines")
        lines = {line[:20].strip(): line[21:].partition(" (")[0] for line in log.read_text().splitlines() if "learning.env" in line}
        told = subprocess.run(lines["what plants tell"], shell=True, capture_output=True, text=True, check=True)
        assert ", 0 repeated, 0 rejected" in told.stdout
        subprocess.run(lines["what plants tell"].partition(" truth ")[0] + " truth join", shell=True, check=True)
        (figures,) = json.loads(subprocess.check_output(lines["the slow loop"] + " --json", shell=True))
        assert figures["labels"] > 30
    finally:
        psutil.Process(pid).send_signal(signal.SIGINT)  # which a shell's background has ignored from the start
        assert shell.wait(60) == 0
