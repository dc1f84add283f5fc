"""Who may be listed, row by row, against the contract's rules in plain Python."""

from collections.abc import Callable
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
    next_visibility_change,
    visible,
)
from tests.support.documents import TaggedRows, make_document, tagged_rows

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = NOON.timestamp()
SECOND = timedelta(seconds=1)


def article(**fields: Any) -> Article:
    return Article(**{"id": "a", "title": "T"} | fields)


def archive(*articles: Article) -> TaggedRows:
    return tagged_rows(map(make_document, articles))


SHOWN: dict[str, dict[str, Any]] = {
    "plain": {},
    "published a second ago": {"published_at": NOON - SECOND},
    "published now": {"published_at": NOON},
    "embargo ends now": {"embargoed_until": NOON},
    "embargo ended": {"embargoed_until": NOON - SECOND},
    "expires in a second": {"expires_at": NOON + SECOND},
    "shows no list itself": {"no_related": True},
}
HIDDEN: dict[str, dict[str, Any]] = {
    "draft": {"status": "draft"},
    "withheld": {"status": "withheld"},
    "canceled": {"status": "canceled"},
    "embargoed": {"embargoed_until": NOON + SECOND},
    "scheduled": {"published_at": NOON + SECOND},
    "scheduled past its embargo": {
        "published_at": NOON + SECOND,
        "embargoed_until": NOON - SECOND,
    },
    "embargoed past its hour": {"published_at": NOON - SECOND, "embargoed_until": NOON + SECOND},
    "expires now": {"expires_at": NOON},
    "expired": {"expires_at": NOON - SECOND},
}
UNLISTED: dict[str, dict[str, Any]] = {
    "never recommended": {"never_recommend": True},
    "untitled": {"title": "", "body": "B"},
    "blank title": {"title": " \n", "body": "B"},
}


@pytest.mark.parametrize("fields", SHOWN.values(), ids=SHOWN)
def test_what_readers_may_see_may_be_listed(fields: dict[str, Any]) -> None:
    rows = archive(article(**fields))
    assert (visible(rows, NOW).tolist(), eligible(rows, NOW).tolist()) == ([True], [True])


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN)
def test_what_readers_may_not_see_is_never_listed(fields: dict[str, Any]) -> None:
    rows = archive(article(**fields))
    assert visible(rows, NOW).tolist() == [False]
    assert eligible(rows, NOW, untitled=True).tolist() == [False]


@pytest.mark.parametrize("fields", UNLISTED.values(), ids=UNLISTED)
def test_some_of_what_readers_may_see_is_not_listed(fields: dict[str, Any]) -> None:
    rows = archive(article(**fields))
    assert (visible(rows, NOW).tolist(), eligible(rows, NOW).tolist()) == ([True], [False])


def test_an_untitled_article_is_listed_where_that_is_allowed() -> None:
    rows = archive(article(title="", body="B"), article(title="", body="B", never_recommend=True))
    assert eligible(rows, NOW, untitled=True).tolist() == [True, False]


def test_what_was_not_read_is_on_show_but_in_no_list() -> None:
    unread = IndexedDocument(article(), None, 0, up_to_date=False)
    rows = tagged_rows([unread, make_document(article(), up_to_date=False)])
    assert visible(rows, NOW).tolist() == [True, True]
    assert eligible(rows, NOW).tolist() == [False, True]


@pytest.mark.parametrize("fields", [*SHOWN.values(), *HIDDEN.values()])
def test_one_article_is_on_show_by_the_same_rule_as_a_table(fields: dict[str, Any]) -> None:
    one = article(**fields)
    assert is_visible(one, NOW) == visible(archive(one), NOW)[0]


def test_some_rows_alone_may_be_asked_for() -> None:
    rows = archive(article(), article(status="draft"), article())
    assert visible(rows, NOW, slice(1, 3)).tolist() == [False, True]


def test_the_next_turn_is_the_nearest_bound_ahead() -> None:
    rows = archive(
        article(embargoed_until=NOON + 3 * SECOND),
        article(expires_at=NOON + 2 * SECOND),
        article(published_at=NOON - SECOND, expires_at=NOON),
    )
    assert [next_visibility_change([rows], NOW + at) for at in (-2, -1, 0, 1.5, 2, 3)] == [
        *(NOW - 1, NOW, NOW + 2, NOW + 2, NOW + 3, np.inf)
    ]
    assert next_visibility_change([archive()], NOW) == np.inf


def test_asking_changes_no_column() -> None:
    rows = archive(article(), article(never_recommend=True, title="", body="B"))
    eligible(rows, NOW)
    matching(rows, Filter(languages=frozenset(), section="x", tag="y", published_after=NOW))
    assert rows.columns["published"].tolist() == [True, True]


def test_an_empty_archive_lists_nothing() -> None:
    rows = archive()
    wanted = Filter(frozenset({"en"}), "city", "port", NOW, NOW)
    assert visible(rows, NOW).tolist() == []
    assert eligible(rows, NOW).tolist() == []
    assert matching(rows, wanted).tolist() == []


