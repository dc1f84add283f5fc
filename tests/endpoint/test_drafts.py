"""POST /v1/related: the list of a text that is not stored, and the lists of a page."""

import stat
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from recommender.articles import Article
from recommender.errors import IndexerAway, UnreadableMarkup
from recommender.indexing.drafts import ANY_ID, DraftServer, read_draft
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.archives import HashedWords


@pytest.fixture
def text(desk_documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A draft: a story of the desk with its words in another order, not stored."""
    story = desk_documents["harbour-3"]
    body = " ".join(reversed(story["body"].split()))
    return {"title": story["title"], "body": body, "language": "en"}


@pytest.mark.usefixtures("indexer")
@pytest.mark.parametrize("more", [{}, {"translation_of": "harbour-1"}], ids=str)
def test_a_draft_gets_the_list_that_it_would_get_when_stored(
    client: FlaskClient,
    text: dict[str, Any],
    index_with_fake: Callable[..., int],
    own_desk: Settings,
    more: dict[str, Any],
) -> None:
    text |= more
    drafted = client.post("/v1/related", json=text | {"limit": 8})
    assert drafted.status_code == 200
    assert drafted.headers["Cache-Control"] == "no-store"
    client.put("/v1/articles/stored", json=text)
    index_with_fake(own_desk)
    stored = client.get("/v1/articles/stored/related?limit=8").get_json()
    found = drafted.get_json()
    # The stored vector was rounded once more; that may change the last digit of a score.
    scores = [[item.pop("score") for item in one["items"]] for one in (found, stored)]
    assert scores[0] == pytest.approx(scores[1], abs=2e-4)
    assert found == stored | {"article_id": None}


@pytest.mark.usefixtures("indexer")
def test_a_draft_may_have_markup_and_options(client: FlaskClient, text: dict[str, Any]) -> None:
    marked = {"title": text["title"], "body_html": f"<p>{text['body']}</p>", "language": "en"}
    options = {"limit": 2, "mode": "latest", "exclude": ["harbour-12"], "explain": True}
    plain = client.post("/v1/related", json=text | options).get_json()
    assert client.post("/v1/related", json=marked | options).get_json() == plain
    assert len(plain["items"]) == 2
    assert "harbour-12" not in {item["id"] for item in plain["items"]}
    assert all("explanation" in item for item in plain["items"])


@pytest.mark.usefixtures("indexer")
def test_a_draft_may_have_its_options_apart(client: FlaskClient, text: dict[str, Any]) -> None:
    """Beside a text, `section` is its own; apart from it, that of the list."""
    text |= {"section": "farm"}
    beside = client.post("/v1/related", json=text | {"limit": 6}).get_json()
    apart = client.post("/v1/related", json=text | {"options": {"limit": 6}}).get_json()
    assert apart == beside
    filters = {"section": ["economy"], "author": "-nobody", "published_after": "2026-10-03"}
    filtered = client.post("/v1/related", json=text | {"options": filters}).get_json()
    found, before = ({item["section"] for item in one["items"]} for one in (filtered, beside))
    assert found == {"economy"} < before


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        ([], ["/options"]),
        ({"limit": 0, "tag": None}, ["/options/limit", "/options/tag"]),
        ({"mode": "latest"}, ["/options/mode"]),
        ({"colour": "red"}, ["/options/colour"]),
    ],
)
def test_options_apart_are_checked_at_their_place(
    client: FlaskClient, options: object, faults: list[str]
) -> None:
    body = {"title": "A", "mode": "mixed", "options": options}
    answer = client.post("/v1/related", json=body)
    assert answer.status_code in {400, 422}
    assert sorted({fault["pointer"] for fault in answer.get_json()["errors"]}) == faults


@pytest.mark.usefixtures("indexer")
def test_nothing_of_a_draft_is_stored(
    client: FlaskClient, text: dict[str, Any], own_desk: Settings
) -> None:
    before = open_store(own_desk.database_url).state()
    client.post("/v1/related", json=text)
    assert open_store(own_desk.database_url).state() == before
    assert client.get("/v1/articles/draft/related").status_code == 404


def test_without_an_indexer_a_draft_is_503_and_lists_go_on(
    client: FlaskClient, text: dict[str, Any]
) -> None:
    answer = client.post("/v1/related", json=text)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    detail = "the indexer, which reads drafts, is not there, starting or busy; try again"
    assert answer.get_json()["detail"] == detail
    assert client.get("/v1/articles/harbour-2/related").status_code == 200


@pytest.mark.usefixtures("indexer")
@pytest.mark.parametrize(
    "body",
    [b"[1]", b"{}", b'{"title": "A", "titel": "B"}', b'{"title": "A", "body_html": "<poison>"}'],
)
def test_a_draft_outside_the_contract_is_refused(client: FlaskClient, body: bytes) -> None:
    assert client.post("/v1/related", data=body).status_code == 422


def test_the_socket_is_the_owners_alone_and_goes_with_the_server(own_desk: Settings) -> None:
    path = own_desk.data.draft_socket
    with DraftServer(own_desk.data.draft_socket, lambda: None):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(IndexerAway, match="starting"):
            read_draft(own_desk.data.draft_socket, Article(id="a", title="A"))
    assert not path.exists()


def test_the_socket_works_in_a_folder_of_any_length(tmp_path: Path, indexer: Indexer) -> None:
    path = tmp_path / ("long " * 40) / "socket"
    with DraftServer(path, lambda: indexer):
        draft = read_draft(path, Article(id="a", title="The harbour at dawn"))
    assert draft.model == "fake-1"
    assert draft.features.embedding is not None
    assert np.linalg.norm(draft.features.embedding.unit_vector) == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("indexer")
def test_a_draft_is_not_computed_after_its_caller_left(
    own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight slow drafts kept the model busy long after all callers had their 503."""
    path, patience = own_desk.data.draft_socket, 30.0
    begun, go_on, encoded = threading.Event(), threading.Event(), list[str]()
    encode = HashedWords.encode

    def hold_back(encoder: HashedWords, texts: Sequence[str], advance: Any) -> Any:
        encoded.extend(texts)
        begun.set()
        assert go_on.wait(patience)
        return encode(encoder, texts, advance)

    monkeypatch.setattr(HashedWords, "encode", hold_back)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(read_draft, path, Article(id="a", title="The first"), patience)
        assert begun.wait(patience)
        with pytest.raises(IndexerAway, match="timed out"):
            read_draft(path, Article(id="a", title="The second"), 0.05)
        go_on.set()
        assert first.result(patience).model == "fake-1"
    third = read_draft(path, Article(id="a", title="The third"), patience)
    assert third.features.embedding is not None
    assert set(encoded) == {"The first", "The third"}


@pytest.mark.usefixtures("indexer")
def test_a_draft_with_unreadable_markup_is_refused_with_the_reason(own_desk: Settings) -> None:
    with pytest.raises(UnreadableMarkup):
        read_draft(own_desk.data.draft_socket, Article(id="a", title="A", body_html="<poison>"))


PAGE = "/v1/related"


def lists(client: FlaskClient, *requests: dict[str, Any]) -> list[list[str]]:
    answer = client.post(PAGE, json={"requests": requests})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return [[item["id"] for item in one["items"]] for one in answer.get_json()["lists"]]


def test_the_first_list_of_a_page_is_the_same_as_alone(desk: FlaskClient) -> None:
    alone = desk.get("/v1/articles/harbour-2/related?limit=5&mode=latest&section=city").get_json()
    requested = {"article_id": "harbour-2", "limit": 5, "mode": "latest", "section": "city"}
    answer = desk.post(PAGE, json={"requests": [requested]}).get_json()
    assert answer == {"lists": [alone]}
    assert desk.post(PAGE, json=requested).get_json() == alone


def test_lists_of_a_page_do_not_repeat_each_other(desk: FlaskClient) -> None:
    requested = {"article_id": "harbour-2", "limit": 6}
    first, second, third = lists(desk, requested, requested, requested)
    whole = [
        item["id"]
        for item in desk.get("/v1/articles/harbour-2/related?limit=18").get_json()["items"]
    ]
    assert len({*first, *second, *third}) == 18
    assert first == whole[:6]
    assert {*first, *second, *third} == set(whole)


def test_a_duplicate_of_an_item_of_one_list_is_in_no_other(desk: FlaskClient) -> None:
    """The first list shows the reprint, so the second may not show its original."""
    section = {"article_id": "harbour-2", "section": "city", "limit": 100}
    first, second = lists(desk, section, {"article_id": "harbour-4", "limit": 100})
    alone = desk.get("/v1/articles/harbour-4/related?limit=100").get_json()["items"]
    duplicates = {"harbour-1", "harbour-1-reprint"}
    assert duplicates & set(first)
    assert duplicates & {item["id"] for item in alone}
    assert not duplicates & set(second)


STORY = {"harbour-1", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg"}
"""An original, a reprint of it, and two translations of the original."""


def of_story(client: FlaskClient, *requests: dict[str, Any]) -> list[set[str]]:
    """The forms of the story that each list of a page shows."""
    return [STORY & {*ids} for ids in lists(client, *requests)]


def pin(client: FlaskClient, seed: str, *wanted: str) -> None:
    pins = {"pins": [{"id": one} for one in wanted]}
    assert client.put(f"/v1/articles/{seed}/pins", json=pins).status_code == 200


def test_lists_of_a_page_do_not_show_translations_of_each_other(desk: FlaskClient) -> None:
    first, second = of_story(
        desk,
        {"article_id": "harbour-2", "limit": 100, "language": "ru"},
        {"article_id": "harbour-4", "limit": 100, "language": "any"},
    )
    assert len(first) == 1
    assert second == set()


def test_a_list_with_a_pin_shows_no_other_form_of_its_story(client: FlaskClient) -> None:
    for wanted in ("harbour-1-reprint", "harbour-1-ru"):
        pin(client, "orchard-1", wanted)
        everything = {"article_id": "orchard-1", "limit": 100, "language": "any"}
        assert of_story(client, everything) == [{wanted}]


def test_a_pin_is_dropped_if_another_list_of_the_page_shows_its_story(client: FlaskClient) -> None:
    pin(client, "harbour-2", "harbour-1")
    pin(client, "harbour-4", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg")
    assert of_story(client, {"article_id": "harbour-4"}) == [STORY - {"harbour-1"}]
    both = {"article_id": "harbour-2"}, {"article_id": "harbour-4"}
    assert of_story(client, *both) == [{"harbour-1"}, set()]


@pytest.mark.usefixtures("indexer")
def test_a_page_may_have_lists_of_drafts_and_of_stored_articles(
    client: FlaskClient, text: dict[str, Any]
) -> None:
    answer = client.post(
        PAGE, json={"requests": [text | {"limit": 3}, {"article_id": "harbour-2"}]}
    )
    assert answer.status_code == 200, answer.text
    draft, stored = answer.get_json()["lists"]
    assert (draft["article_id"], draft["returned"]) == (None, 3)
    assert stored["article_id"] == "harbour-2"
    assert not {item["id"] for item in draft["items"]} & {item["id"] for item in stored["items"]}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"requests": []}, 422, "/requests"),
        ({"requests": [{"article_id": "harbour-2"}] * 21}, 422, "/requests"),
        ({"requests": {}}, 422, "/requests"),
        ({"requests": ["harbour-2"]}, 422, "/requests/0"),
        ({"requests": [{"article_id": "harbour-2"}], "limit": 3}, 422, "/requests"),
        (
            {"requests": [{"article_id": "harbour-2"}, {"article_id": ".."}]},
            422,
            "/requests/1/article_id",
        ),
        ({"requests": [{"article_id": 7.5e300}]}, 422, "/requests/0/article_id"),
        ({"requests": [{"article_id": "harbour-2", "limit": 0}]}, 400, "/requests/0/limit"),
        ({"requests": [{"article_id": "harbour-2", "title": "T"}]}, 400, "/requests/0/title"),
        ({"requests": [{"title": "T", "limit": "many"}]}, 400, "/requests/0/limit"),
        ({"article_id": "harbour-2", "limit": "3"}, 400, "/limit"),
        ({"article_id": "harbour-2", "limit": True}, 400, "/limit"),
        ({"article_id": "harbour-2", "limit": 3.0}, 400, "/limit"),
        ({"article_id": "harbour-2", "diversity": 1.5}, 400, "/diversity"),
        ({"article_id": "harbour-2", "min_score": "0.5"}, 400, "/min_score"),
        ({"article_id": "harbour-2", "exclude": "harbour-4"}, 400, "/exclude"),
        ({"article_id": "harbour-2", "mode": None}, 400, "/mode"),
        ({"article_id": "harbour-2", "explain": 1}, 400, "/explain"),
        ({"article_id": "harbour-2", "explain": "1"}, 400, "/explain"),
        ({"article_id": "harbour-2", "exclude": [None]}, 400, "/exclude"),
        ({"article_id": "harbour-2", "exclude": ["a,b"]}, 400, "/exclude"),
        ({"article_id": 2}, 422, "/article_id"),
        ({"title": "T", "id": 0}, 422, "/id"),
        ({"title": "T", "id": ""}, 422, "/id"),
        ({"requests": [{"titel": "T"}]}, 422, "/requests/0/titel"),
        ({"requests": [{"requests": []}]}, 422, "/requests/0/requests"),
        ({"article_id": "harbour-2", "beside": "harbour-4"}, 400, "/beside"),
    ],
)
def test_a_bad_request_of_a_page_is_refused_by_its_pointer(
    desk: FlaskClient, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = desk.post(PAGE, json=body)
    assert answer.status_code == status, answer.text
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]


