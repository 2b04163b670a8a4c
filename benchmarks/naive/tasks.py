"""The tutorial's worker: prefork, requests, Pillow, one commit a row."""

import io
import os
from typing import Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as ours

import onnxruntime
import psycopg
import requests
from celery import Celery
from celery.signals import worker_process_init
from PIL import Image

LABELS = ("plastic", "paper", "glass", "metal", "organic")

app = Celery("naive", broker=os.environ["NAIVE_BROKER_URL"])
app.conf.task_ignore_result = True

state: dict[str, Any] = {}


@worker_process_init.connect
def load(**_: Any) -> None:
    """Load the model and connect, once a process."""
    state["model"] = onnxruntime.InferenceSession(os.environ["NAIVE_MODEL_PATH"])
    state["database"] = psycopg.connect(os.environ["NAIVE_DATABASE_URL"])


@app.task(name="naive.classify")
def classify(image_url: str, sensor_id: str) -> None:
    """Classify one picture and write one row."""
    response = requests.get(image_url, timeout=10)
    response.raise_for_status()
    image = Image.open(io.BytesIO(response.content)).convert("RGB").resize((224, 224))
    (scores,) = state["model"].run(["probabilities"], {"image": np.asarray(image)[None]})
    best = int(scores[0].argmax())
    with state["database"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO naive (sensor_id, image_url, category, confidence) VALUES (%s, %s, %s, %s)",
            (sensor_id, image_url, LABELS[best], float(scores[0][best])),
        )
    state["database"].commit()
