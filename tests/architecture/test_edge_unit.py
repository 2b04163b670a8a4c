"""The systemd unit of a bin: it names commands and settings that exist, and systemd takes it."""

import configparser
import re
import shutil
import subprocess

import pytest

from producer.edge.settings import EdgeRunSettings
from tests.conftest import REPOSITORY

UNIT = REPOSITORY / "infra" / "edge" / "waste-edge.service"
ENVIRONMENT = REPOSITORY / "infra" / "edge" / "edge.env"
SETTINGS = {field.alias for field in EdgeRunSettings.model_fields.values()}


class Several(dict):
    """Keeps all values of a key that stands there more than once."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None, dict_type=Several, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(UNIT.read_text("utf-8"))
    return parser


def test_the_command_and_the_settings_of_the_unit_exist():
    service = unit()["Service"]
    assert service["ExecStart"] == "/opt/waste/bin/waste edge run"
    told = re.findall(r"(?m)^Environment=([A-Z_]+)=", UNIT.read_text("utf-8"))
    told += re.findall(r"(?m)^#? ?([A-Z][A-Z_]+)=", ENVIRONMENT.read_text("utf-8"))
    assert {"DEVICE_TOKEN_FILE", "WASTE_STATE_DIR", "GATEWAY_URL", "EDGE_CAMERA"} <= set(told)
    assert {name.removesuffix("_FILE") for name in told} <= SETTINGS


def test_the_unit_is_hardened_and_never_gives_up():
    service = unit()["Service"]
    wanted = {"ProtectSystem": "strict", "DynamicUser": "yes", "Restart": "always", "Type": "notify", "NoNewPrivileges": "yes"}
    assert {name: service[name] for name in wanted} == wanted
    assert service["LoadCredential"].startswith("device-token:")
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    text = UNIT.read_text("utf-8").replace("/opt/waste/bin/waste", shutil.which("true"))
    (tmp_path / "waste-edge.service").write_text(text, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "waste-edge.service"], capture_output=True, text=True, timeout=60
    )
    complaints = [line for line in done.stderr.splitlines() if "waste-edge" in line]
    assert not complaints
