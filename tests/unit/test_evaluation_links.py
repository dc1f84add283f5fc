"""Links as judgments: spellings of one page are equal; a link to no web page is None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.evaluation.links import canonical_page

HERE = "https://news.example/city/2024/ferry/"


@pytest.mark.parametrize(
    "link",
    [
        "https://news.example/city/bridge",
        "http://news.example/city/bridge",
        "https://NEWS.Example/city/bridge",
        "https://news.example:443/city/bridge/",
        "HTTP://news.example:80/city/bridge#comments",
        "https://news.example/city/bridge?utm_source=mail&UTM_Medium=x",
        "//news.example/city/bridge",
        "/city/bridge",
        "/city/bridge/?#",
        "../../bridge",
        "https://news.example/city/%62ridge",
        "https://news.example./city/bridge",
    ],
)
def test_spellings_of_one_page_have_one_address(link: str) -> None:
    assert canonical_page(link, HERE) == "news.example/city/bridge"


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://news.example/?p=12&utm_source=x", "news.example?p=12"),
        ("https://news.example/a?p=12&q=", "news.example/a?p=12&q="),
        ("https://news.example:8080/a", "news.example:8080/a"),
        ("https://news.example/A", "news.example/A"),
        ("https://www.news.example/a", "www.news.example/a"),
        ("https://news.example/мост", "news.example/%D0%BC%D0%BE%D1%81%D1%82"),
        ("https://news.example/%d0%bc%d0%be%d1%81%d1%82", "news.example/%D0%BC%D0%BE%D1%81%D1%82"),
        ("#top", "news.example/city/2024/ferry"),
        ("", "news.example/city/2024/ferry"),
    ],
)
def test_parts_of_a_link_that_name_another_page_stay(link: str, address: str) -> None:
    assert canonical_page(link, HERE) == address


@pytest.mark.parametrize(
    "link",
    [
        *("mailto:desk@news.example", "javascript:alert(1)", "data:text/html,x", "tel:123"),
        *(
            "http://",
            "http://[",
            "https://news.example:port/",
            "https://:80/",
            "file:///etc/passwd",
        ),
    ],
)
def test_a_link_to_no_web_page_has_no_address(link: str) -> None:
    assert canonical_page(link, HERE) is None


def test_a_relative_link_needs_the_address_of_its_page() -> None:
    assert canonical_page("/city/bridge") is None


@given(st.text(max_size=60))
def test_no_link_makes_it_fail_and_a_canonical_address_stays_the_same(link: str) -> None:
    address = canonical_page(link, HERE)
    assert address is None or canonical_page(f"https://{address}") == address
