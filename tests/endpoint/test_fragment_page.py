"""docs/fragment.md is true: its example, its classes, parameters and figures."""

import re
from importlib.resources import files
from pathlib import Path

from flask.testing import FlaskClient

from recommender.api import LONGEST_HEADING, FragmentOptions
from recommender.web.endpoints import parameters_of
from recommender.web.page_languages import HEADINGS
from recommender.web.responses import (
    FRESH_SECONDS,
    MOST_KEYS_BYTES,
    STALE_ON_ERROR_SECONDS,
    STALE_SECONDS,
    UNREAD_SECONDS,
)

PAGE = (Path(__file__).parents[2] / "docs" / "fragment.md").read_text("utf-8")
WEB = files("recommender.web")
TEMPLATE = (WEB / "templates" / "related.html").read_text("utf-8")
SCRIPT = (WEB / "static" / "read-also.js").read_text("utf-8")
STYLE = (WEB / "static" / "read-also.css").read_text("utf-8")


def names_under(heading: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)


def quoted_after(mark: str) -> list[str]:
    """The quoted words of the paragraph after a mark."""
    paragraph = PAGE.split(f"<!-- {mark} -->\n")[1].split("\n\n")[0]
    return re.findall(r"`([^`]+)`", paragraph)


def test_the_example_is_what_the_sample_answers(sample_client: FlaskClient) -> None:
    (example,) = re.findall(r"```html\n(<section.*?)```", PAGE, re.DOTALL)
    answer = sample_client.get("/v1/articles/guiyang-smart-city/related.html?limit=1")
    assert answer.text == example


def test_the_page_explains_every_class_and_no_other() -> None:
    used = set(re.findall(r"read-also(?:__[a-z]+)?(?=[ \"{])", TEMPLATE))
    kinds = {"read-also__item--pinned", "read-also__item--fallback"}
    documented = names_under("Classes")
    assert set(documented) == used | kinds
    assert len(documented) == len(set(documented)) == 10


def test_the_theme_styles_existing_classes_and_takes_the_documented_colours() -> None:
    assert set(re.findall(r"\.(read-also[a-z_-]*)", STYLE)) <= set(names_under("Classes"))
    colours = set(re.findall(r"var\((--[a-z-]+)", STYLE))
    assert colours == set(re.findall(r"`(--[a-z-]+)`", PAGE))


def test_the_parameters_are_those_of_html() -> None:
    assert names_under("Parameters") == ["heading", "heading_level", "images"]
    assert f"1 to {LONGEST_HEADING} characters" in PAGE


def test_the_languages_are_those_that_have_a_heading() -> None:
    assert quoted_after("headings") == sorted(HEADINGS, key=str)


def test_the_script_takes_the_documented_attributes_which_are_parameters() -> None:
    (names,) = re.findall(r'const names = "([^"]+)"', SCRIPT)
    documented = [name for name in quoted_after("attributes") if name.startswith("data-")]
    assert [*(f"data-{name}" for name in names.split()), "data-attr.price"] == documented
    found = {name.replace("-", "_") for name in names.split()} | {"attr"}
    assert found == parameters_of(FragmentOptions).keys()


def test_the_cache_times_are_those_of_the_code() -> None:
    assert (
        f"`max-age={FRESH_SECONDS}, stale-while-revalidate={STALE_SECONDS}, "
        f"stale-if-error={STALE_ON_ERROR_SECONDS}`"
    ) in PAGE
    assert f"`max-age={UNREAD_SECONDS}`" in PAGE
    assert f"{FRESH_SECONDS + STALE_SECONDS} seconds old" in PAGE
    assert f"{MOST_KEYS_BYTES:,} bytes" in PAGE
