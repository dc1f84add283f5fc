"""The names that two texts share, by hand."""

import pytest

from recommender.articles import Article
from recommender.ranking.shared_text import MOST_READ, Key, Name, names_of, shared_names


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
def test_a_name_has_a_capital_where_other_words_have_none(body: str, names: list[str]) -> None:
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


def test_a_headline_in_capitals_has_no_names() -> None:
    assert names_of(text("It is so.", title="Mothers Teach Machines To See")) == {}
    assert [n.spelt for n in names_of(Article(id="a", title="Rain in Khujand")).values()] == [
        "Khujand"
    ]


def test_a_shared_name_is_whole_and_spelled_as_in_the_item() -> None:
    seed = "We saw Владимира Петровского in Isfara, said Anna Lee."
    item = "There Владимир Петровский saw Anna Lee. They left Khujand."
    assert shared(seed, item) == ("Владимир Петровский", "Anna Lee")
    assert shared(item, seed) == ("Владимира Петровского", "Anna Lee")


def test_the_most_frequent_names_come_first_and_ten_at_most() -> None:
    towns = [3 * mark.upper() for mark in "abcdefghijk"]
    both = "we saw " + ", ".join([*towns, "KKK"])
    assert shared(both, both) == ("KKK", *towns[:9])


def test_nothing_is_shared_with_nothing() -> None:
    assert shared("", "We saw Khujand.") == shared("We saw Khujand.", "") == ()


# What hostile texts cost.


class Word(str):
    """A word that counts how often it is compared with another."""

    __slots__ = ()
    __hash__ = str.__hash__
    compared = 0

    def __eq__(self, other: object) -> bool:
        Word.compared += 1
        return str.__eq__(self, other)


def test_names_are_looked_up_and_not_compared_with_each_other() -> None:
    words = [f"name{at}" for at in range(400)]
    keys: list[Key] = [(Word(word),) for word in words]
    keys += [(Word(one), Word(other)) for one, other in zip(words, words[200:], strict=False)]
    both = {key: Name(" ".join(key), 1) for key in keys}
    Word.compared = 0
    assert shared_names(both, both, len(keys)) == tuple(map(" ".join, keys[400:]))
    assert Word.compared < 10 * len(keys)


def test_no_more_names_of_a_text_are_read_than_a_few_hundred() -> None:
    towns = [
        f"{one}{two}x" for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for two in "abcdefghijklmnop" * 2
    ]
    found = names_of(text("we saw " + " ".join(towns) + " and Zpx"))
    assert len(found) == MOST_READ
    assert list(found)[:3] == [("aax",), ("aax", "abx"), ("aax", "abx", "acx")]
    # Those that are known are counted to the end.
    assert names_of(text("we saw Isfara, " + ", ".join(towns) + ", Isfara"))[("isfara",)].count == 2
