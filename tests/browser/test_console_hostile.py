"""No text that strangers or colleagues write runs in the console, wherever it is shown.

Every payload stands in a headline, a section, a tag, an author, a text, a note, the name of a
person, the name of a rule and the name of a receiver, and in what is typed and pasted.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from recommender.api import Override
from recommender.api_keys import ApiKey
from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import Actor, open_store
from service import create_app
from tests.browser.conftest import Site, served
from tests.browser.editors import UNFOLD, Editor, Editors, addresses_of_pages, settle
from tests.browser.hostile import NAMES, REFUSED_LINKS, TITLES
from tests.browser.tabs import SECRET

pytestmark = pytest.mark.long

LONGEST: Final = {"name": 300, "note": 500, "rule": 100, "person": 60, "actor": 100}
MOST_RULES: Final = 50
IDS: Final = (
    *("javascript:alert", "data:text.html", "vbscript:msgbox", "__proto__", "constructor"),
    *("toString", "--", "~3Cscript~3E", "..~2F..~2Fetc", "hasOwnProperty", "a:b:c", "null", "-1"),
)
"""Texts that mean something to scripts, and that the grammar of ids allows."""
INJECTED: Final = """() => [...document.querySelectorAll('*')].filter((one) =>
    [...one.attributes].some((its) => /^on/i.test(its.name)
      || (/^(href|src|action|formaction|data|xlink:href|srcdoc)$/i.test(its.name)
        && /^[\\s\\x00-\\x1f]*(javascript|data|vbscript):/i.test(its.value)))
    || (one.localName === 'script' && !one.nonce)
    || /^(iframe|object|embed|base|applet|marquee|video|math|style)$/.test(one.localName))
  .map((one) => one.outerHTML.slice(0, 200))"""
"""Elements and attributes that no page of the console has."""


def short(most: int) -> list[str]:
    """The payloads that fit, all of them different."""
    fitting = (text.strip() for text in (*TITLES, *NAMES, *REFUSED_LINKS) if len(text) <= most)
    return list(dict.fromkeys(text for text in fitting if text and text.isprintable()))


def hostile_stories(make_story: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """A story for each payload, with others in its other fields; and some with hostile ids."""
    names = short(LONGEST["name"])
    for number, title in enumerate(TITLES):
        section, tag, author = (names[(number + by) % len(names)] for by in range(3))
        body = f"{make_story('x')['body']} {TITLES[-number]}"
        yield make_story(
            IDS[number] if number < len(IDS) else f"hostile-{number}",
            title=title,
            body=body,
            section=section,
            tags=[tag],
            authors=[author],
            url=f"https://news.example/?u=javascript:alert(1)#{quote(title[:100])}",
        )


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory,
    make_story: Callable[..., Any],
    rebuild_with_fake: Callable[..., object],
    reader_with_fake: Callable[..., Any],
) -> Iterator[Site]:
    """An archive where every text is a payload, with what hostile colleagues have set."""
    folder = tmp_path_factory.mktemp("hostile")
    key = ApiKey.of("<img src=x onerror=window.pwned=1>", {"write", "read", "admin"}, SECRET)
    settings = Settings(f"sqlite:///{folder / 'a.db'}", folder, api_keys=(key,))
    stories = {story["id"]: story for story in hostile_stories(make_story)}
    app = create_app(settings, follows=False)
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = SECRET
    for article_id, story in stories.items():
        assert client.put(f"/v1/articles/{article_id}", json=story).status_code == 201
    app.extensions["read-also"].stop()
    rebuild_with_fake(replace(settings, api_keys=()))
    with closing(open_store(settings.database_url)) as store:
        steer(store, list(stories))
        indexer = Indexer(store, reader_with_fake())
        app = create_app(settings)
        with (
            DraftServer(settings.data.draft_socket, lambda: indexer),
            served(app) as address,
        ):
            yield Site(address, app.test_client(), stories)
        app.extensions["read-also"].stop()


def steer(store: Any, ids: list[str]) -> None:
    """Notes, rules and versions of the policy, each by somebody with a hostile name."""
    people, notes = short(LONGEST["actor"]), short(LONGEST["note"])
    for place, article_id in enumerate(ids[:40]):
        person = people[place % len(people)]
        others = [one for one in ids if one != article_id]
        for kind, first in (("pins", 2 * place), ("blocks", 2 * place + 40)):
            texts = [notes[(first + n) % len(notes)] for n in range(2)]
            some = [others[(first + n) % len(others)] for n in range(2)]
            set_by = tuple(Override(id=i, why=w) for i, w in zip(some, texts, strict=True))
            acting = store.acting(Actor(person, why=notes[(first + 7) % len(notes)]))
            acting.overrides.put(article_id, kind, set_by, person)
    names = short(LONGEST["rule"])
    for number in range(0, len(names), 8):
        actor = Actor(people[number % len(people)], why=names[number])
        store.acting(actor).policies.put(policy_of(names[max(0, number - MOST_RULES) : number + 1]))


def policy_of(names: list[str]) -> str:
    """A policy with a rule of each name, about a tag of the same name."""
    tags = {name: f"none {name}".rstrip("\\") for name in names}
    rules = [{"name": n, "action": "never", "items": {"tag": tag}} for n, tag in tags.items()]
    return json.dumps({"rules": rules})


def assert_nothing_injected(page: Page) -> None:
    """No element and no attribute stands in a page that none of its templates has."""
    page.evaluate(UNFOLD)
    found = page.evaluate(INJECTED)
    assert not found, f"{page.url}: {found}"


def settings_of(site: Site) -> Settings:
    settings: Settings = site.client.application.extensions["read-also"].settings
    return settings


def look_at(anna: Editor, path: str) -> Page:
    """Open a page and all its parts; nothing has run, and nothing was put into it."""
    page = anna.page
    page.goto(anna.address + path)
    settle(page)
    assert_nothing_injected(page)
    anna.tab.assert_clean()
    anna.checked.add(urlsplit(page.url).path)  # axe looks at some of its kind
    return page


def test_there_are_sixty_payloads_for_every_place() -> None:
    assert len(set(TITLES)) > 60
    assert {name: len(short(most)) >= 60 for name, most in LONGEST.items()} == dict.fromkeys(
        LONGEST, True
    )


def test_no_headline_section_tag_or_note_runs_on_any_page(hostile: Site, editor: Editors) -> None:
    anna = editor(hostile.address, person="<img src=x onerror=window.pwned=1>")
    ids = list(hostile.stories)
    for first, second in zip(ids[::9], ids[1::9], strict=True):
        for path in addresses_of_pages(article_id=first, other_id=second, rest="nowhere"):
            if first == ids[0] or first in path:
                assert_nothing_injected(anna.open(path))
    for article_id in ids[: len(IDS)]:
        look_at(anna, f"/console/story/{article_id}")
        look_at(anna, f"/console/map?story={article_id}")


def test_every_payload_is_shown_as_it_is_written(hostile: Site, editor: Editors) -> None:
    """So the pages that were looked at had them."""
    anna = editor(hostile.address)
    page = look_at(anna, "/console/find?limit=100")
    shown = page.locator("#found .stories__title").all_text_contents()
    assert {title.strip() for title in TITLES} - {one.strip() for one in shown} == set()
    names = short(LONGEST["rule"])
    with closing(open_store(settings_of(hostile).database_url)) as store:
        for some in (names[:MOST_RULES], names[MOST_RULES:]):
            store.policies.put(policy_of(some))
            page = look_at(anna, "/console/rules")
            assert page.locator("#rules h3").all_text_contents() == some
    anna.check()
    notes = set[str]()
    for article_id in list(hostile.stories)[:40]:
        page = look_at(anna, f"/console/story/{article_id}")
        notes |= set(page.locator("#steer q").all_text_contents())
    assert len(notes & set(short(LONGEST["note"]))) >= 60


def test_nothing_that_is_typed_or_pasted_runs(hostile: Site, editor: Editors) -> None:
    anna = editor(hostile.address)
    page = anna.open("/console/desk")
    for number in range(0, len(TITLES), 8):
        page.fill("[name=title]", TITLES[number])
        page.fill("[name=body]", "\n".join((*TITLES[number : number + 8], "ship and quay " * 20)))
        page.keyboard.press("Control+Enter")
        settle(page)
        assert_nothing_injected(page)
        anna.tab.assert_clean()
    for text in short(200)[::4]:
        look_at(anna, f"/console/find?q={quote(text)}&section={quote(text)}&state={quote(text)}")
        page = look_at(anna, "/console/rules")
        page.get_by_label("What to call it").fill(text[:100])
        page.get_by_label("Section", exact=True).first.fill(text)
        expect(page.locator("#rule-preview .rule__sentence, #rule-preview .fault")).to_be_visible()
        assert_nothing_injected(page)
        anna.tab.assert_clean()
    anna.check()
    anna.open(f"/console/find?q={quote(TITLES[0])}")


def test_no_name_of_a_person_runs_where_people_are_named(hostile: Site, editor: Editors) -> None:
    for person in short(LONGEST["person"]):
        sent = {"key": SECRET, "person": person}
        hostile.client.application.test_client().post("/console/sign-in", data=sent)
    anna = editor(hostile.address)
    page = look_at(anna, "/console/sessions")
    named = set(page.locator("main .stories h2").all_text_contents())
    assert set(short(LONGEST["person"])) - named == set()
    anna.check()
    assert_nothing_injected(anna.open("/console/making"))


def test_no_address_to_read_from_or_to_go_on_to_runs(hostile: Site, editor: Editors) -> None:
    anna = editor(hostile.address)
    token = str(anna.page.locator("meta[name=form-token]").get_attribute("content"))
    for place in (*REFUSED_LINKS, *(f"https://x.example/{text}" for text in short(100))):
        form: dict[str, str | float | bool] = {
            "form_token": token,
            "place": place,
            "onward": place,
            "language": "en",
        }
        for action in ("jobs/import", "language"):
            address = f"{hostile.address}/console/{action}"
            answer = anna.page.request.post(address, form=form, max_redirects=0)
            assert answer.headers.get("location", "/console").startswith("/console")
    for path in ("/console/health", "/console/start"):
        assert_nothing_injected(anna.open(path))
