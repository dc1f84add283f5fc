"""The story page of the console: the list with its reasons, as readers see it, and what is not."""

import re
from collections.abc import Callable
from contextlib import closing
from typing import get_args

import pytest
from flask.testing import FlaskClient

from recommender.api import RULES, ShortBecause
from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web.console.words import LANGUAGES, words_of
from tests.support.signed_in import SignedIn

STORY = "/story/harbour-2"


@pytest.fixture(scope="module")
def editor(
    lasting_client_of: Callable[..., FlaskClient], console_desk: Settings, secrets: dict[str, str]
) -> SignedIn:
    """One browser for all tests here; none of them changes anything but who is signed in."""
    return SignedIn(lasting_client_of(console_desk, None), secrets["editor"])


def listed(page: str) -> list[str]:
    above = page.partition('class="dropped"')[0]
    return re.findall(r'class="stories__title" href="/console/story/([^"]+)"', above)


def test_the_page_shows_the_list_of_readers_with_a_reason_for_each(
    editor: SignedIn, desk: FlaskClient
) -> None:
    items = desk.get("/v1/articles/harbour-2/related").get_json()["items"]
    page = editor.get(STORY).text
    assert listed(page) == [item["id"] for item in items]
    assert page.count('class="why"') == len(items) == 12
    for item in items:
        assert f'aria-label="Closeness {round(100 * item["score"])} of 100: meaning' in page
    assert "<mark" in page
    assert not re.search(r"<mark[^>]*>(the|is|of|and)</mark>", page, re.IGNORECASE)


def test_what_fills_the_list_says_so(editor: SignedIn) -> None:
    page = editor.get("/story/orchard-1", part=True).text
    assert "Too few stories are related, so the newest" in page


def test_what_is_not_in_the_list_names_the_rule_and_what_stands_instead(editor: SignedIn) -> None:
    page = editor.get(STORY, part=True).text
    dropped = page.partition('class="dropped"')[2]
    assert "It is almost the same text as one in the list. In the list instead: <a" in dropped
    assert 'href="/console/story/harbour-1"' in dropped
    assert "It is not published." in dropped
    assert "It is marked “never recommend”." in dropped


@pytest.mark.parametrize("layout", ["list", "cards"])
def test_the_list_is_shown_as_readers_see_it(
    editor: SignedIn, desk: FlaskClient, layout: str
) -> None:
    readers = desk.get("/v1/articles/harbour-2/related.html", query_string={"layout": layout})
    part = editor.get(STORY, part=True, **{"as": layout}).text
    titles = r'class="read-also__title" dir="auto">([^<]+)<'
    assert re.findall(titles, part) == re.findall(titles, readers.text)
    assert f"read-also--{layout}" in part
    assert "<html" not in part


def test_hostile_texts_are_shown_as_text(editor: SignedIn) -> None:
    for path in ("/story/hostile", STORY):
        page = editor.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def test_a_story_that_is_not_there_is_told_so(editor: SignedIn) -> None:
    assert editor.get("/story/nobody").status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_and_every_short_list_has_words(language: str) -> None:
    words = words_of("story", language)
    reasons = (f"short_{one}" for one in get_args(ShortBecause))
    assert all(words[name] for name in (*reasons, *(f"rule_{rule}" for rule in RULES)))


def test_both_texts_are_shown_side_by_side_with_marks(editor: SignedIn, desk: FlaskClient) -> None:
    page = editor.get(f"{STORY}/beside/harbour-1").text
    texts = [one.partition("</article>")[0] for one in page.split("<article")[1:]]
    assert len(texts) == 2
    words = [{*re.findall(r"<mark>([^<]+)</mark>", text.lower())} for text in texts]
    assert words[0] == words[1]
    assert words[0]
    assert not words[0] & {"the", "is", "a", "and", "of"}
    query = {"explain": 1, "limit": 100}
    items = desk.get("/v1/articles/harbour-2/related", query_string=query).get_json()["items"]
    (score,) = [item["score"] for item in items if item["id"] == "harbour-1"]
    assert f'aria-label="Closeness {round(100 * score)} of 100' in page
    for one in (f"{STORY}/beside/nobody", "/story/nobody/beside/harbour-1"):
        assert editor.get(one).status_code == 404
    assert "<script>alert" not in editor.get(f"{STORY}/beside/hostile").text


