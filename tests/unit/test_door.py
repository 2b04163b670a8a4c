"""Signatures, URLs and refusals: who may speak, and where the fleet may be sent."""

from datetime import UTC, datetime

import pytest

from adapters.http.images import check_address
from contracts.errors import CredentialRevoked, EventInvalid, ImageForbidden, SignatureInvalid
from contracts.image_urls import HttpsLocation, S3Location, UrlRule, locate
from contracts.messages import Message, Received
from contracts.signatures import derive_credential, sign, verify
from intake.checks import DoorRules, check_message
from intake.refusals import refuse
from tests.makers import MASTER_KEY, a_message, an_event

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RULE = UrlRule(frozenset({"waste-images"}), frozenset({"img.example.org", "img.example.org:8443"}))
RULES = DoorRules(MASTER_KEY, RULE, {"bin-9": 1})


def test_a_signed_event_passes():
    event = an_event(NOW)
    assert check_message(a_message(event), RULES, NOW).event == event


def test_an_altered_body_is_refused():
    message = a_message(an_event(NOW))
    with pytest.raises(SignatureInvalid):
        check_message(Message(message.body.replace(b"a.jpg", b"b.jpg"), message.headers), RULES, NOW)


def test_a_credential_speaks_for_its_own_sensor_only():
    with pytest.raises(SignatureInvalid):
        check_message(a_message(an_event(NOW, sensor_id="bin-8"), sensor_id="bin-7"), RULES, NOW)


def test_a_revoked_generation_is_refused_and_the_next_is_not():
    event = an_event(NOW, sensor_id="bin-9")
    with pytest.raises(CredentialRevoked):
        check_message(a_message(event, generation=1), RULES, NOW)
    assert check_message(a_message(event, generation=2), RULES, NOW).event == event


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "x",
        "v1",
        "v1:1",
        "v1::",
        "v1:1:",
        "v2:1:ab",
        "v1:0:ab",
        "v1:-1:ab",
        "v1:١:ab",
        "v1:99999:ab",
        "v1:1:\udce4",
        "v1:1:" + "0" * 64,
    ],
)
def test_a_signature_that_is_none_is_refused(signature):
    with pytest.raises(SignatureInvalid):
        verify(MASTER_KEY, "bin-7", b"{}", signature)


def test_credentials_differ_by_sensor_generation_and_master_key_and_never_show_their_key():
    keys = {derive_credential(m, s, g).key for m in (MASTER_KEY, b"y" * 32) for s in ("a", "b") for g in (1, 2)}
    assert len(keys) == 8
    credential = derive_credential(MASTER_KEY, "a")
    assert credential.key.hex() not in repr(credential)
    assert sign(credential, b"x") != sign(credential, b"y")


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "http://img.example.org/a", "ftp://img.example.org/a", "file:///etc/passwd", "s3:/waste-images/a", "s3://other/a",
        "s3://waste-images", "s3://waste-images/", "s3://waste-images/../other/a", "s3://waste-images/a/../../b", "s3://waste-images//a",
        "s3://waste-images/./a", "s3://user@waste-images/a", "s3://WASTE-IMAGES/a", "S3://waste-images/a", "s3://waste-images/" + "a" * 1025,
        "https://img.example.org:444/a", "https://evil.org/a", "https://img.example.org.evil.org/a", "https://evil.org/img.example.org",
        "https://user@img.example.org/a", "https://img.example.org@evil.org/a", "https://img.example.org\\@evil.org/a",
        "https://img.example.org#@evil.org/a", "https://127.0.0.1/a", "https://[::1]/a", "https://2130706433/a", "https://0x7f.1/a",
        "https://169.254.169.254/latest/meta-data", "https://img.example.org/a b", "https://img.example.org/a\n", "https://img.example.org/ä",
        "https:///a", "https://:443/a", "https://img.example.org:x/a", "https://img.example.org:99999/a", "https://[img.example.org/a",
        "//img.example.org/a", "javascript:alert(1)", "data:image/png;base64,AA==", "https://IMG.example.org./a",
    ],
)  # fmt: skip
def test_a_url_that_is_not_ours_is_forbidden(url):
    with pytest.raises(ImageForbidden):
        locate(url, RULE)


def test_urls_that_are_ours_are_located():
    assert locate("s3://waste-images/bin-7/ä".replace("ä", "a"), RULE) == S3Location("waste-images", "bin-7/a")
    assert locate("https://IMG.example.org/a?b=c", RULE) == HttpsLocation("img.example.org", 443, "/a?b=c")
    assert locate("https://img.example.org:8443", RULE) == HttpsLocation("img.example.org", 8443, "/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_forbidden(address):
    with pytest.raises(ImageForbidden):
        check_address(address, ())


def test_a_public_address_and_a_private_one_of_ours_are_allowed():
    import ipaddress

    check_address("93.184.216.34", ())
    check_address("2606:2800:220:1::1", ())
    check_address("10.1.2.3", [ipaddress.ip_network("10.1.0.0/16")])


def test_a_refusal_never_takes_the_place_of_the_event_that_it_claims_to_be():
    message = a_message(an_event(NOW))
    received = Received("1", message, NOW, 1)
    outcome = refuse(received, EventInvalid("x", "y"), NOW)
    assert str(outcome.event_id) not in message.body.decode()
    assert outcome.dead_letter.claimed["sensor_id"] == "bin-7"
    assert refuse(Received("2", message, NOW, 2), EventInvalid("x", "y"), NOW).event_id == outcome.event_id
