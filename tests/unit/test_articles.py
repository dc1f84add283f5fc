"""The contract of an article, field by field, and what is made from its text."""

import hashlib
import json
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recommender.analysis.html.sandbox import LONGEST_MARKUP
from recommender.articles import (
    Article,
    check_id,
    parse_article,
    parse_outline,
    primary_language,
)
from recommender.errors import FieldFault, InvalidArticle

RULE_OF_TIMES = "must be an RFC 3339 time with an offset, such as 2026-03-01T09:30:00+05:00"
TIMES = ("published_at", "updated_at", "embargoed_until", "expires_at")


def parse(**fields: object) -> Article:
    return parse_article(json.dumps({"id": "a", "title": "T"} | fields))


def faults_of(document: str | bytes, article_id: str | None = None) -> tuple[FieldFault, ...]:
    with pytest.raises(InvalidArticle) as refused:
        parse_article(document, article_id=article_id)
    return refused.value.faults


def pointers(**fields: object) -> list[str]:
    document = {"id": "a", "title": "T"} | fields
    return [fault.pointer for fault in faults_of(json.dumps(document))]


def test_an_article_needs_no_more_than_an_id_and_a_title() -> None:
    article = parse_article('{"id": "a", "title": "T"}')
    assert article == Article(
        id="a",
        title="T",
        body="",
        summary="",
        url=None,
        section=None,
        tags=(),
        authors=(),
        language=None,
        image_url=None,
        published_at=None,
        updated_at=None,
        status="published",
        embargoed_until=None,
        expires_at=None,
        no_related=False,
        never_recommend=False,
        translation_of=None,
        version=None,
    )


ACCEPTED: list[tuple[str, Any]] = [
    ("id", "AZaz09._:~-"),
    ("id", "..."),
    ("id", "x" * 200),
    ("title", "  kept as given \n"),
    ("title", "т" * 2_000),
    ("body", "b" * 1_000_000),
    ("body", "emoji 🙂 and \u200c joiners"),
    ("summary", "s" * 20_000),
    ("url", "http://a"),
    ("url", "https://news.example:8080/a?b=c#d"),
    ("url", "https://news.example:65535/"),
    ("url", "https://news.example:/"),
    ("url", "https://пример.рф/путь"),
    ("url", "https://a/" + "u" * 1_990),
    ("section", "city"),
    ("section", "s" * 300),
    ("language", "en"),
    ("language", "zh-Hans-CN"),
    ("language", "sr-Latn-RS-x-private"),
    ("image_url", "https://news.example/i.jpg"),
    ("status", "published"),
    ("status", "draft"),
    ("status", "withheld"),
    ("status", "canceled"),
    ("no_related", True),
    ("never_recommend", True),
    ("translation_of", "group:7"),
    ("version", 0),
    ("version", 2**63 - 1),
]


@pytest.mark.parametrize(("field", "value"), ACCEPTED)
def test_a_value_inside_the_rule_is_kept_as_given(field: str, value: object) -> None:
    assert getattr(parse(**{field: value}), field) == value


REFUSED: list[tuple[str, Any]] = [
    ("id", ""),
    ("id", "."),
    ("id", ".."),
    ("id", "a/b"),
    ("id", "a b"),
    ("id", "a%20b"),
    ("id", "a\n"),
    ("id", "é"),
    ("id", "x" * 201),
    ("id", 7),
    ("id", None),
    ("title", "t" * 2_001),
    ("title", "a\x00b"),
    ("title", 7),
    ("title", ["T"]),
    ("body", "b" * 1_000_001),
    ("body", "\x00"),
    ("body", {"html": "x"}),
    ("summary", "s" * 20_001),
    ("summary", "a\x00"),
    ("url", "ftp://news.example/a"),
    ("url", "javascript:alert(1)"),
    ("url", "//news.example/a"),
    ("url", "/a"),
    ("url", "https://"),
    ("url", "http:///a"),
    ("url", "http://["),
    ("url", "https://ok.test:99999/"),
    ("url", "https://ok.test:0/"),
    ("url", "https://ok.test:80:80/"),
    ("url", "https://ok.test:port/"),
    ("image_url", "https://ok.test:65536/"),
    ("url", "http://news.example/a b"),
    ("url", "http://news.example/a\nb"),
    ("url", "http://news.example/\x00"),
    ("url", "https://a/" + "u" * 1_991),
    ("url", ""),
    ("image_url", "data:image/png;base64,AAAA"),
    ("section", ""),
    ("section", "s" * 301),
    ("section", "a\x00b"),
    ("tags", "port"),
    ("tags", {"port": 1}),
    ("tags", ["t"] * 101),
    ("authors", ["a"] * 101),
    ("language", ""),
    ("language", "e"),
    ("language", "en_US"),
    ("language", "en-"),
    ("language", "en\n"),
    ("language", "тоҷикӣ"),
    ("language", "en" + "-abcdefgh" * 4),
    ("status", "Published"),
    ("status", "deleted"),
    ("status", ""),
    ("no_related", "true"),
    ("no_related", 1),
    ("never_recommend", "no"),
    ("translation_of", ""),
    ("translation_of", ".."),
    ("translation_of", "a/b"),
    ("version", -1),
    ("version", 2**63),
    ("version", 10**30),
    ("version", 1.0),
    ("version", "1"),
    ("version", True),
]


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_a_value_outside_the_rule_is_refused_at_its_pointer(field: str, value: object) -> None:
    assert pointers(**{field: value}) == [f"/{field}"]


