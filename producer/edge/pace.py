"""How fast to send, and when to try again: pure but for the chance and the clock that are passed in."""

import random
from dataclasses import dataclass

_LEAST_S, _MOST_S = 2.0, 120.0
_UNBELIEVED_S = (60.0, 1800.0)
_SPREAD = 0.5


@dataclass(slots=True)
class Backoff:
    """Longer and longer pauses, by chance anywhere below their length, so that a thousand bins do not come at once."""

    chance: random.Random
    failures: int = 0

    def failed(self, retry_after_s: float | None) -> float:
        """Return how long to wait after one more failure; never less than what was asked for."""
        self.failures += 1
        longest = min(_MOST_S, _LEAST_S * 2.0 ** min(self.failures - 1, 16))
        own_s = self.chance.uniform(_LEAST_S / 2, longest)
        return own_s if retry_after_s is None else max(own_s, self.spread(retry_after_s))

    def unbelieved(self) -> float:
        """Return how long to wait after the credential was refused: somebody has to bring another one."""
        self.failures += 1
        least, most = _UNBELIEVED_S
        return self.chance.uniform(0.5, 1.0) * min(most, least * 2.0 ** min(self.failures - 1, 16))

    def spread(self, seconds: float) -> float:
        """Return somewhat more than what all were told to wait."""
        return seconds * (1 + self.chance.uniform(0, _SPREAD))

    def worked(self) -> None:
        """Begin anew."""
        self.failures = 0


@dataclass(slots=True)
class Bucket:
    """Tokens for events: `rate` a second at full share, up to `burst` at once."""

    rate: float
    burst: float
    tokens: float = 1.0
    at_s: float = 0.0

    def refill(self, now_s: float, share: float) -> int:
        """Add what has come since the last time, at `share` of the rate; return how many events may go."""
        self.tokens = min(self.burst, self.tokens + max(0.0, now_s - self.at_s) * self.rate * share)
        self.at_s = now_s
        return int(self.tokens)

    def take(self, number: int) -> None:
        """Use tokens."""
        self.tokens -= number

    def wait_s(self, share: float, number: int = 1) -> float:
        """Return the seconds until so many events may go; a minute when none may at this share."""
        pace = self.rate * share
        return min(60.0, max(0.0, number - self.tokens) / pace) if pace > 0 else 60.0


def backlog_share(share: float) -> float:
    """Return at which share of its rate the backlog may go when events as a whole are asked to go at `share`.

    It slows down sooner, and stops at a half: the queue is first come, first served, so a backlog that fills it delays what is
    thrown in now.
    """
    return max(0.0, 2 * share - 1) ** 2
