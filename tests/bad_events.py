"""Bodies that break each rule for an event, with the field that the refusal names."""

import json
from datetime import datetime, timedelta

from contracts.codec import encode_event
from tests.makers import an_event


def bad_events(now: datetime) -> list[tuple[str, bytes, str]]:
    """Return (name, body, field)."""
    good = json.loads(encode_event(an_event(now)))
    good["event_id"] = (
        good["event_id"][:13] + "-7000-8000-000000000000"
    )  # of the same moment, and the same each time: tests are named by it
    text = json.dumps(good)

    def changed(**changes: object) -> bytes:
        return json.dumps(good | changes).encode()

    def without(name: str) -> bytes:
        return json.dumps({key: value for key, value in good.items() if key != name}).encode()

    def stamp(moment: datetime) -> str:
        return moment.isoformat()

    rows = [(f"without {name}", without(name), name) for name in good if name != "attributes"]
    rows += [(f"{name} is null", changed(**{name: None}), name) for name in good]
    rows += [(f"{name} is a list", changed(**{name: [1]}), name) for name in good]
    rows += [(f"{name} is an object", changed(**{name: {"a": 1}}), name) for name in good if name != "attributes"]
    rows += [(f"{name} is false", changed(**{name: False}), name) for name in good]
    rows += [("captured_at " + why, changed(captured_at=value), "captured_at") for why, value in _bad_times(now, stamp)]
    rows += [("event_id " + value, changed(event_id=value), "event_id") for value in _BAD_IDS]
    rows += [("sensor_id " + repr(value)[:20], changed(sensor_id=value), "sensor_id") for value in _BAD_SENSORS]
    rows += [("sequence " + repr(value), changed(sequence=value), "sequence") for value in (-1, 2**63, 1.5, "3", True)]
    rows += [("version " + repr(value), changed(schema_version=value), "schema_version") for value in (0, 2, 99, "1", 1.5)]
    rows += [
        ("a field too many", changed(extra=1), "extra"),
        ("image_url empty", changed(image_url=""), "image_url"),
        ("image_url too long", changed(image_url="s3://b/" + "a" * 2048), "image_url"),
        ("image_url with a line break", changed(image_url="s3://b/a\nb"), "image_url"),
        ("attributes too deep", changed(attributes={"a": {"b": {"c": {"d": {"e": 1}}}}}), "event"),
        ("attributes with NUL", changed(attributes={"a": "x\0y"}), "attributes.a"),
        (
            "attributes with half a surrogate",
            text.replace('"attributes": {}', '"attributes": {"a": "\\ud800"}').encode(),
            "attributes.a",
        ),
        ("attributes endless", text.replace('"attributes": {}', '"attributes": {"a": 1e999}').encode(), "attributes.a"),
        ("too many attributes", changed(attributes={f"a{i}": i for i in range(33)}), "attributes"),
        ("NaN", text.replace('"sequence": 0', '"sequence": NaN').encode(), "event"),
        ("a key twice", text.replace("{", '{"sensor_id": "bin-8", ', 1).encode(), "sensor_id"),
        ("a key twice inside", text.replace('"attributes": {}', '"attributes": {"a": 1, "a": 2}').encode(), "a"),
        ("too large", changed(attributes={"a": "x" * 9000}), "event"),
        ("nothing", b"", "event"),
        ("not UTF-8", text.encode().replace(b"bin-7", b"bin-\xff"), "event"),
        ("UTF-16", text.encode("utf-16"), "event"),
        ("not JSON", b"{not json", "event"),
        ("cut", text.encode()[:-5], "event"),
        ("two documents", (text + text).encode(), "event"),
        ("a list", b"[]", "event"),
        ("a number", b"42", "event"),
        ("a string", b'"x"', "event"),
        ("null", b"null", "event"),
        ("nested without end", b"[" * 8000, "event"),
        ("an endless number", b'{"sequence": ' + b"9" * 7000 + b"}", "event"),
    ]
    return rows


_BAD_IDS = ("x", "", "00000000-0000-0000-0000-000000000000", "6f1c2f0e-8a3b-4c1d-9e2f-1a2b3c4d5e6f", "019a-7")
_BAD_SENSORS = ("", " ", "bin 7", "-bin", "b" * 65, "bin/7", "../bin", "bin\t7", "ü", "<script>", "bin\u202e7", "bin-7\n")


def _bad_times(now, stamp):
    yield "naive", stamp(now.replace(tzinfo=None))
    yield "31 days old", stamp(now - timedelta(days=31))
    yield "6 minutes ahead", stamp(now + timedelta(minutes=6))
    yield "a date", "2026-05-01"
    yield "a Unix time as text", "1777636800"
    yield "a month too many", "2026-13-01T00:00:00Z"
    yield "a blank for T", "2026-05-01 12:00:00Z"
    yield "words", "yesterday"
    yield "year 1", "0001-01-01T00:00:00+23:59"
    yield "year 9999", "9999-12-31T23:59:59-23:59"
    yield "a zone that no place has", stamp(now).removesuffix("+00:00") + "+23:59"
    yield "a number", now.timestamp()
    yield "Arabic digits", "٢٠٢٦-05-01T12:00:00Z"
