"""The seed of a list, and how its candidates are scored and ordered.

`fusion` has the formulas. The ranking value orders a list; it is
`score * recency + nearness in time - hubness`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import BackgroundSimilarity, Query, View
from recommender.errors import UnreadArticle
from recommender.ranking.filters import DAY_SECONDS, RowPlace
from recommender.ranking.fusion import Backgrounds, ReadRows, ScoredCandidates, Signals, Times
from recommender.ranking.policy import Policy
from recommender.ranking.vector_share import SHARES_NOTE, find_shares

__all__ = [
    "LEAST_MEASURED",
    "Scorer",
    "Search",
    "Seed",
    "find_seed",
    "seed_at",
    "seed_of",
]

LEAST_MEASURED: Final = 15
"""With so many articles a language has a hundred pairs, enough for its background similarity."""
PASSAGE_PART: Final = 0.45
"""The part of passages in the share of vectors, if they say more than it; see docs/relevance.md."""
PASSAGE_PART_CENTRED: Final = 1 / 3
"""The same for an encoder of several languages."""
PASSAGE_PART_BETWEEN_LANGUAGES: Final = np.float32(0.6)
"""The same for two articles in different languages, whatever their lengths."""
HOUR_SECONDS: Final = 3_600.0
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

_COLUMNS = (
    "published_at",
    "id_hash",
    "translates",
    "has_list",
    "read",
    "up_to_date",
    "embedded",
    "fluent",
    "brief",
    "passages_apart",
)


SCORED: Final = ("fluent", "embedded", "brief", "passages_apart", "published_at")
"""The columns that are read of a row to score it."""


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """The article that a list is made for.

    Attributes:
        id: its id; empty for a draft.
        language: a primary BCP-47 subtag, or `und`.
        section: None if it has none.
        published_at: seconds since 1970 in UTC; NaN if unknown.
        id_hash: of its id; see `hash_id`.
        translates: the hash of the id or group that it translates; of its own id if none.
        has_list: whether the article wants a list at all.
        minhash: uint16 [MINHASH_SIZE], of its text.
        up_to_date: whether its present text was read, not an older one.
        embedded: whether the encoder supports its language.
        fluent: whether vectors are better than words among texts of its language.
        brief: whether its text is so short that vectors are measured apart from longer ones.
        passages_apart: whether its passages say more than its vector.
        vector: float32 [dim], a unit vector in the view's space; None without a read text.
        passages: float32 [k, dim], unit rows; None without a read text.
        terms: its weighted terms; None without a read text. Without vector and terms only the
            fallback stages fill the list.
        row: its row in the view; None for a draft and for an article that was not read.
        place: where its columns are, if it is an article outside the view.
    """

    id: str
    language: str
    section: str | None
    published_at: float
    id_hash: int
    translates: int
    has_list: bool
    minhash: NDArray[np.uint16]
    up_to_date: bool = False
    embedded: bool = False
    fluent: bool = False
    brief: bool = False
    passages_apart: bool = True
    vector: NDArray[np.float32] | None = None
    passages: NDArray[np.float32] | None = None
    terms: Query | None = None
    row: int | None = None
    place: RowPlace | None = None

    def place_in(self, view: View) -> RowPlace | None:
        """Where its columns are; None if it is no article of the view, nor one outside."""
        row = view.row_of(self.id) if self.place is None else None
        return self.place if row is None else RowPlace.of(view, row)


def seed_of(view: View, article_id: str) -> Seed | None:
    """The seed as a view has it; None if the view does not have the article."""
    row = view.row_of(article_id)
    return None if row is None else seed_at(view, row, article_id)


def seed_at(view: View, row: int, article_id: str) -> Seed:
    """The seed as a view has it in a row."""
    at = np.array([row])
    values = {name: read[0] for name, read in view.take_each(_COLUMNS, at).items()}
    minhash: NDArray[np.uint16] = view.take("minhash", at)[0]
    language, section = (view.label_of(column, row) for column in ("language", "section"))
    text = view.text_of(row) if values["read"] else None
    return Seed(
        id=article_id,
        language=language,
        section=section or None,
        published_at=float(values["published_at"]),
        id_hash=int(values["id_hash"]),
        translates=int(values["translates"]),
        has_list=bool(values["has_list"]),
        minhash=minhash,
        up_to_date=bool(values["up_to_date"]),
        embedded=bool(values["embedded"]),
        fluent=bool(values["fluent"]),
        brief=bool(values["brief"]),
        passages_apart=bool(values["passages_apart"]),
        vector=None if text is None else text.vector,
        passages=None if text is None else text.passages,
        terms=None if text is None else text.terms,
        row=None if text is None else row,
    )


def find_seed(view: View, article_id: str) -> Seed:
    """The seed as a view has it.

    Raises:
        UnreadArticle: the view does not have the article.
    """
    seed = seed_of(view, article_id)
    if seed is None:
        raise UnreadArticle(article_id)
    return seed


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search for candidates of a seed.

    Attributes:
        among: how many rows of the snapshot it was allowed to find.
        wanted: how many rows it was to find.
        least: an allowed row that is less similar was not found; minus infinity if all were found.
        by_words: whether terms were compared, not vectors.
    """

    among: int
    wanted: int
    least: float
    by_words: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Scores candidates for one seed at one moment.

    Attributes:
        view: the archive.
        seed: the article to relate to.
        policy: the weights.
        now: seconds since 1970 in UTC.
        backgrounds: the background similarity of each language of the archive and of the seed's.
        measured: the languages whose background similarity is known well enough to use vectors.
            Without their mean removed, vectors of a multilingual encoder lie so close to each
            other that any two texts of a language would look related.
        counts: bool, by language of `backgrounds`: whether vectors count between the seed and a
            text in that language. In a language that the encoder knows only through related ones,
            words decide alone.
        query: the seed's vector after neighbour smoothing, float32 [dim], a unit vector; None if
            the seed has no vector.
        smoothing: how much neighbours count in a vector; nothing if the encoder supports several
            languages.
    """

    view: View
    seed: Seed
    policy: Policy
    now: float
    backgrounds: Mapping[str, BackgroundSimilarity]
    measured: frozenset[str]
    counts: Mask
    query: Floats | None
    smoothing: float

    @classmethod
    def of(cls, view: View, seed: Seed, policy: Policy, now: float) -> "Scorer":
        """A scorer for a seed, whose vector is smoothed here."""
        # In vectors of several languages neighbours only blur: docs/relevance.md.
        smoothing = 0.0 if view.snapshot.manifest.centred else policy.neighbour_weight
        labels = (label for part in view.parts for label in part.labels["language"])
        backgrounds = {label: view.background_of(label) for label in (seed.language, *labels)}
        least = LEAST_MEASURED if view.snapshot.manifest.centred else 0
        measured = frozenset(label for label, one in backgrounds.items() if one.rows >= least)
        seed_counts = seed.embedded and seed.language in measured
        counts = np.array(
            [
                seed_counts and (seed.fluent if one == seed.language else one in measured)
                for one in backgrounds
            ],
            np.bool_,
        )
        query: Floats | None = None
        if seed.row is not None:
            query = view.fetch_query(seed.row, smoothing)
        elif seed.vector is not None:
            query = view.smooth(seed.vector, smoothing, seed.language)
        return cls(view, seed, policy, now, backgrounds, measured, counts, query, smoothing)

    def score(self, rows: Rows) -> ScoredCandidates:
        """Score some rows, int64 [m]; their order is kept."""
        return self.read(rows).score(self.policy)

    def read(self, rows: Rows) -> ReadRows:
        """Read from the archive what decides the scores of some rows."""
        view, seed, columns = self.view, self.seed, self.view.take_each(SCORED, rows)
        share, part = self._read_shares(columns["brief"], columns["passages_apart"])
        times = self._read_times(rows, columns["published_at"])
        vectors, labels = view.fetch_smoothed(rows, self.smoothing), [*self.backgrounds]
        languages = view.map_labels("language", rows, labels.index).astype(np.int64)
        own, none = labels.index(seed.language), np.zeros(len(rows), np.float32)
        same = languages == own
        return ReadRows(
            rows=rows,
            vectors=vectors,
            hubness=view.hubness(rows),
            signals=Signals(  # 0 if the seed has nothing to compare
                dense=none if self.query is None else vectors @ self.query,
                lexical=none if seed.terms is None else view.similarities(seed.terms, rows),
                passages=none if seed.passages is None else view.match(seed.passages, rows),
            ),
            backgrounds=Backgrounds.of_pairs([*self.backgrounds.values()], own, languages),
            fluent=columns["fluent"],
            known=columns["embedded"] & self.counts[languages],
            same=same,
            vector_share=np.where(same, share, np.float32(1)),
            passage_part=np.where(same, part, PASSAGE_PART_BETWEEN_LANGUAGES),
            times=times,
        )

    def _read_times(self, rows: Rows, published_at: Doubles) -> Times:
        """The times of some rows, and the half-lives of their sections."""
        policy = self.policy
        # Ages count to the start of the hour, so that the clock changes a list once an hour.
        hour = self.now // HOUR_SECONDS * HOUR_SECONDS
        half_lives, usual = policy.nearness_half_lives, policy.nearness_half_life_days
        of_seed = half_lives.get(self.seed.section or "", usual)
        return Times(
            age_days=(hour - published_at) / DAY_SECONDS,
            half_life_days=self._by_section(rows, policy.half_lives, policy.half_life_days),
            days_apart=(published_at - self.seed.published_at) / DAY_SECONDS,
            nearness_half_life_days=np.maximum(self._by_section(rows, half_lives, usual), of_seed),
        )

    def _read_shares(self, briefs: Mask, passages_apart: Mask) -> tuple[Floats, Floats]:
        """The share of vectors in the score of each pair, and the part of passages in it: [m].

        Each is the mean of what holds for the two articles.
        """
        seed, manifest = self.seed, self.view.snapshot.manifest
        brief, report = find_shares(manifest.notes.get(SHARES_NOTE, ""), seed.language)
        passages = PASSAGE_PART_CENTRED if manifest.centred else PASSAGE_PART
        share = np.where(briefs, brief, report)
        part = np.where(passages_apart, passages, 0.0)
        share += brief if seed.brief else report
        part += passages if seed.passages_apart else 0.0
        return (share / 2).astype(np.float32), (part / 2).astype(np.float32)

    def _by_section(
        self, rows: Rows, half_lives: Mapping[str, float], usual: float
    ) -> float | Doubles:
        """The half-life of the section of each row, float64 [m]; one number if all are the same."""
        if not half_lives:
            return usual
        return self.view.map_labels("section", rows, lambda one: half_lives.get(one, usual))
