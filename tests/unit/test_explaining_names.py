"""The names that two texts share, by hand."""

import pytest

from recommender.articles import Article
from recommender.explaining.names import names_of, shared_names


def text(body: str, **fields: str) -> Article:
    return Article(**{"id": "a", "title": "T", "body": body} | fields)  # type: ignore[arg-type]


def spelt(body: str) -> list[str]:
    return [name.spelt for name in names_of(text(body)).values()]


def shared(one: str, other: str) -> tuple[str, ...]:
    return shared_names(names_of(text(one)), names_of(text(other)))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("We went to Khujand by bus.", ["Khujand"]),
        ("Buses left. Trams came.", []),
        ("Khujand is old. We like Khujand.", ["Khujand"]),
        ("The Bank closed. A bank opened, said the Bank.", []),
        ("In the White House a house is white.", ["White House"]),
        ("He met Sadriddin Aini there.", ["Sadriddin", "Sadriddin Aini", "Aini"]),
        ("There Khujand, Isfara met.", ["Khujand", "Isfara"]),
        ("Yes: Nobody came. Asked he, “Why now”.", []),
        ("He said, “Everybody knows”.", []),
        ("It is Guiyang\u2019s Data Park.", ["Guiyang", "Data", "Data Park", "Park"]),
        ("Then I saw J Smith of NATO.", ["Smith", "NATO"]),
        ("In Xi'an, Al-Masri spoke on COVID-19.", ["Xi'an", "Al-Masri", "COVID"]),
        ("the line ends\nWhere another begins", []),
    ],
)
def test_a_name_is_what_has_a_capital_where_others_have_none(body: str, names: list[str]) -> None:
    assert spelt(body) == names


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("Вчера в Душанбе компания «Азия-Плюс» открылась. Там тепло.", ["Душанбе", "Азия-Плюс"]),
        ("Дирӯз дар Хуҷанд борон борид.", ["Хуҷанд"]),
        ("Χθες στην Αθήνα έβρεξε.", ["Αθήνα"]),
        ("贵阳的智慧城市 Guiyang", ["Guiyang"]),
        ("贵阳的智慧城市在哪里", []),
        ("افتتح الرئيس المعرض في دوشنبه", []),
    ],
)
def test_scripts_without_capitals_have_no_names(body: str, names: list[str]) -> None:
    assert spelt(body) == names


def test_a_headline_of_capitals_tells_no_names() -> None:
    assert names_of(text("It is so.", title="Mothers Teach Machines To See")) == {}
    assert [n.spelt for n in names_of(Article(id="a", title="Rain in Khujand")).values()] == [
        "Khujand"
    ]


def test_a_shared_name_is_told_whole_as_the_item_spells_it() -> None:
    seed = "We saw Владимира Петровского in Isfara, said Anna Lee."
    item = "There Владимир Петровский saw Anna Lee. They left Khujand."
    assert shared(seed, item) == ("Владимир Петровский", "Anna Lee")
    assert shared(item, seed) == ("Владимира Петровского", "Anna Lee")


def test_the_most_frequent_names_stand_first_and_ten_at_most() -> None:
    towns = [3 * mark.upper() for mark in "abcdefghijk"]
    both = "we saw " + ", ".join([*towns, "KKK"])
    assert shared(both, both) == ("KKK", *towns[:9])


def test_nothing_is_shared_with_nothing() -> None:
    assert shared("", "We saw Khujand.") == shared("We saw Khujand.", "") == ()
