"""Who speaks: HMAC-SHA256 with a credential that is derived for one sensor, so that none has to be stored.

The signature travels beside the body (`v1:<generation>:<hex>`) and covers its exact bytes: no canonical form of
JSON has to be agreed on with whoever writes a device's firmware.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass

from contracts.errors import SignatureInvalid
from contracts.events import SENSOR_ID

MIN_MASTER_BYTES = 32
KEY_BYTES = 32
"""Length of a credential's key."""
_SCHEME = "v1"
_MAX_GENERATION = 9999
_TOKEN = b"waste-fleet device token"


@dataclass(frozen=True, slots=True)
class Credential:
    """A device's secret: the key of one sensor in one generation (1 up; rotation makes the next)."""

    sensor_id: str
    generation: int
    key: bytes

    def __repr__(self) -> str:
        """Show whose it is and never the key."""
        return f"Credential({self.sensor_id!r}, generation={self.generation})"


def derive_credential(master_key: bytes, sensor_id: str, generation: int = 1) -> Credential:
    """Return the credential of a sensor; `master_key` has at least 32 bytes."""
    info = b"\0".join((b"waste-fleet device credential", _SCHEME.encode(), sensor_id.encode(), str(generation).encode()))
    return Credential(sensor_id, generation, hmac.digest(master_key, info, "sha256"))


def sign(credential: Credential, body: bytes) -> str:
    """Return the signature header of a body."""
    return f"{_SCHEME}:{credential.generation}:{hmac.digest(credential.key, body, 'sha256').hex()}"


def verify(master_key: bytes, sensor_id: str, body: bytes, signature: str | None) -> int:
    """Return the generation of the credential that signed; raises SignatureInvalid.

    The caller must pass the sensor_id that the body itself claims: a credential speaks for its own sensor only.
    """
    if not signature:
        raise SignatureInvalid("there is none")
    scheme, _, rest = signature.partition(":")
    number, _, mac = rest.partition(":")
    if scheme != _SCHEME or not _is_generation(number):
        raise SignatureInvalid("its form is not v1:<generation>:<hex>")
    expected = sign(derive_credential(master_key, sensor_id, int(number)), body)
    if not hmac.compare_digest(expected.encode(), f"{scheme}:{int(number)}:{mac}".encode(errors="replace")):
        raise SignatureInvalid(f"it does not fit this body and sensor {sensor_id}")
    return int(number)


def device_token(credential: Credential) -> str:
    """Return what the device sends as `Authorization: Bearer` to the gateway: its name, generation and a proof of its key."""
    name = base64.urlsafe_b64encode(f"{credential.generation}:{credential.sensor_id}".encode()).decode().rstrip("=")
    return f"{_SCHEME}.{name}.{hmac.digest(credential.key, _TOKEN, 'sha256').hex()}"


def read_token(master_key: bytes, token: str) -> Credential:
    """Return the credential whose token this is; raises SignatureInvalid. The caller asks whether it is revoked."""
    scheme, _, rest = token.partition(".")
    name = rest.partition(".")[0]
    try:
        number, _, sensor_id = base64.b64decode(name + "=" * (-len(name) % 4), b"-_", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        number, sensor_id = "", ""
    if scheme != _SCHEME or not _is_generation(number):
        raise SignatureInvalid("the token is none of ours")
    credential = derive_credential(master_key, sensor_id, int(number))
    if not hmac.compare_digest(device_token(credential).encode(), token.encode(errors="replace")):
        raise SignatureInvalid("the token is none of ours")
    return credential


def _is_generation(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:5]) <= _MAX_GENERATION


def read_claim(token: str) -> str | None:
    """Return which sensor a token says it is of, None if it is no token; nothing is proven by that."""
    scheme, _, rest = token.partition(".")
    try:
        name = rest.partition(".")[0]
        number, _, sensor_id = base64.b64decode(name + "=" * (-len(name) % 4), b"-_", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return sensor_id if scheme == _SCHEME and _is_generation(number) and SENSOR_ID.fullmatch(sensor_id) else None
