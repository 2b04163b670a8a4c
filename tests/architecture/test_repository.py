"""The repository polices its own story."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.signatures import derive_credential, device_token
from tests.conftest import REPOSITORY, wait_for
from tests.makers import MASTER_KEY, a_jpeg


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    return [REPOSITORY / name for name in listed.decode().split("\0") if name]


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
def test_no_package_registry_is_named():
    hosts = re.compile("py" + r"pi\.org|python" + r"hosted\.org|deb\." + "debian|registry\\." + "npmjs")
    for path in tracked():
        if path.suffix not in {".onnx", ".jpg", ".png"} and path.exists():
            assert not hosts.search(path.read_text("utf-8", errors="replace")), path


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
def test_what_programs_write_is_not_tracked():
    present = [path for path in tracked() if path.exists()]
    assert not [path for path in present if path.stat().st_size > 20e6]
    assert {path.parent for path in present if path.suffix == ".onnx"} == {REPOSITORY / "models"}
    assert not [path for path in present if path.relative_to(REPOSITORY).parts[0] in {"runs", "mlruns", ".waste"}]


def test_every_requirement_is_pinned_with_hashes():
    for path in (REPOSITORY / "requirements").glob("*.txt"):
        blocks = [block for block in path.read_text("utf-8").split("\n") if re.match(r"^[a-z0-9]", block)]
        assert blocks
        assert all("==" in block and block.endswith("\\") for block in blocks), path


def test_the_edge_needs_nothing_heavy():
    heavy = {"celery", "kombu", "onnxruntime", "psycopg", "psycopg-binary", "numpy", "boto3", "botocore", "sqlalchemy", "pillow"}
    names = {
        line.split("==")[0] for line in (REPOSITORY / "requirements" / "edge.txt").read_text("utf-8").splitlines() if "==" in line
    }
    assert names
    assert not names & heavy


@pytest.mark.timeout(300)
def test_an_edge_install_imports_the_producer_and_stays_under_30_mb(tmp_path):
    home = tmp_path / "edge"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    pip = [home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    packages = next((home / "lib").glob("python*/site-packages"))
    before = size_of(packages)
    subprocess.run([*pip, "--require-hashes", "-r", REPOSITORY / "requirements" / "edge.txt"], check=True)
    installed = size_of(packages) - before
    names = {path.name.lower() for path in packages.iterdir()}
    assert not names & {"celery", "onnxruntime", "psycopg", "numpy", "boto3", "pil"}
    check = "import producer.__main__, producer.edge.__main__; from waste.__main__ import main; raise SystemExit(main(['edge', '--help']))"
    subprocess.run([home / "bin" / "python", "-c", check], cwd=REPOSITORY, check=True, capture_output=True)
    print(f"edge install: {installed / 1e6:.1f} MB")
    assert installed < 30e6
    keeps_a_picture(home / "bin" / "python", tmp_path)


def keeps_a_picture(python, home):
    """Let the program of a bin, with nothing but its own install, take a picture while there is no gateway."""
    (home / "pictures").mkdir()
    (home / "pictures" / "a.jpg").write_bytes(a_jpeg())
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_URL": "http://127.0.0.1:1",
        "DEVICE_TOKEN": device_token(derive_credential(MASTER_KEY, "bin-7")),
        "EDGE_FOLDER": str(home / "pictures"),
        "WASTE_STATE_DIR": str(home / "state"),
    }
    command = [python, "-m", "waste", "edge"]
    running = subprocess.Popen([*command, "run"], cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: not (home / "pictures" / "a.jpg").exists(), 30, "the picture's way into the outbox")
    finally:
        running.terminate()
        assert running.wait(30) == 0
    told = subprocess.run([*command, "status", "--json"], cwd=REPOSITORY, env=environment, capture_output=True, check=True).stdout
    assert json.loads(told)["waiting"] == 1


def size_of(folder: Path):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "command", ["send", "edge", "simulate", "intake", "device", "worker", "dlq", "learn", "lake", "db", "demo", "config"]
)
def test_every_command_explains_itself(command):
    done = subprocess.run(
        [sys.executable, "-m", "waste", command, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: waste {command}")


def test_a_command_without_settings_says_which_are_missing():
    environment = {"PATH": "/usr/bin:/bin", "DEVICE_MASTER_KEY": "abc", "LOG_LEVEL": "loud"}
    done = subprocess.run(
        [sys.executable, "-m", "waste", "intake"], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "DATABASE_URL: is not set" in done.stderr
    assert "DEVICE_MASTER_KEY: is not hexadecimal" in done.stderr
    assert "LOG_LEVEL" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_argument_that_is_no_text_is_said_in_one_line():
    done = subprocess.run([sys.executable, "-m", "waste", "dlq", "list", "--reason", b"\xff"], cwd=REPOSITORY, capture_output=True)
    assert (done.returncode, done.stderr) == (2, b"waste: an argument is not valid UTF-8\n")
