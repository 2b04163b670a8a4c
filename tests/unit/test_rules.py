"""The pure rules: verdict, retries, grouping, ids, signatures of S3, settings, logs."""

import contextlib
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from adapters.environment import Settings, describe_settings, read_settings
from adapters.http.health import Health
from adapters.image_source import SourceSettings
from adapters.loops import READY, run_until_stopped
from adapters.memory.surroundings import MemoryTelemetry
from adapters.s3.sigv4 import AwsKeys, encode_path, sign_s3
from adapters.settings import DatabaseSettings, ImageSettings, MasterKeySettings, QueueSettings
from adapters.telemetry.logs import clean, configure_logging
from contracts.categories import CATEGORIES
from contracts.errors import ImageMissing, ImageSourceDown, PredictionInvalid, QueueUnavailable, SettingsInvalid
from contracts.ids import made_at, uuid7
from contracts.names import OutcomeKind
from contracts.outcomes import Scores
from intake.grouping import MAX_IDS, group
from worker.retries import delay_s
from worker.verdict import judge, predict


@pytest.mark.parametrize(
    ("confidence", "kind"), [(0.75, "prediction"), (0.7499999, "review"), (1.0, "prediction"), (0.2, "review")]
)
def test_under_the_threshold_people_decide(confidence, kind):
    scores = [confidence, *[(1 - confidence) / 4] * 4]
    assert judge(predict(Scores(scores), "m"), 0.75, None)[0] == kind


def test_of_equal_scores_the_first_category_wins():
    assert predict(Scores([0.2] * 5), "m").category == CATEGORIES[0]
    assert predict(Scores([0.1, 0.1, 0.6, 0.1, 0.1]), "m").category == "glass"


@pytest.mark.parametrize(
    ("outlier_score", "threshold", "reason"),
    [(0.9, 0.5, "out_of_distribution"), (0.5, 0.5, None), (0.9, None, None), (None, 0.5, None)],
)
def test_what_seems_to_be_none_of_the_five_goes_to_people_however_sure(outlier_score, threshold, reason):
    assert judge(predict(Scores([0.96, 0.01, 0.01, 0.01, 0.01], outlier_score), "m"), 0.75, threshold)[1] == reason


@pytest.mark.parametrize("outlier_score", [float("nan"), -0.1, 1.1])
def test_an_outlier_score_that_is_no_probability_is_no_prediction(outlier_score):
    with pytest.raises(PredictionInvalid, match="outlier score"):
        predict(Scores([0.2] * 5, outlier_score), "m")


@pytest.mark.parametrize(
    "scores", [[], [0.5] * 4, [float("nan"), 0, 0, 0, 1], [float("inf"), 0, 0, 0, 0], [1.2, 0, 0, 0, 0], [-0.1, 1, 0, 0, 0]]
)
def test_what_is_no_probability_is_no_prediction(scores):
    with pytest.raises(PredictionInvalid):
        predict(Scores(scores), "m")


def test_what_may_be_late_is_tried_after_5_30_120_and_600_seconds():
    assert [delay_s(ImageMissing(), attempt, 0, 0.5) for attempt in range(1, 6)] == [5, 30, 120, 600, None]


def test_a_passing_fault_is_tried_with_full_jitter_and_given_up():
    ceilings = [delay_s(ImageSourceDown(), attempt, 0, 0.999999) for attempt in range(1, 6)]
    assert [round(ceiling) for ceiling in ceilings] == [2, 8, 32, 128, 512]
    assert delay_s(ImageSourceDown(), 6, 0, 0.5) is None
    assert delay_s(ImageSourceDown(), 2, 1801, 0.5) is None
    assert delay_s(ImageSourceDown(), 1, 0, 0.0) == 0.1


def test_what_a_server_asks_for_is_obeyed_up_to_ten_minutes():
    assert delay_s(ImageSourceDown("x", retry_after_s=77), 1, 0, 0.1) == 77
    assert delay_s(ImageSourceDown("x", retry_after_s=7777), 1, 0, 0.1) == 600


