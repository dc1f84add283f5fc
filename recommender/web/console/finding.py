"""Finding stories by words and by meaning at once, also those that readers may not see.

Words are looked up in headlines, by their beginnings, and in whole texts. The meaning of what was
typed is compared with that of the stories; the indexer reads it, as it reads a draft. Without the
indexer words find alone.
"""

from collections import Counter
from dataclasses import dataclass, fields
from itertools import chain
from typing import Final, Literal

import numpy as np
from flask import current_app
from flask.blueprints import BlueprintSetupState
from numpy.typing import NDArray

from index import View
from recommender.analysis.tokens import count_tokens
from recommender.api import Choice, ListOptions
from recommender.articles import UNKNOWN_LANGUAGE, Article
from recommender.display_fields import DisplayFields
from recommender.errors import Busy, IndexerAway
from recommender.indexing.drafts import ANY_ID, make_outside_seed, read_draft
from recommender.live import LiveState
from recommender.ranking.candidates import ListRequest
from recommender.ranking.duplicates import rows_of_ids
from recommender.ranking.filters import DAY_SECONDS, Filter, matching, visible
from recommender.web.auth import heavy_call
from recommender.web.console.access import console
from recommender.web.console.headlines import (
    HeadlineIndex,
    HeadlineWords,
    mark_words,
    words_in_query,
)
from recommender.web.console.states import StateName, StoryState, states_of
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = [
    "Clues",
    "Found",
    "FoundStory",
    "StorySearch",
    "find_stories",
    "headlines_of",
    "order_of",
    "read_headlines_soon",
]

HEADLINES: Final = "read-also-headlines"
LONGEST_QUERY: Final = 300
FETCHED: Final = 200
"""How many candidates each way of finding brings."""
SCANNED: Final = 1_000
"""Of so many stories in their order the exact state is looked at, if one is asked for."""
READING_SECONDS: Final = 0.5
"""How long the indexer may read what was typed."""
LEAST_WORDS: Final = 0.25
"""From this share of the words on they speak for a story; `of` alone does not."""
LEAST_MEANING: Final = 0.02
"""Below this score a story without any of the words is not found. A few words say little, so that
scores are lower than between two stories: `football` and the report of a match have 0.04."""
LEAST_OF_UNKNOWN: Final = 0.1
"""The same, if no story has any of the words: typed at random, they have up to 0.06."""
ANY_LANGUAGE: Final = ListOptions(language="any")
FoundBy = Literal["name", "headline", "text", "meaning", "date"]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StorySearch:
    """What somebody looks for.

    Attributes:
        text: words, an id, or an address; empty for the newest stories.
        section: that it stands in.
        language: a primary BCP-47 subtag.
        since: published then or later, POSIX.
        until: published before, POSIX.
        state: that it is in.
        limit: how many stories at most.
    """

    text: str = ""
    section: str | None = None
    language: str | None = None
    since: float | None = None
    until: float | None = None
    state: StateName | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class FoundStory:
    """A story that was found.

    Attributes:
        id: the article's.
        fields: what readers see of it.
        state: whether they see it.
        title: the headline in pieces, each with whether it is one of the words.
        by: how it was found.
    """

    id: str
    fields: DisplayFields
    state: StoryState
    title: tuple[tuple[str, bool], ...]
    by: FoundBy


@dataclass(frozen=True, slots=True)
class Found:
    """The stories that were found.

    Attributes:
        stories: the best first; without words the newest first.
        more: whether there are others.
        words_only: whether the meaning could not be compared now.
    """

    stories: tuple[FoundStory, ...] = ()
    more: bool = False
    words_only: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Clues:
    """What speaks for each of m stories.

    Attributes:
        rows: int64 [m].
        headline: the share of the words that begin words of its headline, float64 [m].
        text: the share of the words that its text has, float64 [m].
        meaning: how near its meaning is, float64 [m], 0..1.
        age_days: float64 [m]; NaN if unknown.
    """

    rows: Rows
    headline: Doubles
    text: Doubles
    meaning: Doubles
    age_days: Doubles

    def at(self, places: Rows) -> "Clues":
        """Some of them, in the given order."""
        return Clues(*(getattr(self, each.name)[places] for each in fields(self)))

    def by(self, place: int) -> FoundBy:
        """How a story was found."""
        if self.headline[place] >= max(self.text[place], 0.5):
            return "headline"
        by_text = self.text[place] >= 0.5 or not self.meaning[place]  # noqa: PLR2004 - a half
        return "text" if by_text else "meaning"


