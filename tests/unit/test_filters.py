"""Eligibility, row by row, against the contract's rules in plain Python."""

import random
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import DeltaWriter, View
from index.arrays import RowCache, make_row_cache
from recommender.analysis.embedding import Model
from recommender.api import RULES, AttributeChoice, Choice, ListOptions, NumberRange
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.ranking.conditions import (
    MOST_RANGES,
    condition_of,
    eligibility,
    search_condition_of,
)
from recommender.ranking.filters import (
    Filter,
    broken_rules,
    computed,
    eligible,
    is_visible,
    listable,
    matching,
    pinnable,
    visible,
)
from tests.support.documents import TaggedRows, make_document, publish, tagged_rows
from tests.support.properties import examples
from tests.support.searched_indexes import row_meets

MODEL = Model("plain", Path(), "plain-1", languages=None)
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
    article(
        language="en",
        section="city",
        tags=("port", "trade"),
        authors=("Anna", "Ben"),
        published_at=NOON,
        attributes={"price": 10, "city": ("Osh", "Guiyang"), "free": True},
    ),
    article(
        language="ru",
        section="city",
        tags=("port",),
        published_at=NOON - SECOND,
        attributes={"price": "10", "city": "osh", "free": "true"},
    ),
    article(language=None, section=None, tags=(), published_at=None),
    article(
        language="en",
        section="City",
        tags=("portal", "Port"),
        authors=("Ben",),
        published_at=NOON + SECOND,
        attributes={"price": (-2.5, 20, "12.0"), "free": False, "city": ()},
    ),
)


def attributes(**conditions: AttributeChoice) -> Filter:
    return Filter(attributes=conditions)


def one_of(*values: str | NumberRange) -> AttributeChoice:
    return AttributeChoice(frozenset(values))


def none_of(*values: str | NumberRange) -> AttributeChoice:
    return AttributeChoice(None, frozenset(values))


def choice(*values: str) -> Choice:
    """The choice of some values; one with a minus is excluded."""
    any_of = frozenset(value for value in values if not value.startswith("-"))
    return Choice(any_of or None, frozenset(one[1:] for one in values if one.startswith("-")))


QUESTIONS: list[tuple[Filter, list[int]]] = [
    (Filter(languages=choice("und")), [2]),
    (Filter(languages=Choice(frozenset())), []),
    (Filter(languages=Choice()), [0, 1, 2, 3]),
    (Filter(languages=choice("-und", "-ru")), [0, 3]),
    (Filter(section=choice("cit")), []),
    (Filter(section=choice("")), [2]),
    (Filter(section=choice("City")), [3]),
    (Filter(section=choice("City", "city")), [0, 1, 3]),
    (Filter(section=choice("-city")), [2, 3]),
    (Filter(section=choice("-farm")), [0, 1, 2, 3]),
    (Filter(section=choice("city", "-city")), []),
    (Filter(tag=choice("port")), [0, 1]),
    (Filter(tag=choice("Port")), [3]),
    (Filter(tag=choice("port\x00trade")), []),
    (Filter(tag=choice("trade", "Port")), [0, 3]),
    (Filter(tag=choice("port", "-trade")), [1]),
    (Filter(tag=choice("-port")), [2, 3]),
    (Filter(author=choice("Anna")), [0]),
    (Filter(author=choice("-Anna")), [1, 2, 3]),
    (Filter(author=choice("port", "Ben")), [0, 3]),
    (attributes(price=one_of("10")), [0, 1]),
    (attributes(price=one_of("10.0")), [0, 1]),
    (attributes(price=one_of("12", "-2.50")), [3]),
    (attributes(price=one_of("12.0")), [3]),
    (attributes(price=none_of("10")), [2, 3]),
    (attributes(price=one_of(NumberRange(10, 20))), [0, 3]),
    (attributes(price=one_of(NumberRange(-np.inf, 9.5))), [3]),
    (attributes(price=one_of(NumberRange(12, 19))), []),
    (attributes(price=none_of(NumberRange(0, np.inf))), [1, 2]),
    (attributes(city=one_of("Osh", "osh")), [0, 1]),
    (attributes(city=one_of("Osh=")), []),
    (attributes(free=one_of("true")), [0, 1]),
    (attributes(free=one_of("false")), [3]),
    (attributes(free=one_of("1")), []),
    (attributes(fre=one_of("true")), []),
    (attributes(free=one_of("true"), price=none_of(NumberRange(10, 10))), [1]),
    (Filter(published_after=-np.inf), [0, 1, 3]),
    (Filter(published_before=np.inf), [0, 1, 3]),
    (Filter(published_after=NOW, published_before=NOW + 1), [0]),
    (Filter(newer_than=NOW), [0, 3]),
    (Filter(older_than=NOW), [1]),
]


