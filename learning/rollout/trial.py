"""What a trial says: whether the model on trial may go on, has to go, or is not decided yet. Pure.

Both models score the same pictures, so only labels on which they differ say anything. Each picture is a bet: +1 where the model
on trial alone is right, -1 where the other alone is, 0 else. If its accuracy were lower by the margin or more, the capital of a
gambler who bets on it would be a supermartingale however often one looks; it reaches 20 with a probability of at most 1/20
(Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024). The other way round for being worse.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.trials import TrialCount

MARGIN = 0.02
"""So much less right than the champion, in points of 1, is a model that must not be promoted."""
CAPITAL = 20.0
FEWEST_LABELS, FEWEST_PAIRS = 50, 200
_STAKES = (0.03, 0.1, 0.2, 0.4, 0.7)
_AGREEMENT_MARGIN = 0.15
_LEAST_AGREEMENT = 0.3
_MORE_UNSURE = 0.1
_SURE_OF_IT = 4.0


class Verdict(StrEnum):
    """What becomes of a trial."""

    GO_ON = "go on"
    PROMOTE = "promote"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial so far. `agreement` in [0, 1], None without any pair.

    `promising` and `damaging` are the capitals of the two gamblers; `why` says what the verdict rests on.
    """

    verdict: Verdict
    why: str
    paired: int
    agreement: float | None
    labels: int
    better: int
    worse: int
    promising: float
    damaging: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What a model's examination promised, in [0, 1]: how often it agrees with the champion, and what it sends to people."""

    agreement: float | None = None
    to_people: float | None = None


def judge(counts: Iterable[TrialCount], *, expected: Expected = Expected(), decides: bool = True) -> Trial:
    """Return what counts say of a model that was expected to behave as in its examination.

    With `decides`
    False, as a shadow, it is promoted (to canary) for having shown nothing bad on enough pictures, without any label.
    """
    rows = list(counts)
    paired = sum(one.paired for one in rows)
    agreeing = sum(one.agreeing for one in rows)
    labels, better, worse = _fair(rows)
    promising = _capital(better, worse, labels - better - worse, MARGIN)
    damaging = _capital(worse, better, labels - better - worse, 0.0)
    verdict, why = _verdict(rows, (paired, agreeing), (labels, promising, damaging), expected, decides=decides)
    agreement = agreeing / paired if paired else None
    return Trial(verdict, why, paired, agreement, labels, better, worse, promising, damaging)


def _verdict(
    rows: Sequence[TrialCount],
    pairs: tuple[int, int],
    evidence: tuple[int, float, float],
    expected: Expected,
    *,
    decides: bool,
) -> tuple[Verdict, str]:
    (paired, agreeing), (labels, promising, damaging) = pairs, evidence
    if labels >= FEWEST_LABELS and damaging >= CAPITAL:
        return Verdict.WITHDRAW, "labels say that it is worse"
    least = _LEAST_AGREEMENT if expected.agreement is None else max(0.05, expected.agreement - _AGREEMENT_MARGIN)
    if paired >= FEWEST_PAIRS and _under(agreeing, paired, least) >= CAPITAL:
        return Verdict.WITHDRAW, f"it agrees with the champion on {agreeing / paired:.0%}; at least {least:.0%} were expected"
    if paired >= FEWEST_PAIRS and _far_more_unsure(rows, paired, expected.to_people):
        return Verdict.WITHDRAW, "it sends far more to people than was expected"
    if not decides and paired >= FEWEST_PAIRS:
        return Verdict.PROMOTE, f"nothing speaks against it on {paired} pictures"
    if decides and labels >= FEWEST_LABELS and promising >= CAPITAL:
        return Verdict.PROMOTE, f"labels say that it is at most {MARGIN * 100:g} points less right than the champion, or better"
    return Verdict.GO_ON, "not decided yet"


def _fair(rows: Sequence[TrialCount]) -> tuple[int, int, int]:
    """Return labels, and how many are better and worse, of a sample in which each pair had the same chance.

    See `learning.truth.sampling`: people see most of what is unsure and little else.
    """
    kinds = {one.kind for one in rows}
    by_kind = {kind: [one for one in rows if one.kind == kind] for kind in kinds}
    rates = {kind: sum(one.labelled for one in of) / max(1, sum(one.paired for one in of)) for kind, of in by_kind.items()}
    least = min(rates.values(), default=0.0)
    taken = [one for one in rows if rates[one.kind] and one.hundredth < round(100 * least / rates[one.kind])]
    return sum(one.labelled for one in taken), sum(one.better for one in taken), sum(one.worse for one in taken)


def _capital(wins: int, losses: int, draws: int, margin: float) -> float:
    """Return what a gambler has who bet on wins, in a game that is fair if wins minus losses are `-margin` a picture."""
    logs = [
        wins * math.log1p(stake * (1 + margin)) + draws * math.log1p(stake * margin) + losses * math.log1p(stake * (margin - 1))
        for stake in _STAKES
    ]
    return sum(math.exp(min(log, 700.0)) for log in logs) / len(logs)


def _under(hits: int, count: int, share: float) -> float:
    """Return the evidence that hits are rarer than `share`: a likelihood ratio of a mixture below it."""
    logs = [
        hits * math.log(lower / share) + (count - hits) * math.log((1 - lower) / (1 - share))
        for lower in (share * part for part in (0.95, 0.8, 0.6, 0.3))
    ]
    return sum(math.exp(min(log, 700.0)) for log in logs) / len(logs)


def _far_more_unsure(rows: Sequence[TrialCount], paired: int, expected: float | None) -> bool:
    unsure, before = sum(one.unsure for one in rows) / paired, sum(one.unsure_before for one in rows) / paired
    spread = math.sqrt((unsure * (1 - unsure) + before * (1 - before)) / paired)
    return unsure - max(before, expected or 0.0) - _SURE_OF_IT * spread > _MORE_UNSURE
