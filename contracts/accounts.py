"""Who may sit at the review desk, and what as."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What an account may do: each role may also do what those before it may."""

    REVIEWER = "reviewer"
    OPS = "ops"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Return whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or another program that speaks for some."""

    account_id: UUID
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from which address; what the audit trail keeps of them."""

    name: str
    address: str = ""