def order_of(clues: Clues) -> Rows:
    """The places of the stories that anything speaks for, the best first.

    A headline with all of the words comes before everything else: who types its words wants it.
    Then count the words of the headline, the meaning, the words of the text, and a little the age.
    """
    fresh = np.exp2(-np.nan_to_num(np.maximum(clues.age_days, 0), nan=np.inf) / 365)
    values = 2.0 * (clues.headline >= 1) + 0.5 * clues.headline + clues.meaning
    values += 0.15 * clues.text + 0.05 * fresh
    has_word = np.maximum(clues.headline, clues.text) >= LEAST_WORDS
    least = LEAST_MEANING if has_word.any() else LEAST_OF_UNKNOWN
    order = np.argsort(-values, kind="stable")
    return order[(has_word | (clues.meaning >= least))[order]]


@console.record
def begin_headlines(setup: BlueprintSetupState) -> None:
    """Give an application its index of headlines."""
    setup.app.extensions[HEADLINES] = HeadlineIndex()


def headlines_of(view: View) -> HeadlineWords:
    """The headlines of a view, as far as they were read."""
    index: HeadlineIndex = current_app.extensions[HEADLINES]
    return index.of(view)


def read_headlines_soon() -> None:
    """Let a thread read the headlines of the archive, so that the first letters find at once."""
    index: HeadlineIndex = current_app.extensions[HEADLINES]
    index.read_soon(state().follower.current().view)


def find_stories(search: StorySearch, now: float) -> Found:
    """The stories that a search finds; `now` is POSIX.

    Raises:
        NotReady: there is nothing yet to search in.
    """
    live = state().follower.current()
    allowed = _allowed(live, search, now)
    # No store can be asked for what has a NUL character.
    text = search.text.replace("\0", " ").strip()[:LONGEST_QUERY]
    words = words_in_query(text)
    named = _rows_named(live.view, text, allowed) if text else []
    words_only = False
    most = search.limit + 1 if search.state is None else SCANNED
    if named:
        ordered: list[tuple[int, FoundBy]] = [(row, "name") for row in named]
    elif not words:
        ordered = [(row, "date") for row in _newest(live.view, allowed, most)]
    else:
        clues, words_only = _clues(live, text, words, allowed, now)
        best = clues.at(order_of(clues)[:most])
        ordered = [(row, best.by(at)) for at, row in enumerate(best.rows.tolist())]
    stories = _in_state(live, ordered, search, now)
    shown = tuple(
        FoundStory(live.view.id_of(row), display, of, mark_words(display.title, words), by)
        for row, by, of in stories[: search.limit]
        for display in [DisplayFields.from_bytes(live.view.display_of(row))]
    )
    return Found(shown, len(stories) > search.limit, words_only)


def _allowed(live: LiveState, search: StorySearch, now: float) -> Mask:
    """The rows that meet the filters; of those by state, what the columns tell: bool [n]."""
    view = live.view
    languages = None if search.language is None else Choice(frozenset({search.language}))
    section = None if search.section is None else Choice(frozenset({search.section}))
    wanted = Filter(languages, section, published_after=search.since, published_before=search.until)
    allowed = view.where(lambda part: matching(part, wanted))
    if search.state == "shown":
        allowed &= view.where(lambda part: visible(part, now))
    if search.state in {"draft", "withheld", "canceled"}:
        allowed &= view.where(lambda part: ~part.columns["published"])
    if search.state in {"waiting", "unreadable"}:
        allowed &= view.where(lambda part: ~part.columns["up_to_date"])
    if search.state in {"scheduled", "embargoed"}:
        allowed &= view.where(lambda part: part.columns["from_time"] > now)
    if search.state == "expired":
        allowed &= view.where(lambda part: part.columns["until_time"] <= now)
    if search.state == "never":
        never = view.where(lambda part: ~part.columns["recommendable"])
        never[rows_of_ids(view, live.overrides.hidden.at(now))] = True
        allowed &= never
    return allowed


def _rows_named(view: View, text: str, allowed: Mask) -> list[int]:
    """The rows whose id, or address, a text is."""
    last = text.rstrip("/").rpartition("/")[2].partition("?")[0]
    by_id = (view.row_of(one) for one in dict.fromkeys((text, last)))
    by_address = headlines_of(view).rows_at(text, len(view))
    found = dict.fromkeys(row for row in chain(by_id, by_address) if row is not None)
    return [row for row in found if allowed[row]]


