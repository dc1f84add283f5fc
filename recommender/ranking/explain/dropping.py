"""What is near the seed and not in its list, and the rule that kept it out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import Dropped, Rule
from recommender.ranking.candidates import ListRequest
from recommender.ranking.cards import Card
from recommender.ranking.duplicates import tellings
from recommender.ranking.filters import Filter, broken_rules
from recommender.ranking.picking import Removed
from recommender.ranking.ranked import Ranked

__all__ = ["MOST", "Candidate", "dropped_from", "rule_of"]

MOST: Final = 50
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of an article that is not in a list.

    Attributes:
        translation: whether it tells the seed's story in another language.
        excluded: whether the request excludes it, or another list of the page shows it.
        blocked: whether an editor wants it never under the seed.
        broken: the first rule of eligibility or of the request that it breaks; None for none.
        related: whether its score is high enough.
        removed: the rule that took it out when the list was picked; None for none.
    """

    translation: bool = False
    excluded: bool = False
    blocked: bool = False
    broken: Rule | None = None
    related: bool = True
    removed: Rule | None = None


def rule_of(candidate: Candidate, *, by_min_score: bool) -> Rule:
    """The first rule that keeps a candidate out; `limit` where it would stand further down."""
    if candidate.translation:
        return "translation"
    if candidate.excluded:
        return "excluded"
    if candidate.blocked:
        return "blocked"
    if candidate.broken is not None:
        return candidate.broken
    if not candidate.related:
        return "min_score" if by_min_score else "threshold"
    return candidate.removed or "limit"


def dropped_from(
    request: ListRequest, listed: Collection[str], removed: Mapping[int, Removed], most: int = MOST
) -> tuple[Dropped, ...]:
    """The articles nearest to the seed that are not in its list, by descending score.

    They are looked for without any filter; what was taken out when the list was picked is among
    them.

    Args:
        request: the question.
        listed: the ids of the answer.
        removed: by row, what was taken out when the list was picked.
        most: how many at most.
    """
    view = request.view
    ranked = request.rank(_near(request, removed, most + len(listed)))
    out = np.array([view.id_of(row) not in listed for row in ranked.rows.tolist()], np.bool_)
    ranked = ranked.at(out)
    nearest = np.argsort(-ranked.scores.score, kind="stable")[:most]
    by_min_score = request.options.min_score is not None
    candidates = _candidates(request, ranked, removed)
    return tuple(
        _dropped(
            view,
            int(ranked.rows[at]),
            float(ranked.scores.score[at]),
            rule_of(candidates[at], by_min_score=by_min_score),
            removed.get(int(ranked.rows[at])),
        )
        for at in nearest
    )


def _near(request: ListRequest, removed: Mapping[int, Removed], fetch: int) -> Rows:
    """Rows near the seed, and those taken out; never the seed's own: int64 [m]."""
    every = request.view.present.copy()
    own = request.view.row_of(request.seed.id)
    if own is not None:
        every[own] = False
    near = request.candidates(every, max(fetch, request.policy.candidates))
    others = np.array(sorted(removed), np.int64)
    return np.concatenate([near, others[~np.isin(others, near)]])


def _candidates(
    request: ListRequest, ranked: Ranked, removed: Mapping[int, Removed]
) -> list[Candidate]:
    """What is known of some candidates, in their order."""
    view, rows = request.view, ranked.rows.tolist()
    translations = tellings(view, request.seed.names)[ranked.rows].tolist()
    related = request.are_related(ranked).tolist()
    broken = _broken(request, ranked.rows)
    excluded = request.shown_on_page.union(request.options.exclude)
    blocked = request.overrides.blocked(request.now)
    return [
        Candidate(
            translation=translations[at],
            excluded=view.id_of(row) in excluded,
            blocked=view.id_of(row) in blocked,
            broken=broken[at],
            related=related[at],
            removed=removed[row].rule if row in removed else None,
        )
        for at, row in enumerate(rows)
    ]


def _broken(request: ListRequest, rows: Rows) -> list[Rule | None]:
    """The first rule that each row breaks, part by part: each has columns of its own."""
    seed, untitled = request.seed, request.policy.untitled
    wanted = Filter.of(request.options, seed.language, seed.published_at, request.now)
    broken: dict[int, Rule | None] = {}
    begin = 0
    for part in request.view.parts:
        mine = rows[(begin <= rows) & (rows < begin + len(part))]
        rules = broken_rules(part, mine - begin, request.now, wanted, untitled=untitled)
        broken |= dict(zip(mine.tolist(), rules, strict=True))
        begin += len(part)
    return [broken[row] for row in rows.tolist()]


def _dropped(view: View, row: int, score: float, rule: Rule, removed: Removed | None) -> Dropped:
    """One of the dropped; an item is named only for the rule that was told."""
    title = Card.from_bytes(view.display_of(row)).title
    because = removed.because if removed is not None and removed.rule == rule else None
    return Dropped(id=view.id_of(row), title=title, score=score, rule=rule, because=because)
