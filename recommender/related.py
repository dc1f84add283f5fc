"""The use case: for one article, the most related other ones, in the order to show them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.cards import Card
from recommender.columns import Columns
from recommender.eligibility import Wanted, eligible, matching
from recommender.fading import fading_of
from recommender.policy import Policy
from recommender.ranking import Floors, Pool, Ranked, fuse, select
from recommender.recommendations import Options, Recommendation, Recommendations
from recommender.seeds import Seed
from recommender.stories import tellings

__all__ = ["Inquiry", "list_related"]

SEMANTIC: Final = "semantic"
SAME_SECTION: Final = "fallback:section"
LATEST: Final = "fallback:latest"
LADDER: Final = (SAME_SECTION, LATEST)
UNDATED: Final = -1e18
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
SPARE: Final = 4  # so many times the missing items are looked at, as some are told twice
WIDER: Final = 4  # so many times more, where that was too few
MOST_CANDIDATES: Final = 10_000  # where an archive is one text over and over, a list may stay short


def list_related(
    view: View, seed: Seed, options: Options, policy: Policy, now: float
) -> Recommendations:
    """The list under an article, at `now` (seconds since 1970 in UTC).

    Related articles stand first, with reason `semantic`; a list that stays short is filled from
    the ladder, with reasons `fallback:section` and `fallback:latest`. Every item is eligible, meets
    the options, and is neither the seed, a translation nor a near-duplicate of it, nor a
    near-duplicate of an item above.
    """
    items = Inquiry(view, seed, options, policy, now).items() if seed.lists else []
    return Recommendations(
        article_id=seed.id,
        items=tuple(items),
        requested=options.limit,
        mode=options.mode,
        generation=view.generation,
        short_because=_short_because(seed, options, len(items)),
    )


def _short_because(seed: Seed, options: Options, returned: int) -> str | None:
    if returned >= options.limit:
        return None
    if not seed.lists:
        return "no_related"
    return "few_eligible" if options.min_score is None else "min_score"


@dataclass(frozen=True, slots=True, eq=False)
class Inquiry:
    """One question to one view; nothing in it changes while it is answered."""

    view: View
    seed: Seed
    options: Options
    policy: Policy
    now: float
    _same_story: Mask = field(init=False)

    def __post_init__(self) -> None:
        # Asked by the filter and by the search for near-duplicates; the seed itself is among them.
        object.__setattr__(self, "_same_story", tellings(self.view, self.seed.names))

    def items(self) -> list[Recommendation]:
        """The list, rung by rung: a lower rung is asked only while the list is short."""
        allowed = self.allowed()
        items: list[Recommendation] = []
        for rung in self._rungs():
            if len(items) < self.options.limit and allowed.any():
                ranked, positions = self._picked(rung, allowed, items)
                for position in positions:
                    items.append(self._item(ranked, int(position), rung, len(items) + 1))
                    allowed[ranked.rows[position]] = False
        return items

    def _picked(
        self, rung: str, allowed: Mask, above: Sequence[Recommendation]
    ) -> tuple[Ranked, NDArray[np.int64]]:
        """Candidates of a rung and the positions to list.

        Where copies of one story crowd out the rest, more candidates are looked at.
        """
        missing = self.options.limit - len(above)
        fetch = self.policy.candidates if rung == SEMANTIC else SPARE * missing
        while True:
            ranked, more = self._rung(rung, allowed, fetch)
            positions = self._select(rung, ranked, above)
            if len(positions) == missing or not more or fetch >= MOST_CANDIDATES:
                return ranked, positions
            fetch *= WIDER

    def allowed(self) -> Mask:
        """Rows that may be listed: bool [n]."""
        wanted = Wanted.of(self.options, self.seed.language, self.seed.published_at, self.now)
        rows = self.view.each(lambda part: self._allowed(part, wanted))
        rows &= ~self._same_story
        for row in map(self.view.row_of, {self.seed.id, *self.options.exclude}):
            if row is not None:
                rows[row] = False
        return rows

    def _allowed(self, part: Columns, wanted: Wanted) -> Mask:
        rows: Mask = eligible(part, self.now, untitled=self.policy.untitled)
        rows &= matching(part, wanted)
        return rows

    def candidates(self, allowed: Mask, fetch: int) -> NDArray[np.int64]:
        """The nearest allowed rows by the signal that leads for each pair, by id: int64 [m].

        Vectors propose the articles whose language the encoder knows, like the seed's; words the
        others; each at most `fetch`. Letting words propose everywhere found nothing more
        (docs/relevance.md).
        """
        seed, view = self.seed, self.view
        known = allowed & view.each(lambda part: part.columns["embedded"]) & seed.embedded
        found = [np.empty(0, np.int64)]
        if seed.vector is not None and known.any():
            found.append(view.nearest(seed.vector, fetch, known).rows)
        unknown = allowed & ~known
        if seed.terms is not None and unknown.any():
            found.append(view.nearest_by_terms(seed.terms, fetch, unknown).rows)
        return self._by_id(np.concatenate(found))

    def rank(self, rows: NDArray[np.int64]) -> Ranked:
        """Score some rows; their order is kept."""
        vectors, weight = self.view.fetch(rows), self._dense_weight(rows)
        scores = fuse(*self._similarities(rows, vectors), self._floors(rows), weight)
        fading = fading_of(self.view, rows, self.policy, self.now)
        return Ranked(rows, vectors, scores, weight, fading, scores.score * fading)

    def _rungs(self) -> tuple[str, ...]:
        if not self.policy.fallback or self.options.min_score is not None:
            return (SEMANTIC,)
        return (SEMANTIC, *LADDER) if self.seed.section else (SEMANTIC, LATEST)

    def _rung(self, rung: str, allowed: Mask, fetch: int) -> tuple[Ranked, bool]:
        """Candidates of a rung with their ranking values, and whether there may be more."""
        if rung == SEMANTIC:
            return self._related(allowed, fetch)
        if rung == SAME_SECTION:
            wanted = Wanted(section=self.seed.section)
            allowed = allowed & self.view.each(lambda part: matching(part, wanted))
        rows = np.flatnonzero(allowed)
        times = np.nan_to_num(self.view.take("published_at", rows), nan=-np.inf)
        # Where many share a date, which of them are looked at must not hang on their rows.
        newest = rows[np.lexsort((self.view.take("own", rows), -times))[:fetch]]
        return self._by_time(self.rank(self._by_id(newest))), len(newest) < len(rows)

    def _by_id(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same rows in the order of their ids, by which equals are placed.

        A changed article has a late row until the next rebuild; lists must not change with that.
        """
        order = np.argsort([self.view.id_of(row) for row in rows.tolist()], kind="stable")
        return rows[order.astype(np.int64)]

    def _related(self, allowed: Mask, fetch: int) -> tuple[Ranked, bool]:
        """Candidates that count as related; there may be more while none of those seen fell out."""
        ranked = self.rank(self.candidates(allowed, fetch))
        score = ranked.scores.score
        kept = ranked.at((score > 0) & (score >= self._least(ranked)))
        more = fetch <= len(kept.rows) == len(ranked.rows)
        return (self._by_time(kept) if self.options.mode == "latest" else kept), more

    def _least(self, ranked: Ranked) -> Floats | float:
        """The score from which a candidate counts as related."""
        if self.options.min_score is not None:
            return self.options.min_score
        policy = self.policy
        least = np.where(ranked.dense_weight > 0, policy.threshold, policy.words_threshold)
        return least.astype(np.float32)

    def _by_time(self, ranked: Ranked) -> Ranked:
        """The same candidates, valued by their date; the undated come last."""
        times = self.view.take("published_at", ranked.rows)
        return replace(ranked, values=np.nan_to_num(times, nan=UNDATED))

    def _select(
        self, rung: str, ranked: Ranked, above: Sequence[Recommendation]
    ) -> NDArray[np.int64]:
        """Positions to list from a rung below what is listed already."""
        timed = rung != SEMANTIC or self.options.mode == "latest"
        return select(
            Pool(ranked.values, ranked.vectors, self.view.take("signature", ranked.rows)),
            self.options.limit - len(above),
            diversity=0.0 if timed else self._diversity(),
            duplicate_overlap=self.policy.duplicate_overlap,
            above=self._told(above),
        )

    def _told(self, above: Sequence[Recommendation]) -> NDArray[np.uint16]:
        """Signatures of what must not be told again: the seed, its translations, the listed."""
        listed = [self.view.row_of(item.id) for item in above]
        rows = [row for row in listed if row is not None]
        rows += np.flatnonzero(self._same_story).tolist()
        told = self.view.take("signature", np.array(rows, np.int64))
        return np.vstack([self.seed.signature, told])

    def _diversity(self) -> float:
        asked = self.options.diversity
        return self.policy.diversity if asked is None else asked

    def _item(self, ranked: Ranked, position: int, rung: str, rank: int) -> Recommendation:
        row = int(ranked.rows[position])
        return Recommendation(
            id=self.view.id_of(row),
            rank=rank,
            score=float(ranked.scores.score[position]),
            card=Card.from_bytes(self.view.card_of(row)),
            reason=rung,
            explanation=ranked.explain(position) if self.options.explain else None,
        )

    def _similarities(self, rows: NDArray[np.int64], vectors: Floats) -> tuple[Floats, Floats]:
        """Cosines of vectors and of term weights with the seed's; 0 where it has none."""
        seed, none = self.seed, np.zeros(len(rows), np.float32)
        dense = none if seed.vector is None else vectors @ seed.vector
        alike = none if seed.terms is None else self.view.similarities(seed.terms, rows)
        return dense, alike

    def _dense_weight(self, rows: NDArray[np.int64]) -> Floats:
        known = self.view.take("embedded", rows) & self.seed.embedded
        return np.where(known, self.policy.dense_weight, 0.0).astype(np.float32)

    def _floors(self, rows: NDArray[np.int64]) -> Floors:
        """Of each pair, midway between the floors of its two languages."""
        view, own = self.view, self.seed.language
        words = [view.word_of("language", int(row)) for row in rows]
        languages = sorted({own, *words})
        measured = [view.floor_of(language) for language in languages]
        floors = Floors.of(
            np.array([floor.rows for floor in measured]),
            np.array([floor.similarity for floor in measured], np.float32),
            np.array([floor.lexical for floor in measured], np.float32),
        )
        others = floors.at(np.array([languages.index(word) for word in words], np.int64))
        return others.midway(floors.at(np.array([languages.index(own)])))