def test_a_page_with_an_unknown_article_is_refused(desk: FlaskClient) -> None:
    requested = [{"article_id": "harbour-2"}, {"article_id": "nobody"}]
    answer = desk.post(PAGE, json={"requests": requested})
    assert answer.status_code == 404
    assert "'nobody'" in answer.get_json()["detail"]


def test_options_are_numbers_and_flags_as_json_has_them(desk: FlaskClient) -> None:
    options = {"limit": 2, "diversity": 1e-3, "min_score": 0, "explain": False}
    found = desk.post(PAGE, json={"article_id": "harbour-2"} | options).get_json()
    query = "limit=2&diversity=0.001&min_score=0"
    assert found == desk.get(f"/v1/articles/harbour-2/related?{query}").get_json()


@pytest.mark.usefixtures("indexer")
def test_a_draft_without_an_id_is_not_the_stored_article_called_draft(
    client: FlaskClient,
    text: dict[str, Any],
    make_story: Callable[..., dict[str, Any]],
    own_desk: Settings,
    index_with_fake: Callable[..., int],
) -> None:
    """It has none of that article's pins, and that article may be listed."""
    path, pins = f"/v1/articles/{ANY_ID}", {"pins": [{"id": "orchard-3"}]}
    stored = make_story(ANY_ID, title="A draught of fish", section="city")
    assert client.put(path, json=stored).status_code == 201
    assert client.put(f"{path}/pins", json=pins).status_code == 200
    index_with_fake(own_desk)
    requested = {key: value for key, value in text.items() if key != "id"} | {"limit": 100}
    items = client.post(PAGE, json=requested).get_json()["items"]
    assert {item["reason"] for item in items} & {"pinned"} == set()
    assert ANY_ID in {item["id"] for item in items}
    named = client.post(PAGE, json=requested | {"id": ANY_ID}).get_json()["items"]
    assert (named[0]["id"], named[0]["reason"]) == ("orchard-3", "pinned")
