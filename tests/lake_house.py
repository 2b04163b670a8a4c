"""Labelled events with pictures in a real object store, and the lake that is made of them, as its role's own login."""

import os
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import boto3

from adapters.environment import read_settings
from adapters.object_store import open_object_store
from adapters.postgres.lake import PostgresSnapshots
from contracts.truth import GroundTruth
from learning.lake.__main__ import LakeSettings, open_maker
from learning.lake.reading import read_snapshot
from tests.makers import an_event
from tests.plant_house import NOON


class LakeHouse:
    """A fleet whose items are labelled; its lake is `waste_learning`'s."""

    def __init__(self, plant, stack, url, home):
        addresses = stack.addresses
        self.plant, self.sql, self.stack = plant, plant.sql, stack
        self.environment = {
            "PATH": os.environ["PATH"],
            "XDG_CACHE_HOME": str(home / "cache"),
            "DATABASE_URL": url,
            "S3_ENDPOINT_URL": addresses.s3_endpoint,
            "S3_REGION": addresses.s3_region,
            "S3_BUCKET": addresses.s3_bucket,
            "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
        }
        self.settings = read_settings(LakeSettings, self.environment)
        self.pool = plant.pools["learning"]
        self.objects = open_object_store(self.settings)
        self.snapshots = PostgresSnapshots(self.pool)
        self.bucket = boto3.client(
            "s3",
            endpoint_url=addresses.s3_endpoint,
            region_name=addresses.s3_region,
            aws_access_key_id=addresses.s3_access_key,
            aws_secret_access_key=addresses.s3_secret_key,
        )

    def thrown(self, picture, at=0, sensor="bin-7"):
        """Return an event that was decided; `picture` is None for one that never came."""
        key = f"{sensor}/{uuid4()}.jpg"
        if picture is not None:
            self.objects.put(key, picture, "image/jpeg")
        url = f"s3://{self.settings.s3_bucket}/{key}"
        event = an_event(sensor_id=sensor, captured_at=NOON + timedelta(seconds=at), image_url=url)
        self.plant.decided_these([event])
        return event

    def people_say(self, event, choice, sampling_probability=None):
        query = """
            INSERT INTO review_items (event_id, reason, sensor_id, image_url, captured_at, category, confidence, scores, model_version,
                decided_at, state, resolved, sampling_probability)
            VALUES (%s, %s, %s, %s, %s, 'plastic', 0.5, '{}', 'm1', now(), 'labelled', %s, %s)"""
        reason = "low_confidence" if sampling_probability is None else "audit_sample"
        place = (event.sensor_id, event.image_url, event.captured_at)
        self.sql.execute(query, (event.event_id, reason, *place, choice, sampling_probability))
        self.sql.execute(
            """WITH who AS (INSERT INTO accounts (name, role) VALUES (%s, 'reviewer') RETURNING account_id)
            INSERT INTO labels (label_id, event_id, account_id, choice, purpose, origin)
            SELECT %s, %s, account_id, %s, 'review', 'desk' FROM who""",
            (f"rita {uuid4()}", uuid4(), event.event_id, choice),
        )

    def plant_says(self, event, category, source="north"):
        values = {"sensor_id": event.sensor_id, "observed_at": event.captured_at, "event_id": event.event_id}
        self.plant.truth.add([GroundTruth(**values, category=category, source=source)])
        self.plant.join()

    def snapshot(self, since=None, until=None):
        with open_maker(self.settings, self.pool) as maker:
            return maker.of_field(since, until)

    def imported(self, folder, name="base"):
        with open_maker(self.settings, self.pool) as maker:
            return maker.of_folder(folder, name)

    def read(self, snapshot):
        return read_snapshot(snapshot.snapshot_id, self.snapshots, self.objects)

    def keys(self, snapshot_id=""):
        prefix = f"lake/snapshots/{snapshot_id}"
        listed = self.bucket.list_objects_v2(Bucket=self.settings.s3_bucket, Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in listed]

    def command(self, *arguments):
        command = [sys.executable, "-m", "waste", "lake", *map(str, arguments)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def waste_lake(self, *arguments, code=0):
        running = self.command(*arguments)
        told, errors = running.communicate(timeout=120)
        assert running.returncode == code, told + errors
        assert "Traceback" not in errors
        return told + errors
