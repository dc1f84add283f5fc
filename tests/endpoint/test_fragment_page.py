"""docs/fragment.md is true: its example, its classes, parameters and figures."""

import gzip
import re
from importlib.resources import files
from pathlib import Path

from flask.testing import FlaskClient

from recommender.api import LAYOUTS, LONGEST_HEADING, FragmentOptions, ListOptions
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


def classes() -> set[str]:
    """All names in the first column of the table of classes."""
    part = PAGE.split("## Classes\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", part, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(names) == len(set(names))
    return set(names)


def test_the_page_explains_every_class_and_no_other() -> None:
    used = set(re.findall(r"read-also(?:__[a-z]+)?(?:--pictured)?(?=[ \"{])", TEMPLATE))
    kinds = {f"read-also__item--{kind}" for kind in ("pinned", "fallback")}
    labels = {f"read-also__label--{kind}" for kind in ("pinned", "latest", "language")}
    assert classes() == used | kinds | labels | {f"read-also--{layout}" for layout in LAYOUTS}
    assert len(used) == 12


def test_the_theme_styles_existing_classes_and_takes_the_documented_properties() -> None:
    assert set(re.findall(r"\.(read-also[a-z_-]*)", STYLE)) <= classes()
    properties = set(re.findall(r"var\((--read[a-z-]+)", STYLE))
    assert properties == set(re.findall(r"`(--[a-z-]+)`", PAGE))


def test_the_style_is_small() -> None:
    assert len(gzip.compress(STYLE.encode())) < 4_000


def test_the_layouts_are_those_of_the_code() -> None:
    assert names_under("Layouts")[1 : 1 + len(LAYOUTS)] == [*LAYOUTS]


def test_the_parameters_are_those_of_html() -> None:
    own = FragmentOptions.model_fields.keys() - ListOptions.model_fields.keys()
    assert set(names_under("Parameters")) == own
    assert f"1 to {LONGEST_HEADING} characters" in PAGE


def test_the_languages_are_those_that_have_a_heading() -> None:
    assert quoted_after("headings") == sorted(HEADINGS, key=str)


def test_the_script_takes_the_documented_attributes_which_are_parameters() -> None:
    (names,) = re.findall(r'const names = "([^"]+)"', SCRIPT)
    documented = [name for name in quoted_after("attributes") if name.startswith("data-")]
    assert [*(f"data-{name}" for name in names.split()), "data-attr.price"] == documented
    # `data-style` of the script element says whether it loads the style, once for all lists.
    found = {name.replace("-", "_") for name in names.split()} | {"attr", "stylesheet"}
    assert found == parameters_of(FragmentOptions).keys()


def test_the_cache_times_are_those_of_the_code() -> None:
    assert (
        f"`max-age={FRESH_SECONDS}, stale-while-revalidate={STALE_SECONDS}, "
        f"stale-if-error={STALE_ON_ERROR_SECONDS}`"
    ) in PAGE
    assert f"`max-age={UNREAD_SECONDS}`" in PAGE
    assert f"{FRESH_SECONDS + STALE_SECONDS} seconds old" in PAGE
    assert f"{MOST_KEYS_BYTES:,} bytes" in PAGE
