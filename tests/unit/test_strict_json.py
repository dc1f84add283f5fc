"""JSON from outside: values that parsers read differently are refused with their place."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadJson, FieldFault
from recommender.strict_json import (
    MOST_DEPTH,
    MOST_MARKS,
    JsonValue,
    pattern_of_marks,
    read_json,
    read_object,
    split_list,
)

WHOLE = st.integers(-(2**63), 2**63 - 1)
LEAVES = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    LEAVES | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


def faults_of(text: str | bytes) -> tuple[FieldFault, ...]:
    with pytest.raises(BadJson) as refused:
        read_json(text)
    return refused.value.faults


def pointers_of(text: str | bytes) -> list[str]:
    return [fault.pointer for fault in faults_of(text)]


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_json_reads_back_as_written(value: Any, plain: bool, indent: int | None) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=plain, indent=indent)
    assert read_json(text) == read_json(text.encode()) == value


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_read_as_the_standard_reader_does_or_refused(text: str | bytes) -> None:
    try:
        read = read_json(text)
    except BadJson as refusal:
        assert len(refusal.faults) >= 1  # noqa: PT017 - either is fine, but nothing else
    else:
        assert read == json.loads(text)


@given(st.lists(VALUES, max_size=5), st.booleans(), st.sampled_from([None, 2]))
def test_a_list_is_split_into_the_texts_of_its_members(
    values: list[Any],
    plain: bool,  # noqa: FBT001
    indent: int | None,
) -> None:
    text = json.dumps(values, ensure_ascii=plain, indent=indent).encode()
    assert [read_json(member) for member in split_list(text)] == values


@given(st.text('[]{}",:1 \\', max_size=30))
def test_what_is_split_is_the_list_that_the_standard_reader_reads(text: str) -> None:
    """Members that are no JSON are left to their reader; a list of good ones is that list."""
    try:
        members = [json.loads(member) for member in split_list(text.encode())]
    except (BadJson, ValueError):
        with pytest.raises((ValueError, AssertionError)):
            assert isinstance(json.loads(text), list)
    else:
        assert members == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", "1", "[", "]", "[1", "[1,]", "[1] 2", '["a]', "[{]", "[[[1]]"]
)
def test_a_list_that_does_not_end_is_refused(text: str) -> None:
    with pytest.raises(BadJson):
        list(split_list(text.encode()))


def test_a_list_is_split_in_linear_time_and_read_no_deeper_than_json() -> None:
    deepest = b"[" * MOST_DEPTH + b"]" * MOST_DEPTH
    assert list(split_list(b"[" + deepest + b"]")) == [deepest]
    for hostile in (b"[" * 2**20, b"[" * 2**20 + b"]" * 2**20, b'["' + b"\\" * 2**20 + b"]"):
        with pytest.raises(BadJson):
            list(split_list(hostile))
    assert len(list(split_list(b"[[" + b"[]," * 2**18 + b"[]]]"))) == 1


@given(VALUES, st.data())
def test_a_value_cut_short_is_refused(value: Any, data: st.DataObject) -> None:
    text = json.dumps([value])
    assert pointers_of(text[: data.draw(st.integers(0, len(text) - 1))]) == [""]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1, "a": 1}', ["/a"]),
        ('{"a": {"b/c~d": 1, "b/c~d": 2}}', ["/a/b~1c~0d"]),
        ('{"a": 1, "\\u0061": 2}', ["/a"]),
        ('[{"a": 1, "b": 2, "b": 3, "a": 4}]', ["/0/b"]),
        ('{"": 1, "": 2}', ["/"]),
        ("NaN", [""]),
        ("[1, -Infinity, Infinity]", ["/1", "/2"]),
        ("9223372036854775808", [""]),
        ("[-9223372036854775809]", ["/0"]),
        ('{"a": [0, ' + "9" * 5_000 + "]}", ["/a/1"]),
        ("[1e400, -1e400]", ["/0", "/1"]),
        ("1" + "0" * 400 + ".5", [""]),
        ('"\\ud800"', [""]),
        ('["\\udc00\\ud800"]', ["/0"]),
        ('{"a": "\\ud83d"}', ["/a"]),
        ('{"a": {"\\udfff": 1}}', ["/a"]),
        ('"\ud800"', [""]),
        ('{"a": NaN, "b": [1e400], "c": {"d": 1, "d": 2}}', ["/a", "/b/0", "/c/d"]),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_an_ambiguous_value_is_named_by_its_pointer(text: str, where: list[str]) -> None:
    assert pointers_of(text) == where


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"", "is not JSON: Expecting value at line 1, column 1"),
        (b" \n ", "is not JSON: Expecting value at line 2, column 2"),
        (b'{"a": 1}\n{"b": 2}', "is not JSON: Extra data at line 2, column 1"),
        (b'{"a": 1,\n "b": }', "is not JSON: Expecting value at line 2, column 7"),
        (b'"\xff"', "is not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "is not UTF-8 at byte 1"),
        ('"é"'.encode("latin-1"), "is not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark; send UTF-8 without it"),
        ("\ufeff{}", "begins with a byte order mark; send UTF-8 without it"),
    ],
)
def test_bad_json_is_refused_by_line_and_column(text: str | bytes, detail: str) -> None:
    assert faults_of(text) == (FieldFault("", detail),)


@pytest.mark.parametrize(
    "text",
    [
        *("'a'", "{a: 1}", "[1,]", '{"a": 1,}', "[1] // one", "/**/1"),
        *("01", "+1", ".5", "1.", "1_000", "0x1", "\u0661", "true1"),
        *("nan", "None", "True", '"a\nb"', '"a\tb"', '"\x00"', '"\\x41"', "\x0c1"),
    ],
    ids=ascii,
)
def test_json_that_only_some_readers_accept_is_refused(text: str) -> None:
    assert pointers_of(text) == [""]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("-0", 0),
        ("1e308", 1e308),
        ("1e-400", 0.0),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\u0000"', "\x00"),
        ('{"a": 1, "A": 2, "á": 3}', {"a": 1, "A": 2, "á": 3}),
        ("\t\r\n [ ] ", []),
    ],
)
def test_values_at_the_edge_are_taken(text: str, value: JsonValue) -> None:
    assert read_json(text) == value


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_so_many_levels_are_taken_and_one_more_is_not(opening: str, closing: str) -> None:
    inner = "null" if "{" in opening else ""
    read_json(opening * MOST_DEPTH + inner + closing * MOST_DEPTH)
    for depth in (MOST_DEPTH + 1, 10_000):
        text = opening * depth + inner + closing * depth
        (fault,) = faults_of(text)
        assert fault.detail == "is nested deeper than 32 levels"
    assert pointers_of(opening * 10_000) == [""]


def test_only_the_first_of_very_many_faults_are_named() -> None:
    assert pointers_of("[" + ",".join(["NaN"] * 10_000) + "]") == [f"/{n}" for n in range(20)]


@pytest.mark.parametrize(
    "text",
    [
        "[" + "[]," * (MOST_MARKS // 2 - 1) + '"' + ",[{" * 100_000 + '"]',
        "[" + '"\\",[",' * (MOST_MARKS - 2) + "1]",
        "[" + '"\\\\",' * (MOST_MARKS - 2) + "1]",
        '{"' + ",:" * 100_000 + '":' + "[" * 9 + "1," * (MOST_MARKS - 11) + "1" + "]" * 9 + "}",
    ],
    ids=["lists", "escaped quotes", "backslashes", "keys"],
)
def test_marks_are_counted_outside_of_texts_and_one_more_is_refused(text: str) -> None:
    assert read_json(text) == json.loads(text)
    more = text[:-1] + (",0]" if text.endswith("]") else ',"z":0}')
    (fault,) = faults_of(more)
    assert fault.detail == "has 20000 or more commas and opening brackets outside of strings"


@given(st.text('",[{\\a', max_size=40), st.integers(1, 6))
def test_marks_are_counted_as_by_hand(text: str, most: int) -> None:
    """By a loop that knows whether it is inside a string, also where the text is no JSON."""
    inside, escaped, found = False, False, 0
    for letter in text:
        found += not inside and letter in ",[{"
        inside ^= letter == '"' and not (inside and escaped)
        escaped = inside and letter == "\\" and not escaped
    assert (pattern_of_marks(most).match(text) is not None) == (found >= most)


def test_a_document_of_values_only_is_refused_before_any_is_made() -> None:
    """4 MiB of them took 1.7 seconds and a hundred megabytes."""
    text = "[" + "[]," * (4 * 2**20 // 3) + "0]"
    tracemalloc.start()
    faults_of(text)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20


def test_a_very_long_name_is_not_copied_for_each_of_its_members() -> None:
    """Two megabytes ten thousand times took a second, and an error of twenty took 40 MB."""
    members = ",".join(f'"{number}": 1e400' for number in range(9_000))
    faults = faults_of('{"' + "k" * 2_000_000 + '": {' + members + "}}")
    assert [fault.pointer for fault in faults] == [f"/{'k' * 200}/{n}" for n in range(20)]


@pytest.mark.parametrize("text", ["[]", "null", '"a"', "1", "true"])
def test_an_object_is_nothing_else(text: str) -> None:
    with pytest.raises(BadJson, match="must be a JSON object"):
        read_object(text)
    assert read_object('{"a": []}') == {"a": []}
