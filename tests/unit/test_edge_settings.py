"""What a bin's settings may say, and in which words they are refused."""

from pathlib import Path

import pytest

from adapters.environment import read_settings
from contracts.errors import SettingsInvalid
from contracts.signatures import derive_credential, device_token
from producer.edge.settings import EdgeRunSettings
from tests.makers import MASTER_KEY

TOKEN = device_token(derive_credential(MASTER_KEY, "bin-7"))
GOOD = {"GATEWAY_URL": "https://gateway.example.org", "DEVICE_TOKEN": TOKEN}


def refusal(**more):
    with pytest.raises(SettingsInvalid) as raised:
        read_settings(EdgeRunSettings, GOOD | more)
    return raised.value.detail


def test_a_token_is_taken_as_the_command_that_makes_it_prints_it(tmp_path):
    (tmp_path / "token").write_text(f"DEVICE_TOKEN={TOKEN}\n")
    for more in ({"DEVICE_TOKEN": f"DEVICE_TOKEN={TOKEN}"}, {"DEVICE_TOKEN": "", "DEVICE_TOKEN_FILE": str(tmp_path / "token")}):
        speaker = read_settings(EdgeRunSettings, GOOD | more).speaker()
        assert (speaker.sensor_id, speaker.token) == ("bin-7", TOKEN)


@pytest.mark.parametrize("address", ["gateway.example.org", "gateway.example.org:8443", "ftp://gateway.example.org"])
def test_an_address_without_its_scheme_is_named_with_what_to_write(address):
    assert refusal(GATEWAY_URL=address).startswith("GATEWAY_URL: has to begin with https:// (or http://), such as https://gateway")


def test_a_token_file_that_cannot_be_read_is_the_only_fault_that_is_told(tmp_path):
    told = refusal(DEVICE_TOKEN="", DEVICE_TOKEN_FILE=str(tmp_path / "none"))
    assert told.startswith("DEVICE_TOKEN_FILE: ")
    assert "neither" not in told


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize("name", ["EDGE_SETTLE_S", "EDGE_RATE", "EDGE_CONTACT_S"])
def test_a_number_that_is_none_is_refused(name, number):
    assert refusal(**{name: number}) == f"{name}: Input should be a finite number"


def test_the_name_of_another_bin_than_the_tokens_is_refused():
    assert "EDGE_SENSOR: is bin-8, and DEVICE_TOKEN is of bin-7" in refusal(EDGE_SENSOR="bin-8")
    assert read_settings(EdgeRunSettings, GOOD | {"EDGE_SENSOR": "bin-7"}).state_dir == Path("~/.local/state/waste")
