"""Eligibility, row by row, against the contract's rules in plain Python."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.api import RULES
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument
from recommender.ranking.filters import (
    Filter,
    broken_rules,
    eligible,
    is_visible,
    matching,
    pinnable,
    visible,
)
from tests.support.documents import TaggedRows, make_document, tagged_rows
from tests.support.properties import examples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = NOON.timestamp()
EVERYTHING = slice(None)
SECOND = timedelta(seconds=1)


def article(**fields: Any) -> Article:
    return Article(**{"id": "a", "title": "T"} | fields)


def archive(*articles: Article) -> TaggedRows:
    return tagged_rows(map(make_document, articles))


def test_a_filter_may_judge_selected_rows_only() -> None:
    rows = archive(article(), article(status="draft"), article())
    assert visible(rows, NOW, slice(1, 3)).tolist() == [False, True]


TABLE = archive(
    article(language="en", section="city", tags=("port", "trade"), published_at=NOON),
    article(language="ru", section="city", tags=("port",), published_at=NOON - SECOND),
    article(language=None, section=None, tags=(), published_at=None),
    article(language="en", section="City", tags=("portal", "Port"), published_at=NOON + SECOND),
)
QUESTIONS: list[tuple[Filter, list[int]]] = [
    (Filter(languages=frozenset({"und"})), [2]),
    (Filter(languages=frozenset()), []),
    (Filter(section="cit"), []),
    (Filter(section=""), [2]),
    (Filter(section="City"), [3]),
    (Filter(tag="port"), [0, 1]),
    (Filter(tag="Port"), [3]),
    (Filter(tag="port\x00trade"), []),
    (Filter(published_after=-np.inf), [0, 1, 3]),
    (Filter(published_before=np.inf), [0, 1, 3]),
]


@pytest.mark.parametrize(("wanted", "rows"), QUESTIONS)
def test_labels_are_compared_whole_and_unknown_values_meet_no_bound(
    wanted: Filter, rows: list[int]
) -> None:
    assert np.flatnonzero(matching(TABLE, wanted)).tolist() == rows


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly values that break no rule; otherwise hardly any article would be eligible."""
    return st.sampled_from([usual] * 2 * len(others) + [*others])


MOMENTS = mostly(None, *(NOON + steps * SECOND for steps in range(-2, 3)))
ARTICLES = st.builds(
    article,
    title=mostly("T", "", " "),
    body=st.just("B"),
    status=mostly("published", "draft", "withheld", "canceled"),
    published_at=MOMENTS,
    embargoed_until=MOMENTS,
    expires_at=MOMENTS,
    never_recommend=st.sampled_from([False, False, True]),
    no_related=st.booleans(),
    language=st.sampled_from(["en", "ru", None]),
    section=st.sampled_from(["city", "arts", None]),
    tags=st.lists(st.sampled_from(["port", "trade", "por"]), max_size=3).map(tuple),
)


DOCUMENTS = st.lists(
    st.builds(
        lambda one, is_read: make_document(one) if is_read else unread(one),
        ARTICLES,
        st.sampled_from([True, True, True, False]),
    ),
    max_size=12,
)
WANTED = st.builds(
    Filter,
    languages=st.none() | st.frozensets(st.sampled_from(["en", "ru", "und", "fa"]), max_size=3),
    section=st.none() | st.sampled_from(["city", "arts", "farm"]),
    tag=st.none() | st.sampled_from(["port", "trade", "tr"]),
    published_after=st.none() | st.integers(-2, 2).map(lambda step: NOW + step),
    published_before=st.none() | st.integers(-2, 2).map(lambda step: NOW + step),
)


def unread(one: Article) -> IndexedDocument:
    return IndexedDocument(one, None, 0, up_to_date=False)


