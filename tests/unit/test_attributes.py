"""An article's own attributes: which are taken, how they are stored, and how they are compared."""

import json
from typing import Any

import pytest

from recommender.articles import Article, parse_article, parse_outline
from recommender.attributes import Scalar, text_of, texts_alike
from recommender.errors import InvalidArticle
from recommender.ranking.filters import keywords_of, numbers_of

TAKEN: dict[str, Any] = {
    "price": 12.5,
    "year": 2026,
    "free": True,
    "city": "Osh",
    "places": ["Osh", -1, 2.5, False],
    "none": [],
    "a_1": "x" * 300,
}


def parsed(attributes: object) -> Article:
    return parse_article(json.dumps({"id": "a", "title": "T", "attributes": attributes}))


def test_attributes_are_kept_as_given_in_the_order_of_their_names() -> None:
    article = parsed(TAKEN)
    assert article.to_document()["attributes"] == TAKEN
    assert list(article.attributes) == sorted(TAKEN)
    for text in (article.to_json(), article.to_outline()):
        assert json.loads(text)["attributes"] == TAKEN
    assert parse_outline(article.to_outline()) == article
    backwards = dict(reversed(TAKEN.items()))
    assert parsed(backwards).to_json() == article.to_json()


@pytest.mark.parametrize("nothing", [None, {}, {"price": None}])
def test_null_is_an_absent_attribute(nothing: object) -> None:
    assert parsed(nothing) == Article(id="a", title="T")
    assert "attributes" not in parsed(nothing).to_json()


@pytest.mark.parametrize(
    ("attributes", "pointer", "problem"),
    [
        ([], "", "dictionary"),
        ("x", "", "dictionary"),
        ({"Price": 1}, "/Price", "pattern"),
        ({"a b": 1}, "/a b", "pattern"),
        ({"a/b": 1}, "/a~1b", "pattern"),
        ({"": 1}, "/", "pattern"),
        ({"a" * 41: 1}, "/" + "a" * 41, "pattern"),
        ({"price": {}}, "/price", "must be a text, a number, true, false"),
        ({"price": [[1]]}, "/price", "must be a text, a number, true, false"),
        ({"price": [None]}, "/price", "must be a text, a number, true, false"),
        ({"price": 2**53}, "/price", "must be a number between"),
        ({"price": 1e300}, "/price", "must be a number between"),
        ({"city": ""}, "/city", "1 to 300 characters"),
        ({"city": " "}, "/city", "1 to 300 characters"),
        ({"city": "x" * 301}, "/city", "1 to 300 characters"),
        ({"city": "a\x00"}, "/city", "without NUL"),
        ({"city": [1] * 51}, "/city", "51 entries"),
        ({f"a{number}": 1 for number in range(51)}, "", "at most 50"),
        ({f"a{number}": ["x" * 300] * 50 for number in range(2)}, "", "16384 bytes"),
    ],
)
def test_what_cannot_be_an_attribute_is_refused_at_its_place(
    attributes: object, pointer: str, problem: str
) -> None:
    with pytest.raises(InvalidArticle) as refused:
        parsed(attributes)
    (fault,) = refused.value.faults
    assert fault.pointer == f"/attributes{pointer}"
    assert problem in fault.detail


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (12.0, "12"),
        (-0.0, "0"),
        (2.5, "2.5"),
        ("1", "1"),
    ],
)
def test_a_value_is_compared_by_its_text(value: Scalar, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("12", {"12"}),
        ("12.0", {"12.0", "12"}),
        ("1.50", {"1.50", "1.5"}),
        ("1e-7", {"1e-7", "1e-07"}),
        ("1.0E-7", {"1.0E-7", "1e-07"}),
        ("0.00001234567890123456", {"0.00001234567890123456", "1.234567890123456e-05"}),
        ("x", {"x"}),
        ("1e400", {"1e400"}),
    ],
)
def test_the_text_of_a_number_also_stands_for_the_number(text: str, alike: set[str]) -> None:
    assert texts_alike(text) == alike


def test_an_article_is_found_by_its_names_and_numbers() -> None:
    article = parsed({"city": ["Osh", 7], "free": True, "price": 2.0}).model_copy(
        update={"tags": ("port",), "authors": ("Anna", "Ben")}
    )
    assert keywords_of(article) == {
        *("tag:port", "author:Anna", "author:Ben", "has:city", "has:free", "has:price"),
        *("attribute:city=Osh", "attribute:city=7", "attribute:free=true", "attribute:price=2"),
    }
    assert numbers_of(article) == {"city": [7.0], "price": [2.0]}
