"""Values that tests begin from."""

import hashlib
import io
import os
from datetime import UTC, datetime
from uuid import uuid4

import boto3
from botocore.config import Config
from PIL import Image

from contracts.codec import encode_event
from contracts.events import ItemCaptured
from contracts.ids import uuid7
from contracts.ledger import AcceptedEvent
from contracts.messages import Message
from contracts.names import SIGNATURE_HEADER, OutcomeKind
from contracts.outcomes import DeadLetter, Latencies, Outcome, Prediction
from contracts.pictures import PictureFacts
from contracts.signatures import derive_credential, sign

MASTER_KEY = bytes(range(32))


def an_event(now=None, **changes):
    now = now or datetime.now(UTC)
    values = {
        "schema_version": 1,
        "event_id": uuid7(now, os.urandom(10)),
        "sensor_id": "bin-7",
        "image_url": "s3://waste-images/bin-7/a.jpg",
        "captured_at": now,
        "sequence": 0,
        "attributes": {},
    }
    return ItemCaptured(**(values | changes))


def a_message(event, master_key=MASTER_KEY, sensor_id=None, generation=1):
    body = encode_event(event)
    return Message(body, {SIGNATURE_HEADER: sign(derive_credential(master_key, sensor_id or event.sensor_id, generation), body)})


def accepted(event):
    return AcceptedEvent(event, hashlib.sha256(encode_event(event)).digest())


def a_prediction(confidence=0.9):
    rest = (1 - confidence) / 4
    return Prediction((confidence, rest, rest, rest, rest), "plastic", confidence, "m1", 0.25)


def a_picture(**changes):
    return PictureFacts(**({"brightness": 0.3, "sharpness": 0.2, "entropy": 4.0, "brim": bytes([64] * 36)} | changes))


def an_outcome(event, kind=OutcomeKind.PREDICTION, reason=None):
    letter = None
    if kind != OutcomeKind.PREDICTION:
        reason = reason or ("low_confidence" if kind == OutcomeKind.REVIEW else "image_missing")
        letter = a_letter(event, kind, reason)
    prediction = None if kind == OutcomeKind.FAILURE else a_prediction()
    latencies = None if prediction is None else Latencies(1.0, 2.0, 3.0, 4.0, 5.0)
    place = {"event_id": event.event_id, "kind": kind, "sensor_id": event.sensor_id, "captured_at": event.captured_at}
    from contracts.categories import Category

    if prediction:
        prediction = Prediction(prediction.scores, Category.PLASTIC, prediction.confidence, "m1", 0.25)
    return Outcome(
        **place,
        reason=reason,
        attempts=1,
        prediction=prediction,
        latencies=latencies,
        dead_letter=letter,
        picture=a_picture() if prediction else None,
    )


def a_letter(event, kind=OutcomeKind.REVIEW, reason="low_confidence"):
    scores = {"plastic": 0.5, "paper": 0.2, "glass": 0.1, "metal": 0.1, "organic": 0.1}
    guess = {"category": "plastic", "confidence": 0.5, "scores": scores, "model_version": "m1", "outlier_score": 0.25}
    place = {"sensor_id": event.sensor_id, "image_url": event.image_url, "captured_at": event.captured_at}
    return DeadLetter(
        event_id=event.event_id,
        kind=kind,
        reason=reason,
        decided_at=datetime.now(UTC),
        attempts=1,
        **place,
        **(guess if kind == OutcomeKind.REVIEW else {}),
    )


def a_jpeg(colour=(200, 30, 40), size=(64, 48)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def an_owner():
    return uuid4()


def s3(service, **changes):
    """A client of SeaweedFS, with other keys if `changes` has them."""
    keys = {"aws_access_key_id": service.access_key, "aws_secret_access_key": service.secret_key} | changes
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    return boto3.client("s3", endpoint_url=service.endpoint, region_name="us-east-1", config=config, **keys)