@pytest.mark.parametrize(("wanted", "rows"), QUESTIONS)
def test_labels_are_compared_whole_and_unknown_values_meet_no_bound(
    wanted: Filter, rows: list[int]
) -> None:
    assert np.flatnonzero(matching(TABLE, wanted)).tolist() == rows


@pytest.mark.parametrize(("wanted", "rows"), QUESTIONS)
def test_a_filter_is_the_same_as_a_condition(wanted: Filter, rows: list[int]) -> None:
    condition = condition_of(wanted)
    assert [at for at in range(4) if row_meets(TABLE.rows, at, condition)] == rows


@pytest.mark.parametrize(("wanted", "rows"), QUESTIONS)
def test_a_search_looks_among_all_that_meet_a_filter_and_names_few_ranges(
    wanted: Filter, rows: list[int]
) -> None:
    """With few ranges it looks among these alone."""
    found = search_condition_of(wanted)
    assert found == condition_of(wanted)
    far = frozenset(NumberRange(1e6 + place, 1e6 + place) for place in range(MOST_RANGES + 1))
    attributes = {
        name: AttributeChoice(one.any_of and one.any_of | far, one.none_of | far)
        for name, one in wanted.attributes.items()
    }
    wider = search_condition_of(replace(wanted, attributes=attributes))
    assert {*rows} <= {at for at in range(4) if row_meets(TABLE.rows, at, wider)}
    if attributes:
        assert repr(wider).count("Between(") == 0


@pytest.mark.parametrize("untitled", [False, True])
def test_eligibility_is_the_same_as_a_condition(untitled: bool) -> None:  # noqa: FBT001 - a case
    later, earlier = NOON + SECOND, NOON - SECOND
    table = archive(
        *(article(published_at=when) for when in (None, earlier, NOON, later)),
        *(article(expires_at=when) for when in (earlier, NOON, later)),
        *(article(embargoed_until=when) for when in (earlier, NOON, later)),
        *(article(status=one) for one in ("draft", "withheld", "canceled")),
        *(article(title=title, body="words") for title in ("", "  ")),
        article(never_recommend=True),
    )
    condition = eligibility(NOW, untitled=untitled)
    found = [row_meets(table.rows, at, condition) for at in range(len(table.rows))]
    assert found == eligible(table, NOW, untitled=untitled).tolist()
    assert 0 < sum(found) < len(found)


@dataclass(frozen=True)
class CachingRows:
    """Columns that remember what is computed of all rows, as those of a snapshot do."""

    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]
    computed: RowCache | None


