"""The contract of an article, field by field, and what is made from its text."""

import hashlib
import json
import string
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recommender.analysis.html.sandbox import LONGEST_MARKUP
from recommender.articles import (
    Article,
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
    absent = (
        "url",
        "section",
        "language",
        "image_url",
        "image_srcset",
        "translation_of",
        "version",
    )
    assert dict(parse_article('{"id": "a", "title": "T"}')) == {
        "id": "a",
        "title": "T",
        "status": "published",
        **dict.fromkeys(("body", "body_html", "summary"), ""),
        **dict.fromkeys(("tags", "authors"), ()),
        **dict.fromkeys(("no_related", "never_recommend"), False),
        **dict.fromkeys((*absent, *TIMES)),
        "attributes": {},
    }


def pairs_of(table: Mapping[str, Sequence[object]]) -> list[tuple[str, object]]:
    """Each field with each of its values."""
    return [(field, value) for field, values in table.items() for value in values]


ACCEPTED: Mapping[str, Sequence[object]] = {
    "id": ["AZaz09._:~-", "...", "x" * 200],
    "title": ["  kept as given \n", "т" * 2_000],
    "body": ["b" * 1_000_000, "emoji 🙂 and \u200c joiners"],
    "summary": ["s" * 20_000],
    "url": [
        *("http://a", "https://news.example:8080/a?b=c#d", "https://news.example:65535/"),
        *("https://news.example:/", "https://пример.рф/путь", "https://a/" + "u" * 1_990),
    ],
    "section": ["city", "s" * 300],
    "language": ["en", "zh-Hans-CN", "sr-Latn-RS-x-private"],
    "image_url": ["https://news.example/i.jpg"],
    "image_srcset": [
        "https://news.example/i.jpg 300w",
        "https://news.example/i,j-1.jpg?a=b 300w, http://news.example/кит.jpg 99999w",
        "https://news.example/i.jpg 1x, https://news.example/j.jpg 1.5x",
        ", ".join(["https://a/" + "u" * 1_983 + " 300w"] * 4),
    ],
    "status": ["published", "draft", "withheld", "canceled"],
    "no_related": [True],
    "never_recommend": [True],
    "translation_of": ["group:7"],
    "version": [0, 2**63 - 1],
}


@pytest.mark.parametrize(("field", "value"), pairs_of(ACCEPTED))
def test_a_value_inside_the_rule_is_kept_as_given(field: str, value: object) -> None:
    assert getattr(parse(**{field: value}), field) == value


REFUSED: Mapping[str, Sequence[object]] = {
    "id": ["", ".", "..", "a/b", "a b", "a%20b", "a\n", "é", "x" * 201, 7, None],
    "title": ["t" * 2_001, "a\x00b", 7, ["T"]],
    "body": ["b" * 1_000_001, "\x00", {"html": "x"}],
    "summary": ["s" * 20_001, "a\x00"],
    "url": [
        *("", "/a", "//news.example/a", "ftp://news.example/a", "javascript:alert(1)"),
        *("https://", "http:///a", "http://[", "https://a/" + "u" * 1_991),
        *("https://ok.test:99999/", "https://ok.test:0/", "https://ok.test:80:80/"),
        *("https://ok.test:port/", "http://a/a b", "http://a/a\nb", "http://a/\x00"),
    ],
    "image_url": ["data:image/png;base64,AAAA", "https://ok.test:65536/"],
    "image_srcset": [
        *(
            ",",
            "https://a/b",
            "https://a/b 0x",
            "https://a/b 0w",
            "/b 300w",
            "javascript:alert(1) 3w",
        ),
        *(
            "https://a/b 300w https://a/c 600w",
            "https://a/b 300w,",
            "https://a/b, 300w",
            "https://a/b 300w, data:,x 600w",
        ),
        *("https://a/b 300w\v", "https://a/\x07b 3w", "https://a/" + "u" * 7_986 + " 300w"),
        ",".join(["https://a/b 1w"] * 533),  # too long with blanks
    ],
    "section": ["", " ", "\t\n", "s" * 301, "a\x00b"],
    "tags": ["port", {"port": 1}, ["t"] * 101],
    "authors": [["a"] * 101],
    "language": ["", "e", "en_US", "en-", "en\n", "тоҷикӣ", "en" + "-abcdefgh" * 4],
    "status": ["Published", "deleted", ""],
    "no_related": ["true", 1],
    "never_recommend": ["no"],
    "translation_of": ["", "..", "a/b"],
    "version": [-1, 2**63, 10**30, 1.0, "1", True],
}


@pytest.mark.parametrize(("field", "value"), pairs_of(REFUSED))
def test_a_value_outside_the_rule_is_refused_at_its_pointer(field: str, value: object) -> None:
    assert pointers(**{field: value}) == [f"/{field}"]


@pytest.mark.parametrize("field", ["tags", "authors"])
def test_names_are_stripped_and_a_bad_one_is_named_by_its_place(field: str) -> None:
    most = [" a ", "b\n", *["n" * 300] * 98]
    assert getattr(parse(**{field: most}), field) == ("a", "b", *["n" * 300] * 98)
    bad = ["fine", "", " ", "\t\n", "n" * 301, 7, None, "a\x00b"]
    assert pointers(**{field: bad}) == [f"/{field}/{place}" for place in range(1, 8)]


def test_addresses_and_sections_are_stripped() -> None:
    longest = "x" * 300
    article = parse(url=" https://a/b\n", image_url="\thttps://a/c ", section=f" {longest} ")
    found = (article.url, article.image_url, article.section)
    assert found == ("https://a/b", "https://a/c", longest)


def test_sizes_of_a_picture_are_kept_in_one_form() -> None:
    given = "\n https://a/b,c 300w ,\thttps://a/d\n 600w,https://a/e 2x\n"
    assert parse(image_srcset=given).image_srcset == (
        "https://a/b,c 300w, https://a/d 600w, https://a/e 2x"
    )
    for blank in ("", " \n"):
        assert parse(image_srcset=blank) == parse()


def test_sizes_of_another_form_are_refused_with_an_example() -> None:
    document = {"id": "a", "title": "T", "image_srcset": "https://a/b.jpg"}
    (fault,) = faults_of(json.dumps(document))
    example = "`https://a/b-300.jpg 300w, https://a/b-600.jpg 600w`"
    assert fault.detail.startswith(f"must be addresses with widths, such as {example}")


def test_every_fault_is_named_at_once() -> None:
    bad: dict[str, object] = {"id": "a/b", "title": 7, "url": "no", "tags": ["x", ""]}
    bad |= {"published_at": "today", "status": "live", "version": -1, "colour": "red"}
    places = ["id", "title", "url", "tags/1", "published_at", "status", "version", "colour"]
    assert pointers(**bad, body_html="<p>x</p>") == [f"/{place}" for place in places]


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    assert pointers(**{"a/b~c": 1}) == ["/a~1b~0c"]


NO_TEXT = FieldFault("", "a title or a body is required")
TWO_TEXTS = FieldFault("", "body and body_html are two forms of one text; send one of them")


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ('{"title": "T"}', FieldFault("/id", "Field required")),
        ('{"id": "a"}', NO_TEXT),
        ('{"id": "a", "title": ""}', NO_TEXT),
        ('{"id": "a", "title": null}', NO_TEXT),
        (r'{"id": "a", "title": " \n", "body": "\t"}', NO_TEXT),
        (r'{"id": "a", "body_html": " \n"}', NO_TEXT),
        ('{"id": "a", "summary": "s"}', NO_TEXT),
        ('{"id": "a", "title": "T", "body": "x", "body_html": "<p>x</p>"}', TWO_TEXTS),
        (
            r'{"id": "a", "title": "a\u0000b"}',
            FieldFault("/title", "must not contain NUL characters"),
        ),
        # What is no strict JSON is refused as it is elsewhere.
        ("[]", FieldFault("", "must be a JSON object")),
        (
            b'{"id": "a", "title": "\\ud800"}',
            FieldFault("/title", "holds half a surrogate pair"),
        ),
    ],
)
def test_a_document_is_refused_with_a_reason(document: str | bytes, fault: FieldFault) -> None:
    assert faults_of(document) == (fault,)