@pytest.mark.parametrize("field", ["tags", "authors"])
def test_names_are_stripped_and_a_bad_one_is_named_by_its_place(field: str) -> None:
    assert getattr(parse(**{field: [" a ", "b\n", "n" * 300]}), field) == ("a", "b", "n" * 300)
    bad = ["fine", "", "n" * 301, 7, None, "a\x00b"]
    assert pointers(**{field: bad}) == [f"/{field}/{place}" for place in range(1, 6)]


def test_addresses_and_sections_are_stripped() -> None:
    longest = "x" * 300
    article = parse(url=" https://a/b\n", image_url="\thttps://a/c ", section=f" {longest} ")
    found = (article.url, article.image_url, article.section)
    assert found == ("https://a/b", "https://a/c", longest)


def test_every_fault_is_named_at_once() -> None:
    found = pointers(
        id="a/b",
        title=7,
        url="no",
        tags=["x", ""],
        published_at="today",
        status="live",
        version=-1,
        body_html="<p>x</p>",
        colour="red",
    )
    assert found == [
        "/id",
        "/title",
        "/url",
        "/tags/1",
        "/published_at",
        "/status",
        "/version",
        "/colour",
    ]


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    assert pointers(**{"a/b~c": 1}) == ["/a~1b~0c"]


def test_an_id_is_required() -> None:
    assert faults_of('{"title": "T"}') == (FieldFault("/id", "Field required"),)


@pytest.mark.parametrize(
    "fields",
    [
        *({}, {"title": ""}, {"title": " \n", "body": "\t"}, {"summary": "s"}, {"title": None}),
        {"body_html": " \n"},
    ],
)
def test_a_title_or_a_body_is_required(fields: dict[str, object]) -> None:
    assert faults_of(json.dumps({"id": "a"} | fields)) == (
        FieldFault("", "a title or a body is required"),
    )


def test_markup_is_kept_as_given_and_is_text_enough() -> None:
    article = parse(title="", body_html=" <p>x</p>\n")
    assert (article.title, article.body, article.body_html) == ("", "", " <p>x</p>\n")
    assert parse_article(article.to_json()) == article


def test_a_null_title_is_as_good_as_absent_beside_a_body() -> None:
    assert parse(title=None, body="B") == parse_article('{"id": "a", "body": "B"}')


def test_markup_beside_a_body_is_refused_with_a_remedy() -> None:
    (fault,) = faults_of('{"id": "a", "title": "T", "body": "x", "body_html": "<p>x</p>"}')
    assert fault == FieldFault("", "body and body_html are two forms of one text; send one of them")


