"""The draft desk: what a draft repeats, the links to propose in it, its list; nothing is stored."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from html import unescape
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web.console import desk as console_desk
from tests.support.archives import Document, archive_settings, fake_reader, fill, index_fake
from tests.support.signed_in import SignedIn

STORY = re.compile(r'<a class="stories__title" href="/console/story/([^"]+)"')
FERRY = (
    "The Sea Lark carried cargo to the quay of Old Harbour. Captain Moss praised the tide. "
    "The crane lifted the container above the dock, and the pilot tied the rope."
)


@pytest.fixture(scope="module")
def drafters_desk(desk_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the desk with stories that share names with a draft."""
    folder = tmp_path_factory.mktemp("drafters") / "desk"
    of_workers = shutil.ignore_patterns("changes", "workers")
    shutil.copytree(desk_settings.data_dir, folder, ignore=of_workers)
    settings = archive_settings(folder)
    story = {"language": "en", "published_at": "2026-10-02T08:00:00Z", "section": "city"}
    lark = {
        "id": "lark",
        "title": "A ferry",
        "body": FERRY,
        "url": "https://news.example/lark?a=1&b",
    }
    later = (
        "Repairs of Sea Lark went on. A boat of the harbour and a ship met the tide at the pier."
    )
    fill(settings, [story | lark, story | {"id": "old", "title": "Old", "body": later}])
    index_fake(settings)
    return settings


@pytest.fixture(scope="module")
def signed_in(
    lasting_client_of: Callable[..., FlaskClient], drafters_desk: Settings, secrets: dict[str, str]
) -> SignedIn:
    return SignedIn(lasting_client_of(drafters_desk, None), secrets["reader"])


@pytest.fixture
def editor(
    signed_in: SignedIn, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> SignedIn:
    monkeypatch.setattr(console_desk, "time", clock)
    return signed_in


@pytest.fixture
def _reading_drafts(drafters_desk: Settings) -> Iterator[None]:
    with closing(open_store(drafters_desk.database_url)) as store:
        indexer = Indexer(store, fake_reader())
        with DraftServer(drafters_desk.data.draft_socket, lambda: indexer):
            yield


def linked_in(answer: str) -> str:
    """The draft as HTML with the links."""
    found = re.search(r'<textarea id="linked"[^>]*>(.*?)</textarea>', answer, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def part_of(answer: str, name: str) -> str:
    """The section with a heading of a name."""
    return answer.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]


@pytest.mark.usefixtures("_reading_drafts")
def test_a_draft_that_was_published_is_told_with_the_passages(editor: SignedIn) -> None:
    answer = editor.post("/desk", title="Ferry comes in", body=f"{FERRY}\n\nMore is to come.").text
    earlier = part_of(answer, "earlier")
    assert STORY.findall(earlier)[0] == "lark"
    assert "almost the same text" in earlier
    assert earlier.count("<blockquote>") >= 2
    assert "Sea Lark" in unescape(re.sub(r"</?mark>", "", earlier))
    assert "lark" not in STORY.findall(part_of(answer, "links"))


@pytest.mark.usefixtures("_reading_drafts")
def test_phrases_lead_to_stories_and_are_copied_as_html(editor: SignedIn) -> None:
    body = (
        "Yesterday Sea Lark lay in the harbour <b>again</b>.\n\nA sailor said: cargo, tide & quay. "
        "Somebody painted the lighthouse, a mast and the buoy, then went home to his garden."
    )
    answer = editor.post("/desk", title="", body=body.replace("<b>", "").replace("</b>", "")).text
    assert "nothing like it" in part_of(answer, "earlier")
    links = part_of(answer, "links")
    assert "lark" in STORY.findall(links)
    html = linked_in(links)
    assert html.startswith("<p>Yesterday ")
    assert '<a href="https://news.example/lark?a=1&amp;b">' in html
    assert "tide &amp; quay" in re.sub(r"</?a\b[^>]*>", "", html)
    of_markup = editor.post("/desk", title="", body=f"<div>{body}</div>").text
    html = unescape(
        re.findall(r'<textarea id="linked"[^>]*>(.*?)</textarea>', of_markup, re.DOTALL)[0]
    )
    assert re.sub(r"</?a\b[^>]*>", "", html) == f"<div>{body}</div>"


@pytest.mark.usefixtures("_reading_drafts")
def test_the_list_is_that_of_the_api_and_nothing_is_stored(
    editor: SignedIn, drafters_desk: Settings, desk_documents: dict[str, Document]
) -> None:
    before = _change(drafters_desk)
    story = desk_documents["orchard-3"]
    body = f"{story['body']} And then some more about pears."
    page = editor.post("/desk", part=False, title="Pears", body=body)
    draft = {"title": "Pears", "body": body}
    headers = {"X-API-Key": "both-0123456789abcdef"}
    wanted = editor.client.post("/v1/related", json=draft, headers=headers).get_json()
    assert STORY.findall(part_of(page.text, "list")) == [one["id"] for one in wanted["items"]]
    assert "Pears" in page.text  # the form keeps what was sent
    assert STORY.findall(part_of(page.text, "earlier"))[0] == "orchard-3"
    assert _change(drafters_desk) == before


@pytest.mark.usefixtures("_reading_drafts")
def test_a_hostile_draft_is_text(editor: SignedIn) -> None:
    hostile = "</textarea><script>alert(1)</script><p>Sea Lark and Captain Moss met the tide.</p>"
    for title in (hostile, '"><img src=x onerror=alert(2)>'):
        page = editor.post("/desk", part=False, title=title, body=hostile).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert page.count("</textarea>") == page.count("<textarea")


def test_an_empty_draft_and_a_missing_reader_are_told(editor: SignedIn) -> None:
    assert "cannot be read at the moment" in editor.post("/desk", title="A", body="B").text
    refused = editor.post("/desk", title=" ", body=" ")
    assert refused.status_code == 422
    assert "a title or a body is required" in refused.get_json()["detail"]
    assert 'name="form_token"' in editor.get("/desk").text


def _change(settings: Settings) -> int:
    with closing(open_store(settings.database_url)) as store:
        return store.state().change
