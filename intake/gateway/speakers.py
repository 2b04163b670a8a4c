"""Who speaks: a device by its bearer token, or by the signature of what it sends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from contracts.errors import CredentialRevoked, SignatureInvalid
from contracts.signatures import Credential, read_token, verify


@dataclass(slots=True)
class Speakers:
    """Checks tokens and signatures. `refused` maps a sensor to its last refused generation, and is renewed from outside."""

    master_key: bytes
    refused: Mapping[str, int] = field(default_factory=dict)

    def bearer(self, authorization: str | None) -> Credential | None:
        """Return whose token an Authorization header holds, None without one.

        Raises SignatureInvalid or CredentialRevoked.
        """
        if authorization is None:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise SignatureInvalid("Authorization holds no Bearer token")
        credential = _read(self.master_key, token.strip())
        self._check(credential.sensor_id, credential.generation)
        return credential

    def signed(self, sensor_id: str, body: bytes, signature: str) -> None:
        """Check the signature of a body that says it is of `sensor_id`; raises SignatureInvalid or CredentialRevoked."""
        self._check(sensor_id, verify(self.master_key, sensor_id, body, signature))

    def _check(self, sensor_id: str, generation: int) -> None:
        if generation <= self.refused.get(sensor_id, 0):
            raise CredentialRevoked(f"generation {generation} of sensor {sensor_id}")


_read = lru_cache(maxsize=10_000)(read_token)