TABLE = archive(
    article(language="en", section="city", tags=("port", "trade"), published_at=NOON),
    article(language="ru", section="city", tags=("port",), published_at=NOON - SECOND),
    article(language=None, section=None, tags=(), published_at=None),
    article(language="en", section="City", tags=("portal", "Port"), published_at=NOON + SECOND),
)
QUESTIONS: list[tuple[Filter, list[int]]] = [
    (Filter(), [0, 1, 2, 3]),
    (Filter(languages=frozenset({"en"})), [0, 3]),
    (Filter(languages=frozenset({"en", "ru"})), [0, 1, 3]),
    (Filter(languages=frozenset({"und"})), [2]),
    (Filter(languages=frozenset({"fa"})), []),
    (Filter(languages=frozenset()), []),
    (Filter(section="city"), [0, 1]),
    (Filter(section="cit"), []),
    (Filter(section=""), [2]),
    (Filter(tag="port"), [0, 1]),
    (Filter(tag="trade"), [0]),
    (Filter(tag="Port"), [3]),
    (Filter(tag="port\x00trade"), []),
    (Filter(published_after=NOW), [0, 3]),
    (Filter(published_before=NOW), [1]),
    (Filter(published_after=NOW - 1, published_before=NOW + 1), [0, 1]),
    (Filter(published_after=-np.inf), [0, 1, 3]),
    (Filter(published_before=np.inf), [0, 1, 3]),
    (Filter(frozenset({"en"}), "city", "port", NOW, NOW + 1), [0]),
    (Filter(frozenset({"ru"}), "City"), []),
]


@pytest.mark.parametrize(("wanted", "rows"), QUESTIONS)
def test_filters_keep_the_rows_that_meet_them_all(wanted: Filter, rows: list[int]) -> None:
    assert np.flatnonzero(matching(TABLE, wanted)).tolist() == rows


MOMENTS = st.none() | st.integers(-2, 2).map(lambda steps: NOON + steps * SECOND)
ARTICLES = st.builds(
    article,
    title=st.sampled_from(["T", "", " "]),
    body=st.just("B"),
    status=st.sampled_from(["published", "published", "draft", "withheld", "canceled"]),
    published_at=MOMENTS,
    embargoed_until=MOMENTS,
    expires_at=MOMENTS,
    never_recommend=st.booleans(),
    no_related=st.booleans(),
    language=st.sampled_from(["en", "ru", None]),
    section=st.sampled_from(["city", "arts", None]),
    tags=st.lists(st.sampled_from(["port", "trade", "por"]), max_size=3).map(tuple),
)


def may_be_listed(one: Article, now: datetime, *, untitled: bool) -> bool:
    """The contract's rules, one sentence each."""
    rules: list[Callable[[], bool]] = [
        lambda: one.status == "published",
        lambda: one.embargoed_until is None or one.embargoed_until <= now,
        lambda: one.published_at is None or one.published_at <= now,
        lambda: one.expires_at is None or now < one.expires_at,
        lambda: not one.never_recommend,
        lambda: untitled or bool(one.title.strip()),
    ]
    return all(rule() for rule in rules)


@given(st.lists(ARTICLES, max_size=12), st.integers(-2, 2), st.booleans())
def test_eligible_agrees_with_the_contract_row_by_row(
    articles: list[Article],
    offset: int,
    untitled: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    now = NOON + offset * SECOND
    found = eligible(archive(*articles), now.timestamp(), untitled=untitled)
    assert found.tolist() == [may_be_listed(one, now, untitled=untitled) for one in articles]


WANTED = st.builds(
    Filter,
    languages=st.none() | st.frozensets(st.sampled_from(["en", "ru", "und", "fa"]), max_size=3),
    section=st.none() | st.sampled_from(["city", "arts", "farm"]),
    tag=st.none() | st.sampled_from(["port", "trade", "tr"]),
    published_after=st.none() | st.integers(-2, 2).map(lambda step: NOW + step),
    published_before=st.none() | st.integers(-2, 2).map(lambda step: NOW + step),
)


def meets(one: Article, wanted: Filter) -> bool:
    """The filters, one sentence each."""
    at = None if one.published_at is None else one.published_at.timestamp()
    languages, after, before = wanted.languages, wanted.published_after, wanted.published_before
    return all(
        [
            languages is None or (one.language or "und") in languages,
            wanted.section is None or one.section == wanted.section,
            wanted.tag is None or wanted.tag in one.tags,
            after is None or (at is not None and at >= after),
            before is None or (at is not None and at < before),
        ]
    )


@given(st.lists(ARTICLES, max_size=12), WANTED)
def test_matching_agrees_with_the_filters_row_by_row(
    articles: list[Article], wanted: Filter
) -> None:
    found = matching(archive(*articles), wanted)
    assert found.tolist() == [meets(one, wanted) for one in articles]


EVERYTHING = slice(None)


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


def test_what_was_not_read_breaks_that_rule_first() -> None:
    unread = IndexedDocument(article(status="draft"), None, 0, up_to_date=False)
    assert broken_rules(tagged_rows([unread]), EVERYTHING, NOW, Filter()) == ["unread"]


@given(st.lists(ARTICLES, max_size=12), WANTED, st.integers(-2, 2), st.booleans())
def test_rows_that_break_no_rule_are_those_that_are_eligible_and_matching(
    articles: list[Article],
    wanted: Filter,
    offset: int,
    untitled: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    rows, now = archive(*articles), NOW + offset
    broken = broken_rules(rows, EVERYTHING, now, wanted, untitled=untitled)
    kept = eligible(rows, now, untitled=untitled) & matching(rows, wanted)
    assert [rule is None for rule in broken] == kept.tolist()
    assert set(broken) <= {None, *RULES}
    backwards = np.arange(len(articles))[::-1]
    assert broken_rules(rows, backwards, now, wanted, untitled=untitled) == broken[::-1]
