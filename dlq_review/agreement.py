"""How far people who saw the same picture said the same. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `pairs` of answers to the same picture: the share that is equal, and Cohen's kappa (NaN where it has no meaning)."""

    pairs: int
    equal: float
    kappa: float


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Return the agreement of two raters, corrected for what chance would give (Cohen 1960).

    Kappa is NaN without pairs, or when both only ever gave one and the same answer.
    """
    if not pairs:
        return Agreement(0, math.nan, math.nan)
    count = len(pairs)
    equal = sum(one == other for one, other in pairs) / count
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    by_chance = sum(first[answer] * second[answer] for answer in first) / count**2
    return Agreement(count, equal, (equal - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan)


def by_reviewer(opinions: Iterable[tuple[object, str, str]]) -> Mapping[str, Agreement]:
    """Return each reviewer's agreement with the others; `opinions` are pictures, reviewers and answers."""
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one, other in _pairs(opinions):
        pairs[one[0]].append((one[1], other[1]))
        pairs[other[0]].append((other[1], one[1]))
    return {reviewer: cohens_kappa(found) for reviewer, found in sorted(pairs.items())}


def by_answer(opinions: Iterable[tuple[object, str, str]]) -> Mapping[str, Agreement]:
    """Return for each answer how far people agree on whether it is that or another.

    Each pair of people counts in both orders, since none of them is the first.
    """
    pairs = [pair for one, other in _pairs(opinions) for pair in ((one[1], other[1]), (other[1], one[1]))]
    answers = sorted({answer for pair in pairs for answer in pair})
    found = {}
    for answer in answers:
        agreement = cohens_kappa([(str(one == answer), str(other == answer)) for one, other in pairs])
        found[answer] = Agreement(agreement.pairs // 2, agreement.equal, agreement.kappa)
    return found


def _pairs(opinions: Iterable[tuple[object, str, str]]) -> Iterable[tuple[tuple[str, str], tuple[str, str]]]:
    said: dict[object, list[tuple[str, str]]] = defaultdict(list)
    for picture, reviewer, answer in opinions:
        said[picture].append((reviewer, answer))
    for answers in said.values():
        yield from combinations(sorted(answers), 2)
