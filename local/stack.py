"""Valkey, Postgres and S3 together: all of what the fleet needs from outside, on one machine."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from local.files import private_directory, secret_file
from local.postgres import PostgresService
from local.seaweed import REGION, SeaweedService
from local.service import Service
from local.valkey import MAXMEMORY_BYTES, ValkeyService

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class StackAddresses:
    """Where the services are and what opens them; `repr` keeps the secrets to itself.

    `postgres_url` is the superuser's, of the database `postgres`.
    """

    redis_url: str = field(repr=False)
    postgres_url: str = field(repr=False)
    s3_endpoint: str
    s3_bucket: str
    s3_region: str
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)


class Stack:
    """The three services over one data directory; all of them run, or none does."""

    def __init__(
        self,
        data_dir: Path,
        *,
        bucket: str = "waste-images",
        durable: bool = True,
        valkey_maxmemory: int = MAXMEMORY_BYTES,
    ) -> None:
        """Prepare the directory; `durable=False` is Postgres without fsync, `valkey_maxmemory` is in bytes."""
        root = private_directory(data_dir)
        self.bucket = bucket
        self.postgres = PostgresService(root / "postgres", durable=durable)
        self.seaweed = SeaweedService(root / "seaweed")
        valkey_dir = private_directory(root / "valkey")
        password = secret_file(valkey_dir / "password")
        self.valkey = ValkeyService(valkey_dir, maxmemory=valkey_maxmemory, password=password)

    @property
    def services(self) -> tuple[Service, ...]:
        """The three services, the slowest to start first."""
        return (self.seaweed, self.postgres, self.valkey)

    @property
    def addresses(self) -> StackAddresses:
        """The addresses; known from the first start on, and the same after a restart."""
        return StackAddresses(
            redis_url=self.valkey.url,
            postgres_url=self.postgres.url("postgres"),
            s3_endpoint=self.seaweed.endpoint,
            s3_bucket=self.bucket,
            s3_region=REGION,
            s3_access_key=self.seaweed.access_key,
            s3_secret_key=self.seaweed.secret_key,
        )

    def start(self) -> StackAddresses:
        """Start all three at the same time, make the bucket and return the addresses.

        Raises:
            ServiceFailed: one of them did not start; the others have been stopped.

        """
        try:
            _all_at_once([self._start_seaweed, self.postgres.start, self.valkey.start])
        except BaseException:
            self.stop()
            raise
        return self.addresses

    def stop(self) -> bool:
        """Stop all three at the same time, in at most 8 s; True if none of them had to be killed.

        Interrupted, it kills them.
        """
        try:
            return all(_all_at_once([service.stop for service in self.services]))
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End all three at once with SIGKILL."""
        for service in self.services:
            service.kill()

    def __enter__(self) -> Self:
        """Start the stack."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop the stack."""
        self.stop()

    def _start_seaweed(self) -> None:
        self.seaweed.start()
        self.seaweed.create_bucket(self.bucket)


def _all_at_once(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Make the calls in threads, wait for all of them and return the results; the first error in their order is raised."""
    jobs = list(calls)
    with ThreadPoolExecutor(len(jobs), "stack") as pool:
        futures: list[Future[Result]] = [pool.submit(job) for job in jobs]
        wait(futures)
    return [future.result() for future in futures]