def test_markup_is_kept_as_given_and_needs_no_other_text() -> None:
    article = parse(title="", body_html=" <p>x</p>\n")
    assert (article.title, article.body, article.body_html) == ("", "", " <p>x</p>\n")
    assert parse_article(article.to_json()) == article


def test_a_null_title_counts_as_absent_in_an_article_with_a_body() -> None:
    assert parse(title=None, body="B") == parse_article('{"id": "a", "body": "B"}')


def test_markup_is_taken_up_to_the_bytes_that_its_reader_takes() -> None:
    most = 4 * 1024 * 1024
    assert most == LONGEST_MARKUP
    assert len(parse(body_html="ж" * (most // 2)).body_html) == most // 2
    for longer in ("x" * (most + 1), "ж" * (most // 2) + "x"):
        assert pointers(body_html=longer) == ["/body_html"]


def test_the_plain_text_replaces_its_markup() -> None:
    article = parse(body_html="<p>x</p>", section="city")
    assert article.with_text("x") == parse(body="x", section="city")


def test_an_outline_is_the_article_without_its_body() -> None:
    fields = {"section": "city", "tags": ["a", "b"], "published_at": "2026-03-01T09:30:00Z"}
    article = parse(summary="s", body_html="<p>x</p>", version=3, **fields)
    assert parse_outline(article.to_outline()) == parse(summary="s", version=3, **fields)
    assert parse_outline(parse(title="", body="x").to_outline()).id == "a"


NULLABLE = sorted(Article.model_fields.keys() - {"id", "title"})


@pytest.mark.parametrize("field", NULLABLE)
def test_null_counts_as_absent(field: str) -> None:
    assert parse(**{field: None}) == parse()


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
        # Without an offset, or in another form.
        *("2026-03-01T09:30:00", "2026-03-01T09:30Z", "2026-03-01", "20260301T093000Z"),
        *("2026-03-01T09:30:001Z", "2026-03-01T09:30:00,5Z", " 2026-03-01T09:30:00Z"),
        *("\uff12\uff10\uff12\uff16-03-01T09:30:00Z", "yesterday", ""),
        # In no calendar, or outside the years that Python has once it is in UTC.
        *("2026-02-29T09:30:00Z", "2026-13-01T09:30:00Z", "2026-03-01T24:00:00Z"),
        *("2026-03-01T23:59:60Z", "2026-03-01T09:30:00+24:00", "2026-03-01T09:30:00+05:60"),
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"),
        # Of another type.
        *(1_772_357_400, 1.5, True, ["2026-03-01T09:30:00Z"]),
    ],
)
def test_a_time_without_offset_or_off_the_calendar_is_refused(value: object) -> None:
    (fault,) = faults_of(json.dumps({"id": "a", "title": "T", "expires_at": value}))
    assert fault == FieldFault("/expires_at", RULE_OF_TIMES)


def test_a_naive_datetime_is_refused_in_python_too() -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        Article(id="a", title="T", published_at=datetime(2026, 3, 1))  # noqa: DTZ001 - the point


@pytest.mark.parametrize("own_id", ["", '"id": null, ', '"id": "b", '])
def test_an_article_without_an_id_gets_that_of_the_address(own_id: str) -> None:
    found = parse_article(f'{{{own_id}"title": "T", "version": 3}}', article_id="b")
    assert found == Article(id="b", title="T", version=3)


def test_another_id_than_the_address_is_refused() -> None:
    assert faults_of('{"id": "a", "title": "T"}', "b") == (
        FieldFault("/id", "differs from the id in the address, 'b'"),
    )


@pytest.mark.parametrize("article_id", ["", ".", "..", "a/b", "x" * 201])
def test_an_address_outside_the_grammar_is_refused(article_id: str) -> None:
    assert [f.pointer for f in faults_of('{"title": "T"}', article_id)] == ["/id"]


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
ARTICLES = st.builds(
    Article,
    id=IDS,
    title=TEXTS.filter(str.strip),
    section=st.none() | NAMES,
    language=st.none() | st.sampled_from(["en", "zh-Hans-CN", "tg-Cyrl", "und"]),
    status=st.sampled_from(["published", "draft", "withheld", "canceled"]),
    translation_of=st.none() | IDS,
    version=st.none() | st.integers(0, 2**63 - 1),
    **dict.fromkeys(("body", "summary"), TEXTS),
    **dict.fromkeys(("tags", "authors"), st.lists(NAMES, max_size=3).map(tuple)),
    **dict.fromkeys(("url", "image_url"), st.none() | ADDRESSES),
    **dict.fromkeys(TIMES, st.none() | MOMENTS),
    **dict.fromkeys(("no_related", "never_recommend"), st.booleans()),
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


def test_an_article_cannot_be_changed() -> None:
    article = parse()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(article, "title", "another")  # noqa: B010 - mypy knows it is frozen


@pytest.mark.parametrize(
    ("fields", "hashed"),
    [
        ({"title": "Ёж", "summary": "s", "body": "b"}, "2:Ёж1:s1:b"),
        ({"body_html": "xy"}, "1:T0:0:2:xy"),
        ({"body": "xy"}, "1:T0:2:xy"),
        # Nothing but texts counts.
        (
            {"id": "b", "tags": ["x"], "url": "https://a", "status": "draft", "version": 2},
            "1:T0:0:",
        ),
    ],
)
def test_the_text_hash_is_sha_256_of_lengths_and_texts(
    fields: dict[str, object], hashed: str
) -> None:
    assert parse(**fields).text_hash == hashlib.sha256(hashed.encode()).hexdigest()


@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh-Hans-CN", "zh"), ("EN-gb", "en"), ("tg", "tg"), ("", None), (None, None)],
)
def test_the_primary_language_of_a_tag(tag: str | None, language: str | None) -> None:
    assert primary_language(tag) == language
