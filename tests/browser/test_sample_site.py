"""The demonstration's newspaper in a browser: no link is dead, and nothing comes from elsewhere.

With `READ_ALSO_PICTURES=docs/pictures` the pictures of the README are made anew. Install the Debian
packages fonts-noto-core and fonts-noto-cjk before.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import urlopen

import pytest
from lxml import html
from PIL import Image

from recommender.settings import Settings
from service import create_app
from tests.browser.conftest import served
from tests.browser.tabs import AXE, Tab
from tests.support.missing_software import skip_or_fail

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]

EDITIONS = ("en", "ru", "tg", "zh")
STORIES = ("guiyang-smart-city", "ru-arpa-sboyka", "tg-chorroha", "zh-guian-jifang")
ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 80_000  # of a picture
DESK = {"width": 1100, "height": 860}
PHONE = {"width": 360, "height": 740}
LINKS = "all => all.map(one => one.href)"
UNSHOWN = """() => {
  window.scrollTo(0, document.body.scrollHeight);
  return [...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src);
}"""
"""Images that were loaded and are none."""


@pytest.fixture(scope="module")
def newspaper(sample_settings: Settings) -> Iterator[str]:
    """The address of the sample's newspaper, open to all."""
    app = create_app(replace(sample_settings, public_reads=True), reader_pages=True, follows=False)
    shared = app.extensions["read-also"]
    shared.follower.refresh()
    with served(app) as address:
        yield address
    shared.stop()


def front_pages(site: str) -> list[str]:
    return [f"{site}/", *(f"{site}/news/{language}" for language in EDITIONS)]


def test_every_link_of_every_page_is_answered(newspaper: str, tab: Tabs) -> None:
    """From the four front pages on; the browser opens front pages, sections and stories."""
    shown = tab()
    waiting, seen = front_pages(newspaper), set[str]()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        kind = urlsplit(address).path.split("/")[1]
        if kind in {"", "news", "read"}:
            answered = shown.page.goto(address, wait_until="domcontentloaded")
            status = answered and answered.status
            links = shown.page.eval_on_selector_all("a[href], link[href]", LINKS)
        else:
            status, links = follow(address)
        assert status == 200, address
        assert {urlsplit(link).netloc for link in links} <= {urlsplit(newspaper).netloc}, address
        waiting += links
    shown.assert_clean()
    read = {address.rpartition("/")[2] for address in seen if "/read/" in address}
    assert len(read) == 136  # all but the one that is withheld
    assert {f"{newspaper}/news/{language}" for language in EDITIONS} <= seen


def follow(address: str) -> tuple[int, list[str]]:
    """The status of an answer, and where its links lead, if it says why stories are listed."""
    with urlopen(address) as answer:  # noqa: S310 - of loopback, as its caller checks
        status, body = answer.status, answer.read()
    if "/why/" not in address:
        return status, []
    links: Any = html.document_fromstring(body).xpath("//@href")
    return status, [urljoin(address, link) for link in links]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_telephone_with_all_their_pictures_and_axe_finds_nothing(
    newspaper: str, tab: Tabs, scheme: str
) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    shown = tab(color_scheme=scheme, viewport=PHONE)
    stories = [f"{newspaper}/{kind}/{story}" for story in STORIES for kind in ("read", "why")]
    for page in (*front_pages(newspaper), f"{newspaper}/news/en/culture", *stories):
        shown.page.goto(page)
        assert shown.page.evaluate("document.scrollingElement.scrollWidth") == 360, page
        assert shown.page.evaluate(UNSHOWN) == [], page
        shown.page.evaluate(AXE.read_text("utf-8"))
        found = shown.page.evaluate("axe.run()")
        faulty = [(one["id"], node) for one in found["violations"] for node in one["nodes"]]
        assert [(page, name, node["failureSummary"]) for name, node in faulty] == []
        assert {"link-name", "color-contrast"} <= {one["id"] for one in found["passes"]}
    shown.assert_clean()


@pytest.mark.parametrize(
    ("name", "path", "at"),
    [
        ("newspaper-front", "/", "header"),
        ("newspaper-story", "/read/guiyang-smart-city", ".story p:nth-last-of-type(2)"),
    ],
)
def test_the_readme_shows_the_newspaper(
    newspaper: str, tab: Tabs, name: str, path: str, at: str
) -> None:
    shown = tab(viewport=DESK)
    shown.page.goto(newspaper + path)
    shown.page.locator(at).first.evaluate("one => one.scrollIntoView()")
    shown.page.wait_for_load_state("networkidle")
    file = BytesIO()
    Image.open(BytesIO(shown.page.screenshot())).convert("RGB").save(file, "WEBP", quality=80)
    folder = os.environ.get("READ_ALSO_PICTURES")
    if folder:
        (ROOT / folder / f"{name}.webp").write_bytes(file.getvalue())
    assert f"](docs/pictures/{name}.webp)" in (ROOT / "README.md").read_text("utf-8")
    assert (PICTURES / f"{name}.webp").stat().st_size < MOST_BYTES
    shown.assert_clean()
