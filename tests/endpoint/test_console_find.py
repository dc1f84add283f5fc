"""Find, in the console: by words, by meaning, by name; what readers may not see, too."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from html import unescape
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web.console import find as console_find
from tests.support.archives import (
    Document,
    archive_settings,
    copy_archive,
    fake_reader,
    fill,
    index_fake,
)
from tests.support.signed_in import SignedIn

STORY = re.compile(r'<a class="stories__title" href="/console/story/([^"]+)"')
TAG = re.compile(r'<span class="tag tag--\w+">([^<]+)</span>')


@pytest.fixture(scope="module")
def finders_desk(desk_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the desk that all tests here search; some add stories with words of their own."""
    folder = tmp_path_factory.mktemp("finders") / "desk"
    copy_archive(desk_settings.data_dir, folder)
    return archive_settings(folder)


@pytest.fixture(scope="module")
def signed_in(
    lasting_client_of: Callable[..., FlaskClient], finders_desk: Settings, secrets: dict[str, str]
) -> SignedIn:
    return SignedIn(lasting_client_of(finders_desk, None), secrets["editor"])


@pytest.fixture
def editor(
    signed_in: SignedIn, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> SignedIn:
    monkeypatch.setattr(console_find, "time", clock)
    return signed_in


@pytest.fixture
def reading_drafts(finders_desk: Settings) -> Iterator[None]:
    """While an indexer reads drafts for the desk."""
    with closing(open_store(finders_desk.database_url)) as store:
        indexer = Indexer(store, fake_reader())
        with DraftServer(finders_desk.data.draft_socket, lambda: indexer):
            yield


def find(editor: SignedIn, **query: str) -> list[str]:
    """The ids of the stories that are found."""
    answer = editor.get("/find", part=True, **query)
    assert answer.status_code == 200, answer.text
    return [unescape(one) for one in STORY.findall(answer.text)]


def test_an_empty_search_shows_the_newest(editor: SignedIn) -> None:
    found = find(editor, limit="3")
    assert found == ["harbour-scheduled", "harbour-12", "harbour-11"]
    assert find(editor, blank="1") == []


def test_the_beginnings_of_the_words_of_a_headline_find_it(
    editor: SignedIn, desk_documents: dict[str, Document]
) -> None:
    words = [word[:4].upper() for word in desk_documents["harbour-7"]["title"].split()]
    assert find(editor, q=" ".join(words))[0] == "harbour-7"


def test_words_of_the_text_find_it_and_a_missing_indexer_is_told(
    editor: SignedIn, finders_desk: Settings
) -> None:
    fill(
        finders_desk,
        [{"id": "rare", "title": "A day", "body": "A zeppelin landed.", "language": "en"}],
    )
    index_fake(finders_desk)
    answer = editor.get("/find", part=True, q="zeppelin").text
    assert STORY.findall(answer) == ["rare"]
    assert "words in the text" in answer
    assert "Only the words are compared" in answer


@pytest.mark.usefixtures("reading_drafts")
def test_the_meaning_finds_stories_that_no_headline_names(editor: SignedIn) -> None:
    """The fake encoder's meaning is the words of the whole text."""
    answer = editor.get("/find", part=True, q="apple pear plum cherry cider", limit="6").text
    assert {one.partition("-")[0] for one in STORY.findall(answer)} == {"orchard"}
    assert "Only the words are compared" not in answer


@pytest.mark.parametrize(
    "query",
    [
        *("harbour-5", "https://news.example/harbour-5", "http://www.news.example/harbour-5/"),
        *(" https://desk.example/console/story/harbour-5 ", "/v1/articles/harbour-5"),
    ],
)
def test_an_id_or_an_address_finds_its_story_alone(editor: SignedIn, query: str) -> None:
    assert find(editor, q=query) == ["harbour-5"]


@pytest.mark.parametrize(
    ("state", "kinds", "said"),
    [
        ("draft", ["draft"], "draft"),
        ("withheld", ["withheld"], "withheld"),
        ("canceled", ["canceled"], "withdrawn"),
        ("scheduled", ["scheduled"], "appears 21 October 2026 12:00"),
        ("embargoed", ["embargoed"], "held back until 21 October 2026 12:00"),
        ("expired", ["expired"], "expired 19 October 2026 12:00"),
        ("never", ["never"], "never recommended"),
        ("untitled", ["untitled"], "no headline, so in no list"),
    ],
)
def test_what_readers_do_not_see_is_found_and_labelled(
    editor: SignedIn, state: str, kinds: list[str], said: str
) -> None:
    answer = editor.get("/find", part=True, state=state).text
    assert STORY.findall(answer) == [f"harbour-{kind}" for kind in kinds]
    assert {unescape(one) for one in TAG.findall(answer)} == {said}
    shown = find(editor, state="shown", limit="100")
    assert f"harbour-{kinds[0]}" not in shown


def test_a_text_that_could_not_be_read_says_why(editor: SignedIn, finders_desk: Settings) -> None:
    fill(
        finders_desk,
        [{"id": "bad", "title": "Poisoned", "body_html": "<poison>", "language": "en"}],
    )
    for _ in range(3):
        index_fake(finders_desk)
    for query in ({"q": "poison"}, {"state": "unreadable"}):
        answer = editor.get("/find", part=True, **query).text
        assert STORY.findall(answer) == ["bad"]
        assert "could not be read" in answer
    assert "its HTML cannot be understood" in answer
    fill(finders_desk, [{"id": "new", "title": "Unread yet", "body": "A text.", "language": "en"}])
    assert "waits to be read" in editor.get("/find", part=True, q="unread yet").text


def test_filters_narrow_down(editor: SignedIn) -> None:
    assert {one[:7] for one in find(editor, section="farm")} == {"orchard"}
    assert find(editor, language="tg") == ["harbour-1-tg", "harbour-tg"]
    found = find(editor, since="2026-10-05", until="2026-10-06", section="city", state="shown")
    assert "harbour-5" in found
    assert {"harbour-4", "harbour-6", "harbour-7"}.isdisjoint(found)
    assert editor.get("/find", part=True, since="yesterday").status_code == 400


def test_without_the_store_who_was_let_in_still_finds(
    editor: SignedIn, store_away: Callable[[], AbstractContextManager[None]]
) -> None:
    assert editor.get("/find", q="harbour-draft").status_code == 200
    with store_away():
        assert editor.get("/find", q="harbour-draft").status_code == 200


def test_hostile_headlines_are_text(editor: SignedIn) -> None:
    answer = editor.get("/find", part=True, q="script alert").text
    assert "hostile" in STORY.findall(answer)
    assert "<script" not in answer
    assert "&lt;<mark>script</mark>&gt;" in answer
    page = editor.get("/find", q='"><script>alert(4)</script>').text
    assert "<script>alert" not in page


def test_more_are_shown_on_request(editor: SignedIn) -> None:
    answer = editor.get("/find", part=True, q="harbour", limit="5").text
    assert len(STORY.findall(answer)) == 5
    assert 'name="limit" value="45"' in answer
    assert "The 5 best matches" in answer


def test_the_page_offers_the_sections_and_languages_of_the_archive(
    editor: SignedIn, finders_desk: Settings
) -> None:
    page = editor.get("/find", section="farm").text
    assert re.search(r"<option selected>farm</option>", page)
    assert '<option value="tg">Тоҷикӣ</option>' in page or '<option value="tg">' in page
    with closing(open_store(finders_desk.database_url)) as store:
        assert store.outlines(["harbour-1", "nobody"]).keys() == {"harbour-1"}
