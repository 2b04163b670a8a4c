"""A bin's program as a process of its own, and pictures to throw into it."""

import io
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict

import boto3
from PIL import Image

from contracts.signatures import derive_credential, device_token
from tests.conftest import REPOSITORY
from tests.makers import MASTER_KEY


class Bin:
    """A bin with a folder and an outbox, that speaks to a gateway; its program may be started, killed and asked."""

    def __init__(self, home, gateway_url, sensor_id="bin-7", **settings):
        self.home, self.folder, self.state = home, home / "pictures", home / "state"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sensor_id = sensor_id
        self.environment = {
            "PATH": os.environ["PATH"],
            "GATEWAY_URL": gateway_url,
            "DEVICE_TOKEN": device_token(derive_credential(MASTER_KEY, sensor_id)),
            "WASTE_STATE_DIR": str(self.state),
            "EDGE_FOLDER": str(self.folder),
            "EDGE_SETTLE_S": "0.1",
            "EDGE_RATE": "500",
            "EDGE_BACKLOG_RATE": "500",
        } | {name: str(value) for name, value in settings.items()}
        self.process = None
        self.log = home / "log"

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command("run"), cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            return self.process.wait(30)
        return self.process and self.process.returncode

    def throw(self, number, name=None):
        """Put a picture into the folder as a camera's program does: written beside it, then renamed."""
        name = name or f"p{number:06}.jpg"
        hidden = self.folder / f".{name}"
        hidden.write_bytes(picture(number))
        hidden.rename(self.folder / name)

    def waiting(self):
        return [path for path in self.folder.iterdir() if path.is_file()]

    def ask(self, *arguments, **environment):
        return subprocess.run(
            self._command(*arguments), cwd=REPOSITORY, env=self.environment | environment, capture_output=True, text=True
        )

    def status(self):
        """Return the status, of which nothing is known while there is no outbox yet."""
        done = self.ask("status", "--json")
        return defaultdict(lambda: None, json.loads(done.stdout) if done.returncode == 0 else {})

    def _command(self, *arguments):
        return [sys.executable, "-m", "waste", "edge", *arguments]


def picture(number, size=(64, 48), form="JPEG", **options):
    """Return a small picture that looks like no other number's."""
    image = Image.new("RGB", size, (number * 37 % 256, number * 91 % 256, number * 53 % 256))
    for bit in range(16):
        if number * 2654435761 >> bit & 1:
            image.paste(
                (255 - number % 200, bit * 15, number % 256), (bit % 4 * 16, bit // 4 * 12, bit % 4 * 16 + 16, bit // 4 * 12 + 12)
            )
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def fetched(stack, image_url):
    """Return a picture from the object store."""
    addresses = stack.addresses
    client = boto3.client(
        "s3",
        endpoint_url=addresses.s3_endpoint,
        region_name=addresses.s3_region,
        aws_access_key_id=addresses.s3_access_key,
        aws_secret_access_key=addresses.s3_secret_key,
    )
    bucket, key = image_url.removeprefix("s3://").split("/", 1)
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()