def test_markup_is_taken_up_to_the_bytes_that_its_reader_takes() -> None:
    most = 4 * 1024 * 1024
    assert most == LONGEST_MARKUP
    assert len(parse(body_html="ж" * (most // 2)).body_html) == most // 2
    for longer in ("x" * (most + 1), "ж" * (most // 2) + "x"):
        assert pointers(body_html=longer) == ["/body_html"]


def test_markup_is_hashed_as_another_text_than_the_same_letters_in_a_body() -> None:
    assert parse(body_html="x").text_hash != parse(body="x").text_hash
    assert parse(body_html="x").text_hash != parse(body_html="y").text_hash
    parts = "1:T", "0:", "0:", "1:x"
    assert parse(body_html="x").text_hash == hashlib.sha256("".join(parts).encode()).hexdigest()


def test_a_text_takes_the_place_of_its_markup() -> None:
    article = parse(body_html="<p>x</p>", section="city")
    assert article.with_text("x") == parse(body="x", section="city")


def test_an_outline_is_the_article_without_the_texts_under_its_title() -> None:
    fields = {"section": "city", "tags": ["a", "b"], "published_at": "2026-03-01T09:30:00Z"}
    article = parse(summary="s", body_html="<p>x</p>", version=3, **fields)
    assert parse_outline(article.to_outline()) == parse(version=3, **fields)
    assert parse_outline(parse(title="", body="x").to_outline()).id == "a"


NULLABLE = sorted(Article.model_fields.keys() - {"id", "title"})


@pytest.mark.parametrize("field", NULLABLE)
def test_null_is_as_good_as_absent(field: str) -> None:
    assert parse(**{field: None}) == parse()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        '"a"',
        "7",
        "{",
        '{"id": "a", "title": "T"} {}',
        '{"id": "a", "title": "T",}',
        b'{"id": "a", "title": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        '{"id": "a", "title": "\\ud800"}',
        '{"id": "a", "title": "\ud800"}',
        '{"id": "a", "title": "T", "version": NaN}',
        '{"id": "a", "title": "T", "version": ' + "9" * 5_000 + "}",
        "[" * 100_000,
        '{"id": "a", "title": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 50_000 + "1" + "}" * 50_000,
    ],
    ids=range(17),
)
def test_what_is_no_json_object_is_refused_whole(document: str | bytes) -> None:
    (fault,) = faults_of(document)
    assert fault.pointer in {"", "/title", "/version"}


def test_a_nul_written_as_an_escape_is_found() -> None:
    assert faults_of(r'{"id": "a", "title": "a\u0000b"}') == (
        FieldFault("/title", "must not contain NUL characters"),
    )


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_article(r'{"id": "a", "title": "\ud83d\ude42"}').title == "🙂"


@pytest.mark.parametrize(
    ("given_time", "utc"),
    [
        ("2026-03-01T09:30:00+05:00", "2026-03-01T04:30:00Z"),
        ("2026-03-01T00:30:00-03:30", "2026-03-01T04:00:00Z"),
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
        ("2026-03-01t09:30:00z", "2026-03-01T09:30:00Z"),
        ("2026-03-01 09:30:00-00:00", "2026-03-01T09:30:00Z"),
        ("2026-03-01T09:30:00.5Z", "2026-03-01T09:30:00.500000Z"),
        ("2026-03-01T09:30:00.123456789Z", "2026-03-01T09:30:00.123456Z"),
        ("2024-02-29T23:59:59+00:00", "2024-02-29T23:59:59Z"),
        ("1969-12-31T23:00:00-02:00", "1970-01-01T01:00:00Z"),
    ],
)
@pytest.mark.parametrize("field", TIMES)
def test_a_time_is_kept_in_utc(field: str, given_time: str, utc: str) -> None:
    article = parse(**{field: given_time})
    assert getattr(article, field).tzinfo is UTC
    assert article.to_document()[field] == utc


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T09:30:00",
        "2026-03-01T09:30Z",
        "2026-03-01",
        "20260301T093000Z",
        "2026-02-29T09:30:00Z",
        "2026-13-01T09:30:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "2026-03-01T09:30:00+24:00",
        "2026-03-01T09:30:00+05:60",
        "2026-03-01T09:30:001Z",
        "2026-03-01T09:30:00,5Z",
        "\uff12\uff10\uff12\uff16-03-01T09:30:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        " 2026-03-01T09:30:00Z",
        "yesterday",
        "",
        1_772_357_400,
        1.5,
        True,
        ["2026-03-01T09:30:00Z"],
    ],
)
def test_a_time_without_offset_or_off_the_calendar_is_refused(value: object) -> None:
    (fault,) = faults_of(json.dumps({"id": "a", "title": "T", "expires_at": value}))
    assert fault == FieldFault("/expires_at", RULE_OF_TIMES)


def test_a_naive_datetime_is_refused_in_python_too() -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        Article(id="a", title="T", published_at=datetime(2026, 3, 1))  # noqa: DTZ001 - the point


@pytest.mark.parametrize("own_id", ["", '"id": null, ', '"id": "b", '])
def test_the_address_names_an_article_that_names_no_other_id(own_id: str) -> None:
    found = parse_article(f'{{{own_id}"title": "T"}}', article_id="b")
    assert found == Article(id="b", title="T")


def test_another_id_than_the_address_is_refused() -> None:
    assert faults_of('{"id": "a", "title": "T"}', "b") == (
        FieldFault("/id", "differs from the id in the address, 'b'"),
    )


@pytest.mark.parametrize("article_id", ["", ".", "..", "a/b", "x" * 201])
def test_an_address_outside_the_grammar_is_refused(article_id: str) -> None:
    assert [f.pointer for f in faults_of('{"title": "T"}', article_id)] == ["/id"]


def test_an_addressed_article_keeps_every_field() -> None:
    fields: dict[str, object] = {
        "title": "T",
        "body": "B",
        "tags": ["x", "y"],
        "published_at": "2026-03-01T09:30:00+05:00",
        "no_related": True,
        "version": 3,
    }
    assert parse_article(json.dumps(fields), article_id="b") == parse(**fields, id="b")


@given(st.text(string.ascii_letters + string.digits + "._:~-", min_size=1, max_size=200))
def test_an_id_of_the_grammar_passes_unless_it_is_a_dot_or_two(article_id: str) -> None:
    if article_id in {".", ".."}:
        with pytest.raises(ValueError, match="neither"):
            check_id(article_id)
    else:
        assert check_id(article_id) == article_id


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
NAMES = TEXTS.map(str.strip).filter(bool)
IDS = st.text(string.ascii_letters + "._:~-", min_size=1, max_size=9).filter(lambda i: i.strip("."))
ADDRESSES = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["news.example", "пример.рф", "[::1]:80"]),
    st.text(string.ascii_letters + "/?#%&=ёж", max_size=12),
)
OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=OFFSETS)  # noqa: DTZ001 - bounds are naive
LISTS = st.lists(NAMES, max_size=3).map(tuple)
ARTICLES = st.builds(
    Article,
    id=IDS,
    title=TEXTS.filter(str.strip),
    body=TEXTS,
    summary=TEXTS,
    url=st.none() | ADDRESSES,
    section=st.none() | NAMES,
    tags=LISTS,
    authors=LISTS,
    language=st.none() | st.sampled_from(["en", "zh-Hans-CN", "tg-Cyrl", "und"]),
    image_url=st.none() | ADDRESSES,
    published_at=st.none() | MOMENTS,
    updated_at=st.none() | MOMENTS,
    status=st.sampled_from(["published", "draft", "withheld", "canceled"]),
    embargoed_until=st.none() | MOMENTS,
    expires_at=st.none() | MOMENTS,
    no_related=st.booleans(),
    never_recommend=st.booleans(),
    translation_of=st.none() | IDS,
    version=st.none() | st.integers(0, 2**63 - 1),
)


