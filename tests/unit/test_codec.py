"""Every rule for an event, each with the field that it names."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import MAX_EVENT_BYTES, decode_event, encode_event, read_claims
from contracts.errors import EventInvalid
from tests.bad_events import bad_events
from tests.makers import an_event

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_what_was_encoded_is_decoded_equal():
    event = an_event(NOW, attributes={"fill": 0.4, "nested": {"a": [1, None, True]}})
    assert decode_event(encode_event(event), NOW) == event


def test_nanoseconds_and_offsets_are_taken():
    body = json.loads(encode_event(an_event(NOW)))
    body["captured_at"] = "2026-05-01T14:00:00.123456789+02:00"
    assert decode_event(json.dumps(body).encode(), NOW).captured_at.astimezone(UTC).hour == 12


@pytest.mark.parametrize(("name", "body", "field"), [(n, b, f) for n, b, f in bad_events(NOW)], ids=lambda value: str(value)[:40])
def test_a_bad_event_is_refused_with_its_field_named(name, body, field):
    with pytest.raises(EventInvalid) as refused:
        decode_event(body, NOW)
    assert refused.value.field == field, refused.value


@pytest.mark.parametrize("age", [timedelta(days=29, hours=23), timedelta(minutes=-4)])
def test_times_just_inside_the_window_are_taken(age):
    decode_event(encode_event(an_event(NOW - age)), NOW)


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused_with_a_field(body):
    try:
        decode_event(body, NOW)
    except EventInvalid as error:
        assert error.field
    assert isinstance(read_claims(body), dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_attributes_are_stored_safely_or_refused(value):
    body = json.loads(encode_event(an_event(NOW)))
    body["attributes"] = {"x": value}
    raw = json.dumps(body).encode()
    try:
        event = decode_event(raw, NOW)
    except EventInvalid:
        return
    json.dumps(dict(event.attributes), allow_nan=False).encode()
    assert "\\u0000" not in json.dumps(dict(event.attributes))


def test_an_event_over_8_kb_is_not_even_sent():
    with pytest.raises(EventInvalid):
        encode_event(an_event(NOW, attributes={"x": "a" * MAX_EVENT_BYTES}))


def test_claims_of_rubbish_hold_nothing_that_cannot_be_shown():
    claims = read_claims(b'{"event_id": "a\\u0000b\\u202e", "sensor_id": 5, "image_url": "x"}')
    assert claims == {"event_id": "ab", "image_url": "x"}
