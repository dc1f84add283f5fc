"""Pictures of every page of the console: `python -m tests.browser.screens`, to be looked at.

Light, dark, on a phone, in Russian and in Tajik; over the sample archive with what editors have
set, and over an archive where nothing is yet. They are written to build/console.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import httpx
from playwright.sync_api import Browser, sync_playwright

from recommender.articles import as_rfc3339
from recommender.store import open_store
from tests.browser.conftest import FLAGS
from tests.browser.editors import FIRST_PAGE, LOOKS, UNFOLD, Editor, addresses_of_pages, settle
from tests.browser.tabs import Tab
from tests.support.serving import KEY, ROOT, Place, Server

STORY, OTHER = "guiyang-smart-city", "ru-arpa-sboyka"
SAMPLE = ROOT / "recommender" / "sample" / "articles.jsonl"
KEYS = {"READ_ALSO_API_KEYS": f"t:read+write+admin:{KEY}", "READ_ALSO_PUBLIC_READS": "true"}
MORE = {
    "find": ["/console/find?q=smart+city", "/console/find?q=zxqwv"],
    "rules": ["/console/rules?edit=No+AI+in+lists"],
    "making-try": ["/console/making/try?age=90&half_life=1&diversity=60&tried=1"],
    "map-story": [f"/console/map?story={STORY}"],
    "story-cards": [f"/console/story/{STORY}?as=cards"],
    "story-tried": [f"/console/story/{STORY}?age=90&half_life=1&diversity=60&tried=1"],
}
RULES = [
    {"name": "No AI in lists", "action": "never", "items": {"tag": "AI", "section": "technology"}},
    {
        "name": "One from culture",
        "action": "share",
        "at_least": 1,
        "items": {"section": "culture"},
        "under": {"language": "en"},
        "ends_at": "2030-01-01T00:00:00Z",
    },
]


@contextmanager
def filled(folder: Path) -> Iterator[str]:
    """The address of a service over the sample, with what editors have set."""
    place = Place(folder, more=KEYS)
    place.run("import", str(SAMPLE))
    place.run("rebuild", seconds=900)
    with closing(open_store(f"sqlite:///{place.store}")) as store:
        store.policies.put(json.dumps({"rules": RULES}))
    with Server(place) as server:
        with httpx.Client(
            base_url=server.address, headers={"X-API-Key": KEY}, timeout=90
        ) as client:
            listed = client.get(f"/v1/articles/{STORY}/related").json()["items"]
            pins = [{"id": listed[3]["id"], "why": "for the fair"}, {"id": listed[5]["id"]}]
            client.put(f"/v1/articles/{STORY}/pins", json={"pins": pins}).raise_for_status()
            blocks = {"blocks": [{"id": listed[1]["id"], "why": "outdated"}]}
            client.put(f"/v1/articles/{STORY}/blocks", json=blocks).raise_for_status()
            deep = {"title": "A page that nobody can read", "body": "<b>" * 100_000 + "x"}
            client.put("/v1/articles/deep", json=deep)
            now = as_rfc3339(datetime.now(UTC) - timedelta(hours=2), "seconds")
            for number, one in enumerate((STORY, *(item["id"] for item in listed[6:9]))):
                fresh = client.get(f"/v1/articles/{one}").json()
                fresh |= {"id": f"today-{number}", "published_at": now}
                fresh["title"] = f"What came of it: {fresh['title']}"
                client.put(f"/v1/articles/today-{number}?wait=visible", json=fresh)
        yield server.address


@contextmanager
def empty(folder: Path) -> Iterator[str]:
    """The address of a service where nothing is yet."""
    with Server(Place(folder, more=KEYS), ready=False) as server:
        yield server.address


def take(browser: Browser, address: str, folder: Path, look: str, prefix: str) -> None:
    """One picture of each page."""
    context = browser.new_context(**LOOKS[look])
    editor = Editor(Tab(context.new_page()), address)
    editor.page.goto(f"{address}/console/sign-in")
    editor.page.screenshot(path=folder / f"{prefix}sign-in-{look}.png", full_page=True)
    editor.page.fill("[name=key]", KEY)
    editor.page.fill("[name=person]", "Anna Petrova")
    editor.page.keyboard.press("Enter")
    editor.page.wait_for_url(FIRST_PAGE)
    pages = {
        re.sub(r"\W+", "-", path.removeprefix("/console")).strip("-") or "home": [path]
        for path in addresses_of_pages(article_id=STORY, other_id=OTHER, rest="nowhere")
        if not (prefix and STORY in path) and "sign-in" not in path
    }
    for name, paths in [*pages.items(), *(() if prefix else MORE.items())]:
        for number, path in enumerate(paths):
            editor.page.goto(address + path)
            settle(editor.page)
            if "story" in name and look in {"light", "phone"} and path.endswith(STORY):
                editor.page.evaluate(UNFOLD)
            file = f"{prefix}{name}{'-' + str(number + 1) if number else ''}-{look}.png"
            editor.page.screenshot(path=folder / file, full_page=True)
    context.close()


@click.command()
@click.option("--into", default=ROOT / "build" / "console", type=click.Path(path_type=Path))
@click.option("--look", "looks", multiple=True, type=click.Choice(list(LOOKS)))
def main(into: Path, looks: tuple[str, ...]) -> None:
    """Take the pictures."""
    into.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        places = {"": filled, "empty-": empty}
        for prefix, place in places.items():
            (Path(folder) / f"a{prefix}").mkdir()
            with place(Path(folder) / f"a{prefix}") as address:
                for look in looks or LOOKS:
                    take(browser, address, into, look, prefix)
        browser.close()


if __name__ == "__main__":
    main()
