"""The columns of a snapshot, worked by hand from articles."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article, parse_outline
from recommender.ranking.attributes import (
    TAG_SEPARATOR,
    UNKNOWN_LANGUAGE,
    Facts,
    describe,
    describe_standing,
    number_of,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_SECONDS = 1_772_366_400.0
HOUR = timedelta(hours=1)


def facts(
    known: str | None = "en", *, embedded: bool = True, mark: int = 0, **fields: Any
) -> Facts:
    article = Article(**{"id": "a", "title": "T"} | fields)
    return Facts(article, known, embedded, np.full(MINHASH_SIZE, mark, np.uint16))


def column(name: str, *rows: Facts) -> list[Any]:
    values: list[Any] = describe(rows).columns[name].tolist()
    return values


def test_every_column_has_its_type_and_its_rows() -> None:
    columns = describe([facts(), facts(id="b")]).columns
    assert {name: (str(values.dtype), values.shape) for name, values in columns.items()} == {
        "published_at": ("float64", (2,)),
        "revised_at": ("float64", (2,)),
        "from_time": ("float64", (2,)),
        "until_time": ("float64", (2,)),
        "published": ("bool", (2,)),
        "recommendable": ("bool", (2,)),
        "titled": ("bool", (2,)),
        "lists": ("bool", (2,)),
        "embedded": ("bool", (2,)),
        "fluent": ("bool", (2,)),
        "own": ("int64", (2,)),
        "tells": ("int64", (2,)),
        "author": ("int64", (2,)),
        "host": ("int64", (2,)),
        "change": ("int64", (2,)),
        "read": ("bool", (2,)),
        "settled": ("bool", (2,)),
        "signature": ("uint16", (2, MINHASH_SIZE)),
        "language": ("int32", (2,)),
        "section": ("int32", (2,)),
        "tags": ("int32", (2,)),
    }


def test_an_empty_archive_has_the_same_columns_without_rows() -> None:
    full, empty = describe([facts()]), describe([])
    assert {name: values.dtype for name, values in empty.columns.items()} == {
        name: values.dtype for name, values in full.columns.items()
    }
    assert empty.columns["signature"].shape == (0, MINHASH_SIZE)
    assert {len(values) for values in empty.columns.values()} == {0}
    assert dict(empty.labels) == {"language": [], "section": [], "tags": []}


def test_times_are_seconds_since_1970() -> None:
    assert column("published_at", facts(published_at=NOON)) == [NOON_SECONDS]
    assert column("until_time", facts(expires_at=NOON)) == [NOON_SECONDS]


def test_what_bounds_nothing_is_infinite_and_no_date_is_nan() -> None:
    columns = describe([facts()]).columns
    assert np.isnan(columns["published_at"][0])
    assert columns["from_time"].tolist() == [-np.inf]
    assert columns["until_time"].tolist() == [np.inf]


@pytest.mark.parametrize(
    ("published_at", "updated_at", "revised"),
    [
        (NOON, None, NOON_SECONDS),
        (None, NOON, NOON_SECONDS),
        (NOON, NOON + HOUR, NOON_SECONDS + 3_600),
        (NOON + HOUR, NOON, NOON_SECONDS + 3_600),  # a scheduled article that was edited before
    ],
)
def test_an_article_is_as_new_as_its_publication_or_its_update(
    published_at: datetime | None, updated_at: datetime | None, revised: float
) -> None:
    row = facts(published_at=published_at, updated_at=updated_at)
    assert column("revised_at", row) == [revised]


def test_an_article_without_times_was_revised_at_no_known_time() -> None:
    assert np.isnan(column("revised_at", facts())).tolist() == [True]


@pytest.mark.parametrize(
    ("authors", "name"),
    [
        (("Mei Lanying", "Tobias Renner"), "mei lanying"),
        (("MEI\u00a0 LANYING",), "mei lanying"),
        (("Нилуфар Сатторӣ",), "нилуфар сатторӣ"),
    ],
)
def test_the_author_is_the_first_one_however_it_is_set(authors: tuple[str, ...], name: str) -> None:
    assert column("author", facts(authors=authors)) == [number_of(name)]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.News.Example/a?b=www.other.example", "news.example"),
        ("http://news.example:8080/a", "news.example"),
        ("https://user@news.example./", "news.example"),
        ("https://sport.news.example/a", "sport.news.example"),
        ("https://[2001:db8::1]/a", "2001:db8::1"),
        ("https://wwwater.example/a", "wwwater.example"),
    ],
)
def test_the_host_is_that_of_the_address(url: str, host: str) -> None:
    assert column("host", facts(url=url)) == [number_of(host)]


def test_nobody_and_nowhere_are_zero() -> None:
    assert column("author", facts()) == column("host", facts()) == [0]


def test_the_columns_of_an_outline_are_those_of_the_article() -> None:
    """Nothing is asked of the text below the title."""
    article = Article(
        id="a",
        title="T",
        body="B",
        summary="S",
        url="https://www.news.example/a",
        authors=("N",),
        published_at=NOON,
        updated_at=NOON + HOUR,
    )
    signature = np.zeros(MINHASH_SIZE, np.uint16)
    whole, outlined = (
        describe([Facts(one, "en", embedded=True, signature=signature)]).columns
        for one in (article, parse_outline(article.to_outline()))
    )
    for name, values in whole.items():
        np.testing.assert_array_equal(outlined[name], values)


@pytest.mark.parametrize(
    ("published_at", "embargoed_until", "opens"),
    [
        (NOON, None, NOON_SECONDS),
        (None, NOON, NOON_SECONDS),
        (NOON, NOON + HOUR, NOON_SECONDS + 3_600),
        (NOON + HOUR, NOON, NOON_SECONDS + 3_600),
    ],
)
def test_an_article_opens_at_the_later_of_its_hour_and_its_embargo(
    published_at: datetime | None, embargoed_until: datetime | None, opens: float
) -> None:
    row = facts(published_at=published_at, embargoed_until=embargoed_until)
    assert column("from_time", row) == [opens]


def test_flags_follow_the_articles() -> None:
    rows = [
        facts(),
        facts(status="draft", title="", body="B"),
        facts(status="withheld", never_recommend=True),
        facts(status="canceled", no_related=True, title=" \n", body="B"),
    ]
    assert column("published", *rows) == [True, False, False, False]
    assert column("titled", *rows) == [True, False, True, False]
    assert column("recommendable", *rows) == [True, True, False, True]
    assert column("lists", *rows) == [True, True, True, False]


def test_codes_stand_for_sorted_words() -> None:
    rows = [
        facts("ru", section="city", tags=("port", "trade")),
        facts("en", section=None, tags=()),
        facts(None, section="arts", tags=("port", "trade")),
        facts("ru", section="city", tags=("trade", "port")),
    ]
    described = describe(rows)
    assert dict(described.labels) == {
        "language": ["en", "ru", UNKNOWN_LANGUAGE],
        "section": ["", "arts", "city"],
        "tags": ["", f"port{TAG_SEPARATOR}trade", f"trade{TAG_SEPARATOR}port"],
    }
    assert described.columns["language"].tolist() == [1, 0, 2, 1]
    assert described.columns["section"].tolist() == [2, 0, 1, 2]
    assert described.columns["tags"].tolist() == [1, 0, 1, 2]


def test_the_language_is_what_was_found_out() -> None:
    assert dict(describe([facts("tg", language="tg-Cyrl")]).labels)["language"] == ["tg"]


def test_what_the_encoder_knows_and_the_signature_are_taken_over() -> None:
    rows = [facts(embedded=False, mark=7), facts(mark=9)]
    assert column("embedded", *rows) == [False, True]
    assert column("signature", *rows) == [[7] * MINHASH_SIZE, [9] * MINHASH_SIZE]


def test_an_article_tells_what_it_translates_or_itself() -> None:
    rows = [
        facts(id="a"),
        facts(id="a-ru", translation_of="a"),
        facts(id="b", translation_of="g:7"),
    ]
    assert column("own", *rows) == [number_of("a"), number_of("a-ru"), number_of("b")]
    assert column("tells", *rows) == [number_of("a"), number_of("a"), number_of("g:7")]


def test_a_number_is_the_signed_blake2b_of_its_name() -> None:
    digest = hashlib.blake2b(b"a", digest_size=8).digest()
    assert number_of("a") == int.from_bytes(digest, "big", signed=True)


def test_what_was_read_up_to_which_change_is_taken_over() -> None:
    article, unsigned = Article(id="a", title="T"), np.zeros(MINHASH_SIZE, np.uint16)
    rows = [
        Facts(article, "en", embedded=True, signature=unsigned, change=2**40, settled=False),
        Facts(article, None, embedded=False, signature=unsigned, read=False, settled=False),
        Facts(article, "en", embedded=True, signature=unsigned, change=7),
    ]
    assert column("change", *rows) == [2**40, 0, 7]
    assert column("read", *rows) == [True, False, True]
    assert column("settled", *rows) == [False, False, True]


def test_the_columns_of_standing_are_those_of_the_whole_table() -> None:
    rows = [facts(), facts(status="draft", published_at=NOON, expires_at=NOON + HOUR)]
    columns = describe(rows).columns
    standing = describe_standing([row.article for row in rows])
    assert set(standing) == {"published", "from_time", "until_time"}
    for name, values in standing.items():
        np.testing.assert_array_equal(values, columns[name])