@given(st.integers(0, 3000), st.integers(0, 40))
def test_grouping_keeps_every_id_once_and_in_order(count, workers):
    ids = [uuid7(datetime(2026, 1, 1, tzinfo=UTC), number.to_bytes(10, "big")) for number in range(count)]
    groups = group(ids, workers)
    assert [one for part in groups for one in part] == ids
    assert all(1 <= len(part) <= MAX_IDS for part in groups)
    assert len(groups) >= min(count, workers) // 2
    assert count > workers or all(len(part) == 1 for part in groups)
    assert count < MAX_IDS * max(1, workers) or len(groups[0]) == MAX_IDS


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)), st.binary(min_size=10, max_size=10))
def test_an_id_carries_its_millisecond(moment, noise):
    made = uuid7(moment, noise)
    assert made.version == 7
    assert 0 <= (moment - made_at(made)).total_seconds() < 0.001


@given(st.text(st.characters(codec="ascii", min_codepoint=33, exclude_characters="?#"), min_size=1, max_size=80), st.booleans())
def test_our_signature_is_botocores(key, temporary):
    keys = AwsKeys("AKIA", "secret/+=", "token" if temporary else None)
    path = "/" + encode_path("bucket/" + key)
    request = AWSRequest("GET", f"https://store.example.org:8333{path}")
    signer = S3SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "s3", "eu-central-1")
    signer.add_auth(request)
    moment = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = sign_s3("GET", "store.example.org:8333", path, keys, "eu-central-1", moment, request.headers["X-Amz-Content-SHA256"])
    assert ours["authorization"] == request.headers["Authorization"]


class _Role(QueueSettings, DatabaseSettings, MasterKeySettings, ImageSettings):
    ratio: float = Field(alias="RATIO", default=0.5, ge=0, le=1)


GOOD = {"DATABASE_URL": "postgresql://u:geheim@h/db", "DEVICE_MASTER_KEY": "ab" * 32}


def test_all_that_is_wrong_is_said_at_once_and_by_name():
    wrong = {"QUEUE_URL": "amqp://x", "DATABASE_URL": "mysql://x", "RATIO": "2", "IMAGE_NETWORKS": "10.0.0.0/99"}
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(_Role, wrong)
    for name in ("QUEUE_URL", "DATABASE_URL", "DEVICE_MASTER_KEY: is not set", "RATIO", "IMAGE_NETWORKS"):
        assert name in str(refused.value)