# Sliders.


def test_moving_no_slider_shows_the_list_of_readers(editor: SignedIn) -> None:
    page = editor.get(STORY).text
    sent = dict(re.findall(r'type="range" name="(\w+)"[^>]* value="(\d+)"', page))
    assert sent.keys() == {"age", "diversity", "threshold", "meaning", "passages", "words"}
    part = editor.get(STORY, part=True, mode="mixed", half_life="180.0", tried=1, **sent).text
    assert "A trial" not in part
    assert listed(part) == listed(page)


def test_sliders_make_another_list_and_show_the_difference(
    editor: SignedIn, client: FlaskClient, own_desk: Settings, secrets: dict[str, str]
) -> None:
    moved = {"age": 90, "half_life": 3, "diversity": 40}
    before, part = listed(editor.get(STORY).text), editor.get(STORY, part=True, **moved).text
    with closing(open_store(own_desk.database_url)) as store:
        store.policies.set(Policy(age_weight=0.9, half_life_days=3, diversity=0.4))
    there = SignedIn(client, secrets["editor"])
    after = listed(there.get(STORY).text)
    assert listed(part) == after != before
    assert "A trial; readers still see the list as it was." in part
    gone = [one for one in before if one not in after]
    assert f"{len(gone)} gone" in part
    for one in gone:
        assert f'<s><a href="/console/story/{one}"' in part
    assert part.count(">new here<") == len([one for one in after if one not in before])
    ups = [before.index(one) - at for at, one in enumerate(after) if one in before[at + 1 :]]
    shown = re.findall(r"↑ (\d+) places? up", part)
    assert sorted(map(int, shown)) == sorted(ups)


def test_the_kind_of_list_is_tried_too(editor: SignedIn, desk: FlaskClient) -> None:
    answer = desk.get("/v1/articles/harbour-2/related", query_string={"mode": "latest"})
    part = editor.get(STORY, part=True, mode="latest").text
    assert listed(part) == [item["id"] for item in answer.get_json()["items"]]
    cards = editor.get(STORY, part=True, mode="latest", **{"as": "cards"}).text
    assert "A trial" in cards


def test_a_trial_is_for_those_alone_who_ask(editor: SignedIn, desk: FlaskClient) -> None:
    path = "/v1/articles/harbour-2/related"
    before = desk.get(path).get_json()
    assert "A trial" in editor.get(STORY, threshold=90).text
    assert desk.get(path).get_json() == before


def test_what_no_slider_can_send_is_refused_with_a_reason(editor: SignedIn) -> None:
    answer = editor.get(STORY, part=True, age="much")
    assert answer.status_code == 400
    assert answer.get_json()["detail"] == "age: must be a whole number from 0 to 100"
    assert editor.get(STORY, mode="<b>").status_code == 400


def test_a_story_that_is_not_read_yet_has_a_page(
    client: FlaskClient, secrets: dict[str, str]
) -> None:
    headers = {"X-API-Key": secrets["editor"]}
    text = {"title": "A <b>new</b> ship", "body_html": "<p>It came <i>today</i>.</p>"}
    quiet = {"title": "No list here", "no_related": True}
    for name, document in (("new-ship", text), ("quiet", quiet)):
        assert client.put(f"/v1/articles/{name}", json=document, headers=headers).status_code == 201
    editor = SignedIn(client, secrets["editor"])
    page = editor.get("/story/new-ship", age=90).text
    assert "The text of this story is not read yet." in page
    assert "A &lt;b&gt;new&lt;/b&gt; ship" in page
    assert len(listed(page)) == 12
    beside = editor.get("/story/new-ship/beside/harbour-1").text
    assert "is not read again yet, so shared words are not shown" in beside
    shown = editor.get("/story/quiet").text
    assert "This story is set to show no list." in shown
    assert listed(shown) == []