@given(ARTICLES)
def test_canonical_json_reads_back_as_the_same_article(article: Article) -> None:
    assert parse_article(article.to_json()) == article
    assert json.loads(article.to_json()) == article.to_document()


def test_canonical_json_holds_only_what_is_set() -> None:
    article = parse(tags=["x"], published_at="2026-03-01T09:30:00+05:00", status="published")
    assert article.to_document() == {
        "id": "a",
        "title": "T",
        "tags": ["x"],
        "published_at": "2026-03-01T04:30:00Z",
    }


def test_one_moment_in_two_offsets_is_one_document() -> None:
    assert parse(published_at="2026-03-01T09:30:00+05:00").to_json() == (
        parse(published_at="2026-03-01T04:30:00Z").to_json()
    )


def test_an_article_cannot_be_changed() -> None:
    article = parse()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(article, "title", "another")  # noqa: B010 - mypy knows it is frozen
    assert hash(article) == hash(parse())


def test_the_text_hash_is_sha_256_of_lengths_and_texts() -> None:
    article = parse(title="Ёж", summary="s", body="b")
    assert article.text_hash == hashlib.sha256("2:Ёж1:s1:b".encode()).hexdigest()


@pytest.mark.parametrize("field", ["title", "summary", "body"])
def test_the_text_hash_changes_with_every_text(field: str) -> None:
    assert parse(**{field: "changed"}).text_hash != parse().text_hash


def test_the_text_hash_does_not_change_with_what_is_not_text() -> None:
    other = parse(id="b", tags=["x"], url="https://a", status="draft", language="ru", version=2)
    assert other.text_hash == parse().text_hash


PARTS = st.tuples(*[st.text("ab1:", max_size=4)] * 3).filter(lambda parts: parts[0] or parts[2])


@given(PARTS, PARTS)
def test_text_moved_between_fields_is_another_text(
    one: tuple[str, str, str], two: tuple[str, str, str]
) -> None:
    hashes = {
        parse(title=title, summary=summary, body=body).text_hash
        for title, summary, body in (one, two)
    }
    assert len(hashes) == len({one, two})


@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh-Hans-CN", "zh"), ("EN-gb", "en"), ("tg", "tg"), ("", None), (None, None)],
)
def test_the_primary_language_of_a_tag(tag: str | None, language: str | None) -> None:
    assert primary_language(tag) == language


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_blank_names_are_refused_so_that_what_is_stored_can_be_read_back(blank: str) -> None:
    assert pointers(section=blank, tags=["a", blank], authors=[blank]) == [
        "/section",
        "/tags/1",
        "/authors/0",
    ]
