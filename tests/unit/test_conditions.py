"""Conditions of a filter: how their values are written, and which articles they let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recommender.api import (
    AttributeChoice,
    Choice,
    ListOptions,
    NumberRange,
    read_attribute,
    read_choice,
)
from recommender.api.conditions import read_languages
from tests.support.properties import examples

NAMES = st.text(st.sampled_from("ab-\\,. é"), min_size=1, max_size=6).map(str.strip).filter(bool)


def choice(any_of: str = "", none_of: str = "") -> Choice:
    """The choice of some letters, each a value."""
    return Choice(frozenset(any_of) or None, frozenset(none_of))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a", choice("a")),
        ("a,b", choice("ab")),
        ("-a", choice("", "a")),
        ("a,-b,c,-d", choice("ac", "bd")),
        ("a,-a", choice("a", "a")),
        (" a ,\tb", choice("ab")),
        ("- a", choice("", "a")),
        (r"Arts\, Culture,-x", Choice(frozenset({"Arts, Culture"}), frozenset("x"))),
        (r"\-18", Choice(frozenset({"-18"}))),
        (r"-\-18", Choice(None, frozenset({"-18"}))),
        ("19-20", Choice(frozenset({"19-20"}))),
        (r"a\\", Choice(frozenset({"a\\"}))),
        (r"\a", choice("a")),
        ("a\nb", Choice(frozenset({"a\nb"}))),
    ],
)
def test_values_are_joined_by_commas_and_a_minus_excludes(text: str, read: Choice) -> None:
    assert read_choice(text) == read


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "at least 1 character"),
        (" ", "values of 1 to 300"),
        ("-", "values of 1 to 300"),
        ("a,", "values of 1 to 300"),
        (",a", "values of 1 to 300"),
        ("a,,b", "values of 1 to 300"),
        ("a" * 301, "values of 1 to 300"),
        ("a\\", "ends with a backslash"),
        ("a\x00", "NUL"),
        (",".join("a" * 101), "more than 100 values"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_choice(text)


def escaped(name: str) -> str:
    """A name as docs/http-api.md says to write it."""
    text = name.replace("\\", "\\\\").replace(",", "\\,")
    return "\\" + text if text.startswith("-") else text


@given(st.lists(st.tuples(NAMES, st.booleans()), min_size=1, max_size=5))
@examples(60)
def test_every_name_can_be_written_in_a_text_and_in_a_list(values: list[tuple[str, bool]]) -> None:
    any_of = frozenset(name for name, excluded in values if not excluded)
    wanted = Choice(any_of or None, frozenset(name for name, excluded in values if excluded))
    written = ["-" * excluded + escaped(name) for name, excluded in values]
    assert read_choice(",".join(written)) == wanted
    in_list = [one.replace("\\,", ",") for one in written]  # there a comma is a plain character
    for listed in (written, in_list):
        text = ListOptions.model_validate({"section": listed}).section
        assert text is not None
        assert read_choice(text) == wanted


@pytest.mark.parametrize("value", [[], [1], [""], ["a", ""], ["a\\"], 1, {}, ["a"] * 101])
def test_only_a_text_or_a_list_of_texts_is_a_condition(value: object) -> None:
    with pytest.raises(ValidationError):
        ListOptions.model_validate({"section": value})


INFINITE = float("inf")
RANGES = [
    ("10..20", NumberRange(10, 20)),
    ("10..", NumberRange(10, INFINITE)),
    ("..-1.5", NumberRange(-INFINITE, -1.5)),
    (r"\-10..-5", NumberRange(-10, -5)),
    ("a", "a"),
    ("a.b", "a.b"),
    ("1.5", "1.5"),
    (r"\-5", "-5"),
    (r"a\..b", "a..b"),
]


@pytest.mark.parametrize(("text", "read"), RANGES)
def test_an_attribute_may_be_in_a_range(text: str, read: str | NumberRange) -> None:
    assert read_attribute(text) == AttributeChoice(frozenset({read}))
    assert read_attribute(f"-{text}") == AttributeChoice(None, frozenset({read}))
    both = AttributeChoice(frozenset({read, "other"}), frozenset({read}))
    assert read_attribute(f"{text},-{text},other") == both


@pytest.mark.parametrize("text", ["..", "a..b", "1..2..3", "...", "5..1", "1e3..2e3", ".5..1"])
def test_a_range_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"range"):
        read_attribute(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a,-b", "a,-b"),
        (5, "5"),
        (-5, r"\-5"),
        (2.0, "2"),
        (True, "true"),
        (["a,b", "-c", 1, -1, False], r"a\,b,-c,1,\-1,false"),
    ],
)
def test_a_condition_on_an_attribute_may_be_a_json_value(value: object, text: str) -> None:
    assert ListOptions.model_validate({"attr": {"name": value}}).attr == {"name": text}


@pytest.mark.parametrize(
    ("attr", "place"),
    [
        ({"name": None}, ("attr", "name")),
        ({"name": [["a"]]}, ("attr", "name")),
        ({"name": []}, ("attr", "name")),
        ({"name": ""}, ("attr", "name")),
        ({"Name": "a"}, ("attr", "Name", "[key]")),
        ({f"name{number}": "a" for number in range(21)}, ("attr",)),
        ("a", ("attr",)),
    ],
)
def test_a_condition_on_an_attribute_that_cannot_be_meant_is_named(
    attr: object, place: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        ListOptions.model_validate({"attr": attr})
    assert refused.value.errors()[0]["loc"] == place


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("any", Choice()),
        ("EN", Choice(frozenset({"en"}))),
        ("zh-Hans-CN,ru", Choice(frozenset({"zh", "ru"}))),
        ("-ru-Latn", Choice(None, frozenset({"ru"}))),
        ("en,-ru", Choice(frozenset({"en"}), frozenset({"ru"}))),
    ],
)
def test_languages_are_primary_subtags(text: str, read: Choice) -> None:
    assert read_languages(text) == read
    assert ListOptions(language=text).languages == read


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T05:00:02.5+05:00", 2.5),
    ],
)
def test_a_date_is_its_first_moment_in_utc(value: str, seconds: float) -> None:
    options = ListOptions.model_validate({"published_after": value})
    assert options.published_after is not None
    assert options.published_after.timestamp() == seconds


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"published_after": "yesterday"}, "must be a date"),
        ({"published_after": 20_260_301}, "RFC 3339"),
        ({"published_after": "2026-02-30"}, "RFC 3339"),
        ({"published_after": "2026-03-01T09:30:00"}, "with an offset"),
        ({"published_before": "2026-03-01T09:30:00 05:00"}, "%2B"),
        ({"published_after": "2026-03-02", "published_before": "2026-03-01"}, "must be later"),
        ({"published_after": "2026-03-01", "published_before": "2026-03-01"}, "must be later"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem) as refused:
        ListOptions.model_validate(fields)
    assert refused.value.errors()[0]["loc"] == (list(fields)[-1],)