@pytest.mark.parametrize("untitled", [False, True])
def test_the_rows_on_show_are_at_every_moment_what_is_computed_anew(
    untitled: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    times = [NOW - 1, NOW, NOW + 1, NOW + 86_400, np.inf, -np.inf]
    pairs = [(begin, end) for begin in times for end in times]
    every = np.ones(len(pairs), np.bool_)
    columns: dict[str, NDArray[Any]] = dict.fromkeys(
        ("published", "read", "recommendable", "titled"), every
    )
    columns["from_time"], columns["until_time"] = np.array(pairs).T
    caching = CachingRows(columns, {}, make_row_cache())
    for now in [NOW + step for step in (0, -1, -2, 0.5, 1, 86_399, 86_400, 86_401, 0)]:
        anew = eligible(CachingRows(columns, {}, None), now, untitled=untitled)
        assert eligible(caching, now, untitled=untitled).tolist() == anew.tolist()


@given(
    times=st.lists(
        st.tuples(*[st.integers(-2, 2)] * 2, st.booleans(), st.booleans(), st.integers(0, 1)),
        min_size=1,
        max_size=6,
    ),
    asked=st.lists(st.tuples(st.integers(-2, 2), st.booleans(), st.integers(0, 1)), max_size=12),
)
@example(times=[(-1, 1, True, False, 0)], asked=[(0, False, 0), (0, True, 0)])
def test_the_rows_that_a_list_may_hold_are_what_is_computed_anew(
    times: list[tuple[int, int, bool, bool, int]], asked: list[tuple[int, bool, int]]
) -> None:
    begins, ends, published, titled, languages = map(np.array, zip(*times, strict=True))
    every = np.ones(len(times), np.bool_)
    columns = {
        "from_time": begins.astype(float),
        "until_time": ends.astype(float),
        "published_at": begins.astype(float),
        "published": published,
        "titled": titled,
        "read": every,
        "recommendable": every,
        "language": languages.astype(np.int32),
    }
    labels: Any = {"language": ["en", "ru", "tg"]}
    rows_of: Any = CachingRows  # a filter by language reads no keywords
    caching, plain = (rows_of(columns, labels, one) for one in (make_row_cache(), None))
    for now, untitled, language in asked:
        wanted = Filter.of(ListOptions(), labels["language"][language], 0.0, 0.0)
        assert wanted.is_usual
        rows = listable(caching, now, wanted, untitled=untitled)
        anew = eligible(plain, now, untitled=untitled) & matching(plain, wanted)
        assert rows.tolist() == anew.tolist()


def test_what_is_computed_of_all_rows_stays_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.arrays.MOST_COMPUTED", 2)
    cache, made = make_row_cache(), list[int]()

    def find(number: int) -> list[bool]:
        def make() -> NDArray[np.bool_]:
            made.append(number)
            return np.full(10, number % 2 == 0)

        rows = computed(CachingRows({}, {}, cache), number, make)
        assert not rows.flags.writeable
        found: list[bool] = rows.tolist()
        return found

    for number in (1, 2, 1, 3, 1, 2):
        assert find(number) == [number % 2 == 0] * 10
    assert made == [1, 2, 3, 2]  # 2 was asked for longest ago when 3 came


def test_a_cache_keeps_nothing_that_an_array_was_made_from() -> None:
    """Else a snapshot that has gone would stay mapped until the garbage is collected."""
    rows = CachingRows({}, {}, make_row_cache())
    computed(rows, "all", partial(lambda one: np.zeros(len(one.columns)), rows))
    gone = weakref.ref(rows)
    del rows
    assert gone() is None


def test_names_that_no_row_has_fill_no_cache() -> None:
    cache = make_row_cache()
    dates, sections = np.zeros(3), np.array([0, 1, 1])
    columns = {"section": sections, "published": dates == 0, "published_at": dates}
    rows: Any = CachingRows(columns, {"section": ["city", "arts"]}, cache)
    for number in range(10):
        names = frozenset({f"made-up-{number}", "arts"})
        wanted = Filter(section=Choice(names, frozenset({f"none-{number}"})))
        assert matching(rows, wanted).tolist() == [False, True, True]
    assert cache.cache_info().currsize == 1  # type: ignore[attr-defined]  # it is an lru_cache


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly values that break no rule; otherwise hardly any article would be eligible."""
    return st.sampled_from([usual] * 2 * len(others) + [*others])


VALUES = st.sampled_from([True, False, -1, 0, 1, 1.5, "1", "true", "x"])
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
    authors=st.lists(st.sampled_from(["Anna", "Ben"]), max_size=2).map(tuple),
    attributes=st.dictionaries(
        st.sampled_from(["a", "b"]), VALUES | st.lists(VALUES, max_size=2).map(tuple), max_size=2
    ),
)


DOCUMENTS = st.lists(
    st.builds(
        lambda one, is_read: make_document(one) if is_read else unread(one),
        ARTICLES,
        st.sampled_from([True, True, True, False]),
    ),
    max_size=12,
)
BOUNDS = st.none() | st.none() | st.integers(-2, 2).map(lambda step: NOW + step)


def choices(*names: str) -> st.SearchStrategy[Choice | None]:
    """Any condition on some values."""
    some = st.frozensets(st.sampled_from(names), max_size=3)
    return st.none() | st.builds(Choice, st.none() | some, st.just(frozenset()) | some)


RANGES = st.builds(NumberRange, st.sampled_from([-np.inf, 0, 1]), st.sampled_from([1, 1.5, np.inf]))
SOME = st.frozensets(st.sampled_from(["1", "1.0", "true", "x", "-1"]) | RANGES, max_size=3)
CONDITIONS = st.builds(AttributeChoice, st.none() | SOME, st.just(frozenset()) | SOME)
WANTED = st.builds(
    Filter,
    languages=choices("en", "ru", "und", "fa"),
    section=choices("city", "arts", "farm"),
    tag=choices("port", "trade", "tr"),
    author=choices("Anna", "anna", "port"),
    attributes=st.just({})
    | st.dictionaries(st.sampled_from(["a", "b", "c"]), CONDITIONS, max_size=2),
    published_after=BOUNDS,
    published_before=BOUNDS,
    newer_than=BOUNDS,
    older_than=BOUNDS,
)


def unread(one: Article) -> IndexedDocument:
    return IndexedDocument(one, None, 0, up_to_date=False)


def rules_kept(
    document: IndexedDocument, wanted: Filter, now: datetime, *, untitled: bool
) -> dict[str, bool]:
    """The contract's rules in order, and whether the article keeps each."""
    one = document.article
    at = None if one.published_at is None else one.published_at.timestamp()
    return {
        "unread": document.features is not None,
        "not_published": one.status == "published",
        "embargoed": all(t is None or t <= now for t in (one.embargoed_until, one.published_at)),
        "expired": one.expires_at is None or now < one.expires_at,
        "never_recommend": not one.never_recommend,
        "untitled": untitled or bool(one.title.strip()),
        "language": meets(wanted.languages, one.language or "und"),
        "section": meets(wanted.section, one.section or ""),
        "tag": meets(wanted.tag, *one.tags),
        "author": meets(wanted.author, *one.authors),
        "attribute": all(
            meets_attribute(choice, one.attributes.get(name, ()))
            for name, choice in wanted.attributes.items()
        ),
        "published": is_between(at, wanted.published_after, wanted.published_before),
        "max_age": is_between(at, wanted.newer_than, None),
        "not_older": is_between(at, None, wanted.older_than),
    }


def meets(condition: Choice | None, *values: str) -> bool:
    if condition is None:
        return True
    wanted = condition.any_of is None or any(value in condition.any_of for value in values)
    return wanted and not any(value in condition.none_of for value in values)


def meets_attribute(choice: AttributeChoice, value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    wanted = choice.any_of is None or any(stands_for(w, v) for w in choice.any_of for v in values)
    return wanted and not any(stands_for(w, v) for w in choice.none_of for v in values)


def stands_for(wanted: str | NumberRange, value: object) -> bool:
    """Whether a value of a filter stands for one of an article, as docs/http-api.md says."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(wanted, NumberRange):
        return is_number and wanted.least <= float(str(value)) <= wanted.most
    if is_number:
        return wanted in {"1", "1.0", "-1"} and float(wanted) == value
    text = str(value).lower() if isinstance(value, bool) else value
    return wanted == text or (wanted, text) == ("1.0", "1")


def is_between(at: float | None, after: float | None, before: float | None) -> bool:
    if after is None and before is None:
        return True
    return at is not None and (after or -np.inf) <= at < (before or np.inf)


VISIBILITY = ("not_published", "embargoed", "expired")
ELIGIBILITY = ("unread", *VISIBILITY, "never_recommend", "untitled")
FILTERS = ("language", "section", "tag", "author", "attribute", "published", "max_age", "not_older")


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


@dataclass(frozen=True)
class Archive:
    """A view with a snapshot and changes over it, and its present articles by id."""

    view: View
    documents: Mapping[str, IndexedDocument]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Archive]:
    """Three of some forty articles, a third of which changed and a tenth of which are gone."""
    found = []
    for seed in range(3):
        draw = random.Random(seed)  # noqa: S311 - articles, not secrets
        before = {f"a{n:02}": drawn_document(draw, f"a{n:02}") for n in range(40)}
        changed = {f"a{n:02}": drawn_document(draw, f"a{n:02}") for n in range(0, 50, 3)}
        gone = {f"a{n:02}" for n in range(1, 40, 9)} - changed.keys()
        snapshot = publish(tmp_path_factory.mktemp("filters"), before.values(), MODEL)
        writer = DeltaWriter(View.of(snapshot))
        rows = build_rows([changed[one] for one in sorted(changed)], MODEL, dim=2)
        view = writer.apply(rows, gone)
        documents = {one: doc for one, doc in (before | changed).items() if one not in gone}
        found.append(Archive(view, documents))
    return found


def drawn_document(draw: random.Random, article_id: str) -> IndexedDocument:
    values: list[Any] = [True, False, -1, 0, 1, 1.5, "1", "true", "x", (1, "x"), None]
    drawn = {name: draw.choice(values) for name in "ab"}
    fields = {
        "language": draw.choice(["en", "ru", None]),
        "section": draw.choice(["city", "arts", None]),
        "tags": tuple(draw.sample(["port", "trade", "por"], draw.randrange(3))),
        "authors": tuple(draw.sample(["Anna", "Ben"], draw.randrange(3))),
        "published_at": draw.choice([None, *(NOON + steps * SECOND for steps in range(-2, 3))]),
        "attributes": {name: value for name, value in drawn.items() if value is not None},
    }
    return make_document(article(id=article_id, **fields))


@examples(300)
@given(st.integers(0, 2), WANTED)
def test_a_filter_over_a_snapshot_and_changes_finds_what_each_article_says(
    archives: list[Archive], number: int, wanted: Filter
) -> None:
    """By brute force over the articles, for any combination of conditions."""
    view, documents = archives[number].view, archives[number].documents
    rows = np.flatnonzero(view.where(lambda part: matching(part, wanted))).tolist()
    found = [view.id_of(row) for row in rows]
    assert sorted(found) == [
        one
        for one, document in sorted(documents.items())
        if all(rules_kept(document, wanted, NOON, untitled=True)[name] for name in FILTERS)
    ]


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
        ({"tags": ("portal",), "authors": ()}, "tag"),
        ({"authors": ("Ben",), "attributes": {}}, "author"),
        ({"attributes": {"price": 11}, "published_at": None}, "attribute"),
        ({"published_at": NOON - 5 * SECOND}, "published"),
        ({"published_at": None}, "published"),
        ({"published_at": NOON - 3 * SECOND}, "max_age"),
        ({"published_at": NOON}, "not_older"),
    ],
)
def test_a_broken_rule_is_named_and_of_several_the_first(
    fields: dict[str, Any], rule: str | None
) -> None:
    good = {
        "language": "en",
        "section": "city",
        "tags": ("port",),
        "authors": ("Anna",),
        "attributes": {"price": 10},
        "published_at": NOON - SECOND,
    }
    wanted = Filter(
        choice("en"),
        choice("city"),
        choice("port"),
        choice("Anna"),
        {"price": one_of("10")},
        published_after=NOW - 4,
        newer_than=NOW - 2,
        older_than=NOW,
    )
    rows = archive(article(**good), article(**good | fields))
    assert broken_rules(rows, EVERYTHING, NOW, wanted) == [None, rule]
    assert broken_rules(rows, np.array([1, 0, 1]), NOW, wanted) == [rule, None, rule]