def rules_kept(
    document: IndexedDocument, wanted: Filter, now: datetime, *, untitled: bool
) -> dict[str, bool]:
    """The contract's rules in order, and whether the article keeps each."""
    one = document.article
    at = None if one.published_at is None else one.published_at.timestamp()
    after, before = wanted.published_after, wanted.published_before
    return {
        "unread": document.features is not None,
        "not_published": one.status == "published",
        "embargoed": all(t is None or t <= now for t in (one.embargoed_until, one.published_at)),
        "expired": one.expires_at is None or now < one.expires_at,
        "never_recommend": not one.never_recommend,
        "untitled": untitled or bool(one.title.strip()),
        "language": wanted.languages is None or (one.language or "und") in wanted.languages,
        "section": wanted.section is None or one.section == wanted.section,
        "tag": wanted.tag is None or wanted.tag in one.tags,
        "max_age": after is None or (at is not None and at >= after),
        "not_older": before is None or (at is not None and at < before),
    }


VISIBILITY = ("not_published", "embargoed", "expired")
ELIGIBILITY = ("unread", *VISIBILITY, "never_recommend", "untitled")
FILTERS = ("language", "section", "tag", "max_age", "not_older")


@examples(250)
@given(DOCUMENTS, WANTED, st.integers(-2, 2), st.booleans())
def test_rows_are_judged_by_the_rules_of_the_contract(
    documents: list[IndexedDocument],
    wanted: Filter,
    offset: int,
    untitled: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    rows, now = tagged_rows(documents), NOON + offset * SECOND
    rules = [rules_kept(one, wanted, now, untitled=untitled) for one in documents]

    def keeping(*names: str) -> list[bool]:
        return [all(row[name] for name in names) for row in rules]

    at = now.timestamp()
    assert visible(rows, at).tolist() == keeping(*VISIBILITY)
    assert [is_visible(one.article, at) for one in documents] == keeping(*VISIBILITY)
    assert eligible(rows, at, untitled=untitled).tolist() == keeping(*ELIGIBILITY)
    assert pinnable(rows, at, untitled=untitled).tolist() == keeping(*ELIGIBILITY[1:])
    assert matching(rows, wanted).tolist() == keeping(*FILTERS)
    first_broken = [next((name for name in row if not row[name]), None) for row in rules]
    assert broken_rules(rows, EVERYTHING, at, wanted, untitled=untitled) == first_broken
    backwards = np.arange(len(documents))[::-1]
    assert broken_rules(rows, backwards, at, wanted, untitled=untitled) == first_broken[::-1]
    assert set(first_broken) <= {None, *RULES}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, None),
        ({"status": "withheld"}, "not_published"),
        ({"status": "draft", "embargoed_until": NOON + SECOND}, "not_published"),
        ({"embargoed_until": NOON + SECOND, "never_recommend": True}, "embargoed"),
        ({"published_at": NOON + SECOND}, "embargoed"),
        ({"expires_at": NOON, "title": "", "body": "B"}, "expired"),
        ({"never_recommend": True, "title": "", "body": "B"}, "never_recommend"),
        ({"title": " ", "body": "B", "language": "ru"}, "untitled"),
        ({"language": "ru", "section": "arts"}, "language"),
        ({"section": "arts", "tags": ()}, "section"),
        ({"tags": ("portal",), "published_at": None}, "tag"),
        ({"published_at": NOON - 3 * SECOND}, "max_age"),
        ({"published_at": None}, "max_age"),
        ({"published_at": NOON}, "not_older"),
    ],
)
def test_a_broken_rule_is_named_and_of_several_the_first(
    fields: dict[str, Any], rule: str | None
) -> None:
    good = {"language": "en", "section": "city", "tags": ("port",), "published_at": NOON - SECOND}
    wanted = Filter(frozenset({"en"}), "city", "port", NOW - 2, NOW)
    rows = archive(article(**good), article(**good | fields))
    assert broken_rules(rows, EVERYTHING, NOW, wanted) == [None, rule]
    assert broken_rules(rows, np.array([1, 0, 1]), NOW, wanted) == [rule, None, rule]
