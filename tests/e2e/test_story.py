"""The slow loop by itself, in a shortened form: `waste story` ends with 0 only if every chapter came true."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(420)
def test_drift_is_found_answered_and_a_bad_model_taken_back(tmp_path):
    command = [sys.executable, "-m", "waste", "story", "--calm", "2", "--thrown", "180", "--drift", "0.7", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "the alert fires",
        "passes the gate",
        "canary -> champion",
        "accuracy comes back",
        "bad-1: canary -> retired",
        "bad-2",
    ):
        assert said in done.stdout
    assert (tmp_path / "story.md").read_text().count("| day |") == 2
    assert (tmp_path / "accuracy.png").stat().st_size > 10_000