def _newest(view: View, allowed: Mask, most: int) -> list[int]:
    """The newest rows, those without a date last."""
    rows = np.flatnonzero(allowed)
    times = np.nan_to_num(view.take("published_at", rows), nan=-np.inf)
    if len(rows) > most:
        rows, times = (column[np.argpartition(-times, most)[:most]] for column in (rows, times))
    found: list[int] = rows[np.argsort(-times, kind="stable")].tolist()
    return found


def _clues(
    live: LiveState, text: str, words: tuple[str, ...], allowed: Mask, now: float
) -> tuple[Clues, bool]:
    """What speaks for the stories that are found in any way; and whether by words alone."""
    view = live.view
    shares = headlines_of(view).shares_of(words, len(view))
    in_headline = _with_most_words(view, shares, allowed)
    buckets, numbers = count_tokens(Article(id=ANY_ID, title=text))
    weighed = view.snapshot.lexicon.weigh(buckets, numbers)
    in_text = view.nearest_by_terms(weighed, FETCHED, allowed).rows
    request = _request_for(live, text, in_headline, now)
    near = np.empty(0, np.int64) if request is None else request.candidates(allowed, FETCHED)
    rows = np.unique(np.concatenate([in_headline, in_text, near]))
    meaning = np.zeros(len(rows)) if request is None else request.score(rows).scores.score
    clues = Clues(
        rows=rows,
        headline=shares[rows],
        text=view.holds(buckets, rows) @ (weighed.weights / max(weighed.weights.sum(), 1e-9)),
        meaning=meaning.astype(np.float64),
        age_days=(now - view.take("published_at", rows)) / DAY_SECONDS,
    )
    return clues, request is None


def _with_most_words(view: View, shares: Doubles, allowed: Mask) -> Rows:
    """The allowed rows with the most words in the headline, of equal ones the newest: int64 [m]."""
    rows = np.flatnonzero((shares > 0) & allowed)
    if len(rows) <= FETCHED:
        return rows
    least = np.partition(shares[rows], -FETCHED)[-FETCHED]
    tied = rows[shares[rows] == least]
    if len(tied) > FETCHED:
        times = np.nan_to_num(view.take("published_at", tied), nan=-np.inf)
        tied = tied[np.argpartition(-times, FETCHED)[:FETCHED]]
    return np.concatenate([rows[shares[rows] > least], tied])


def _request_for(live: LiveState, text: str, in_headline: Rows, now: float) -> ListRequest | None:
    """A request that compares stories with what was typed; None if nothing can read it now."""
    article = Article(id=ANY_ID, title=text)
    try:
        with heavy_call(), state().limits.heavy.hold("the drafts"):
            draft = read_draft(state().settings.data.draft_socket, article, READING_SECONDS)
    except (IndexerAway, Busy, Refused):
        return None
    # A few words seldom show their language.
    language = draft.features.language or _usual_language(live.view, in_headline)
    seed = make_outside_seed(live.view, article.model_copy(update={"language": language}), draft)
    return ListRequest(live.view, seed, ANY_LANGUAGE, live.active_policy.policy, now)


def _usual_language(view: View, rows: Rows) -> str | None:
    """The language of most of some rows; without rows, of most of the archive."""
    counted = Counter[str](view.label_of("language", row) for row in rows[:FETCHED].tolist())
    if not counted:
        for part in view.parts:
            numbers = np.bincount(part.columns["language"], minlength=len(part.labels["language"]))
            counted.update(dict(zip(part.labels["language"], numbers.tolist(), strict=False)))
    del counted[UNKNOWN_LANGUAGE]
    return counted.most_common(1)[0][0] if counted else None


def _in_state(
    live: LiveState, ordered: list[tuple[int, FoundBy]], search: StorySearch, now: float
) -> list[tuple[int, FoundBy, StoryState]]:
    """The first stories in the state that is asked for, one more than are shown."""
    rows = np.array([row for row, _ in ordered], np.int64)
    untitled, hidden = live.active_policy.policy.untitled, live.overrides.hidden.at(now)
    states = states_of(live.view, rows, now, untitled=untitled, hidden=hidden)
    found = [(row, by, of) for (row, by), of in zip(ordered, states, strict=True)]
    return [one for one in found if search.state in {None, one[2].name}][: search.limit + 1]
