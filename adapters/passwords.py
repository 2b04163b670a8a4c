"""Passwords as Argon2id hashes (RFC 9106, its second recommended choice: 64 MiB, three passes)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.errors import PasswordTooWeak

_SHORTEST, _LONGEST = 12, 512
_SHORTEST_NAME = 4
"""Of a shorter name nearly every password holds the letters."""


class Argon2Passwords:
    """Implements `contracts.review_ports.Passwords`."""

    def __init__(self) -> None:
        """Hash by the library's own choice; each hash takes 64 MiB and a core for its time."""
        self._hasher = PasswordHasher()
        self._nobodys = self._hasher.hash("nobody's")

    def hash(self, password: str, name: str) -> str:
        """Return the hash of a password for the account `name`; raises PasswordTooWeak."""
        if not _SHORTEST <= len(password) <= _LONGEST:
            raise PasswordTooWeak("password", f"has {len(password)} characters; {_SHORTEST} to {_LONGEST} are taken")
        named = len(name) >= _SHORTEST_NAME and name.lower() in password.lower()
        if len(set(password)) < _SHORTEST // 2 or named:
            raise PasswordTooWeak("password", "repeats itself or holds the account's name")
        return self._hasher.hash(password)

    def matches(self, password: str, hashed: str | None) -> bool:
        """Return whether it is the password; takes as long when there is none to compare with."""
        if len(password) > _LONGEST:
            return False
        try:
            return self._hasher.verify(hashed or self._nobodys, password) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False
