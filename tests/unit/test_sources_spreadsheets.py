"""Spreadsheets that were saved as CSV: what becomes of cells, and what is said of bad ones."""

import codecs
import csv
import io
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article
from recommender.errors import BadSource
from recommender.sources.format_detection import detect_format
from recommender.sources.source import LeftOut, Record
from recommender.sources.spreadsheets import read_table

TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff"))


def read(data: str | bytes) -> list[Record | LeftOut]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_table("desk.csv", BytesIO(raw), lambda _: None))


def documents(data: str | bytes) -> list[dict[str, Any]]:
    return [
        one.content.to_document()
        for one in read(data)
        if isinstance(one, Record) and isinstance(one.content, Article)
    ]


def faults(data: str | bytes) -> list[str]:
    found = [one for one in read(data) if isinstance(one, Record)]
    return [f"{one.place}: {one.content}" for one in found if not isinstance(one.content, Article)]


def test_every_column_becomes_its_field() -> None:
    head = "ID,Headline,Text,Link,Category,Keywords,Author,Lang,Published,version,never-recommend"
    row = (
        '7,"A, title","One\n\ntwo",https://a.example/7,Port,"sea, ships; port","Sho, Ali; Zoda",tg'
    )
    assert documents(f"{head},attr.paper\n{row},31.05.2024 14:30,3,yes,North\n") == [
        {
            "id": "7",
            "title": "A, title",
            "body": "One\n\ntwo",
            "url": "https://a.example/7",
            "section": "Port",
            "tags": ["sea", "ships", "port"],
            "authors": ["Sho, Ali", "Zoda"],
            "language": "tg",
            "published_at": "2024-05-31T14:30:00Z",
            "version": 3,
            "never_recommend": True,
            "attributes": {"paper": "North"},
        }
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@given(rows=st.lists(st.tuples(TEXTS.filter(str.strip), TEXTS), max_size=5))
def test_whatever_is_written_is_read(
    delimiter: str, encoding: str, rows: list[tuple[str, str]]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(("id", "title", "body"))
    writer.writerows((number, *row) for number, row in enumerate(rows))
    found = [
        (one["title"], one.get("body", "")) for one in documents(text.getvalue().encode(encoding))
    ]
    assert found == [(title, body if body.strip() else "") for title, body in rows]


def test_a_spreadsheet_may_name_its_separator() -> None:
    assert documents("sep=;\nid;title\n1;a,b\n") == [{"id": "1", "title": "a,b"}]


def test_blank_rows_and_short_rows_and_a_last_empty_column_do_no_harm() -> None:
    assert documents("id,title,body,\n\n,,,\n1,a\n2,b,c,\n") == [
        {"id": "1", "title": "a"},
        {"id": "2", "title": "b", "body": "c"},
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-31", "2024-05-31T00:00:00Z"),
        ("2024-05-31 14:30", "2024-05-31T14:30:00Z"),
        ("2024-05-31T14:30:00+05:00", "2024-05-31T09:30:00Z"),
        ("1.5.2024", "2024-05-01T00:00:00Z"),
        ("31.05.2024, 9:05:07", "2024-05-31T09:05:07Z"),
    ],
)
def test_dates_are_read_as_spreadsheets_write_them(text: str, moment: str) -> None:
    assert documents(f'id,title,published\n1,a,"{text}"\n')[0]["published_at"] == moment


def test_what_is_wrong_has_its_line_and_its_column() -> None:
    rows = (
        "1,a,no address,2024-05-31,yes",
        "2,b,,05/31/2024,perhaps",
        '"3","two\nlines",,,',
        "a b,c,,,",
        "4,d,,,,,too many",
        '5,"e" f,,,',
        "6,,,,",
        "7,g,,31.02.2024,",
    )
    found = faults("id,title,link,published,no_related\n" + "\n".join(rows) + "\n")
    expected = [
        ("desk.csv:2: ", "column C (link): must be an absolute http or https address"),
        ("desk.csv:3: ", "column D (published): '05/31/2024' is no date; write 2024-05-31 14:30"),
        ("desk.csv:6: ", "column A (id): "),
        ("desk.csv:7: ", "has 7 cells, and the first row names 5 columns"),
        ("desk.csv:8: ", "a quotation mark is wrong"),
        ("desk.csv:9: ", "a title or a body is required"),
        ("desk.csv:10: ", "column D (published): '31.02.2024' is no date"),
    ]
    assert len(found) == len(expected)
    for line, (place, said) in zip(found, expected, strict=True):
        assert line.startswith(place)
        assert said in line
    assert "column E (no_related): 'perhaps' is neither yes nor no" in found[1]


def test_a_text_that_is_not_utf_8_says_what_to_do() -> None:
    found = faults("id,title\n1,порт\n".encode() + "2,порт\n".encode("cp1251"))
    assert found == ['desk.csv:3: is not UTF-8; save the sheet as "CSV UTF-8"']


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("title,body", "desk.csv:1: the first row has no column id (there are: title, body)"),
        ("id,url,titel", "no column title or body or body_html (there are: id, url, titel)"),
        ("id,url,titel", "is 'titel' meant?"),
        ("id,title,Title", "two columns are for title: column B (title) and column C (Title)"),
        ("id,title" + ",x" * 200, "has 202 columns; at most 200 are taken"),
        ("", "there are: none"),
    ],
)
def test_a_first_row_that_does_not_do_is_refused(head: str, said: str) -> None:
    with pytest.raises(BadSource) as refusal:
        read(f"{head}\n1,a\n")
    assert said in str(refusal.value)


def test_columns_that_are_not_read_are_named() -> None:
    left_out = [
        one for one in read("id,title,views,text,body\n1,a,9,x,y\n") if isinstance(one, LeftOut)
    ]
    assert left_out == [LeftOut("column views"), LeftOut("column text")]
    assert documents("id,title,views,text,body\n1,a,9,x,y\n")[0]["body"] == "y"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"id,title\n", "csv"),
        (b'"id";"headline";"text"\r\n', "csv"),
        (codecs.BOM_UTF8 + b"id\ttitle\n", "csv"),
        ("id\ttitle\n".encode("utf-16"), "csv"),
        (b"Name;Text;Datum\n", "csv"),
        (b"id\n", "jsonl"),
        (b'{"id": "a", "title": "b, c, d"}\n', "jsonl"),
        (b'"id": "a", "title": "b", "body": "c"}\n', "jsonl"),
        (b"Once upon a time\n", "jsonl"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_a_table_is_known_by_its_first_row(data: bytes, kind: str) -> None:
    assert detect_format(data) == kind


def test_progress_counts_every_byte() -> None:
    data = ('id,title\n1,"' + "я" * 500 + '"\n').encode()
    told: list[int] = []
    list(read_table("desk.csv", BytesIO(data), told.append))
    assert sum(told) == len(data)