def test_a_secret_comes_from_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("cd" * 32 + "\n")
    environ = {"DATABASE_URL": GOOD["DATABASE_URL"], "DEVICE_MASTER_KEY_FILE": str(path)}
    assert read_settings(_Role, environ).master_key() == bytes.fromhex("cd" * 32)
    with pytest.raises(SettingsInvalid, match="DEVICE_MASTER_KEY_FILE"):
        read_settings(_Role, environ | {"DEVICE_MASTER_KEY_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("kind", "name", "value", "said"),
    [
        (DatabaseSettings, "DATABASE_URL", "postgresql://u:SEC%zzRET@h/db", "%25"),
        (DatabaseSettings, "DATABASE_URL", "postgresql://u:SECRET/ss@h/db", "%2F"),
        (DatabaseSettings, "DATABASE_URL", "postgresql://u:SECRET#s@h/db", "%23"),
        (DatabaseSettings, "DATABASE_URL", "postgresql://u:SECR[ET@h/db", "%5B"),
        (QueueSettings, "QUEUE_URL", "redis://:SECRET/x@h", "%2F"),
        (QueueSettings, "QUEUE_URL", "redis://:SECRET@h/notanumber", "database is not a number"),
        (SourceSettings, "S3_ENDPOINT_URL", "http://u:SECRET@h", "pattern"),
        (SourceSettings, "AWS_SECRET_ACCESS_KEY", "hidden", "both or none"),
    ],
)
def test_a_url_that_others_would_misread_is_refused_without_its_password(kind, name, value, said):
    with pytest.raises(SettingsInvalid, match=f"{name}: .*{said}") as refusal:
        read_settings(kind, {name: value})
    told = str(refusal.value).replace("AWS_SECRET_ACCESS_KEY", "")
    assert "SEC" not in told
    assert "hidden" not in told


def test_a_database_of_several_hosts_and_a_socket_of_redis_are_fine():
    url = "postgresql://u:p%2Fw@a:5432,b:5432/db?target_session_attrs=read-write"
    assert read_settings(DatabaseSettings, {"DATABASE_URL": url}).database_url.get_secret_value() == url
    assert read_settings(QueueSettings, {"QUEUE_URL": "redis+socket:///run/valkey.sock"})


@pytest.mark.parametrize("error", [ValueError("nobody foresaw it"), QueueUnavailable("gone")])
def test_a_round_that_fails_is_told_once_and_tried_again(error):
    stop, health, telemetry, rounds = threading.Event(), Health(READY), MemoryTelemetry(), []

    def take_one():
        rounds.append(health.why_unready())
        if len(rounds) < 3:
            raise error
        if len(rounds) == 4:
            stop.set()
        return True

    run_until_stopped(take_one, stop, health, telemetry)
    assert rounds == [READY, READY, READY, ""]
    assert [type(fact).__name__ for fact in telemetry.facts] == ["DependencyLost", "DependencyBack"]


def test_secrets_are_masked_where_settings_are_shown():
    shown = describe_settings(_Role, read_settings(_Role, GOOD | {"IMAGE_HOSTS": "a.org, b.org"}))
    assert "geheim" not in str(shown)
    assert GOOD["DEVICE_MASTER_KEY"] not in str(shown)
    assert shown["IMAGE_HOSTS"] == "a.org,b.org"
    assert isinstance(read_settings(_Role, GOOD).database_url, SecretStr)


def test_settings_are_frozen():
    settings = read_settings(_Role, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        settings.ratio = 0.1
    assert isinstance(settings, Settings)


def test_neither_control_characters_nor_query_strings_nor_passwords_reach_a_log(capsys):
    configure_logging("test", "info", "json")
    try:
        logging.getLogger("x").warning("a\nb %s", "https://u:pw@h.org/a.jpg?X-Amz-Signature=abc&x=1")
        structlog.get_logger("y").info("event", url="s3://b/k?sig=secret", nested={"k": ["\x1b[31m", "postgresql://u:pw@h/db"]})
    finally:
        logging.basicConfig(force=True)
        structlog.reset_defaults()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2
    text = json.dumps(lines)
    for secret in ("abc", "secret", "pw", "\\u001b", "\\n"):
        assert secret not in text
    assert lines[0]["role"] == "test"


def test_a_log_that_cannot_be_written_disturbs_nobody(monkeypatch):
    full = Path("/dev/full").open("w")  # noqa: SIM115 - closing it fails, too
    with contextlib.suppress(OSError), full:
        monkeypatch.setattr(sys, "stderr", full)
        configure_logging("test", "info", "json")
        try:
            structlog.get_logger().info("event", x="y" * 10_000)
        finally:
            logging.basicConfig(force=True)
            structlog.reset_defaults()
            monkeypatch.undo()


@given(st.text())
def test_cleaned_text_is_one_line(text):
    assert len(clean(text).splitlines()) <= 1


def test_an_error_may_quote_anything_and_can_be_stored():
    assert ImageSourceDown("BadStatusLine: \x00\ud800\n").detail == "BadStatusLine: \\x00\\xd800\\x0a"


def test_kinds_are_their_names():
    assert [str(kind) for kind in OutcomeKind] == ["prediction", "review", "failure"]
    assert os.environ is not None
