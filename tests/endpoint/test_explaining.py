"""Explanations of a list: for callers with a key, from the ranked texts, never cached."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.api import RULES
from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store

Document = dict[str, Any]
Index = Callable[..., int]
Away = Callable[[], AbstractContextManager[None]]

LIST = "/v1/articles/harbour-2/related"
FIRST = "/v1/articles/first/related"
PARTS = [
    *("dense", "passages", "lexical", "dense_weight", "passage_weight", "lexical_weight"),
    *("recency", "nearness", "hubness", "ranking_value"),
]
SECTION = {"section": "sea", "language": "en"}
NAMED = {
    "first": SECTION
    | {"title": "A rail plan", "body": "Engineers of Orbita met in Port Said to plan a rail."},
    "second": SECTION
    | {
        "title": "Another plan",
        "body_html": "<p>In Port Said <b>engineers</b> of Orbita <i>plan</i> a rail.</p>",
    },
}


def explained(client: FlaskClient, path: str = LIST, **options: str | float) -> Document:
    response = client.get(path, query_string={"explain": 1} | options)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Surrogate-Key"} & set(response.headers.keys())
    document: Document = response.get_json()
    return document


@pytest.fixture
def with_passages(own_desk: Settings) -> None:
    """All three signals count; the texts of the desk are briefs, where passages do not."""
    with closing(open_store(own_desk.database_url)) as store:
        store.policies.set(Policy(dense_weight=0.3, passage_weight=0.25))


@pytest.fixture
def named(
    client: FlaskClient,
    own_desk: Settings,
    index_with_fake: Index,
    with_passages: None,  # noqa: ARG001 - sets the policy
) -> FlaskClient:
    """The desk with two stories, one of them as markup, that share names and words."""
    for name, document in NAMED.items():
        client.put(f"/v1/articles/{name}", json=document)
    index_with_fake(own_desk)
    return client


def explanation_of(answer: Document, article_id: str) -> Document:
    (item,) = [item for item in answer["items"] if item["id"] == article_id]
    explanation: Document = item["explanation"]
    return explanation


def test_an_item_shows_the_parts_of_its_score_and_their_evidence(named: FlaskClient) -> None:
    parts = explanation_of(explained(named, FIRST), "second")
    assert list(parts) == [*PARTS, "grounds"]
    assert list(parts["grounds"]) == ["terms", "names", "passages"]
    assert parts["grounds"]["names"] == ["Port Said", "Orbita"]
    terms = {term["word"]: term["share"] for term in parts["grounds"]["terms"]}
    assert {"Port", "Said", "engineers", "Orbita", "plan", "rail"} <= set(terms)
    assert list(terms.values()) == sorted(terms.values(), reverse=True)
    assert sum(terms.values()) <= 1 + 1e-3
    (pair,) = parts["grounds"]["passages"]
    assert pair["seed"] == NAMED["first"]["body"]
    assert pair["item"] == "In Port Said engineers of Orbita plan a rail."
    assert 0 < pair["similarity"] < 1


def test_without_explain_nothing_is_explained_and_the_store_is_not_read(
    desk: FlaskClient, store_away: Away
) -> None:
    assert desk.get(LIST).status_code == 200
    with store_away():
        answer = desk.get(LIST).get_json()
    assert all("explanation" not in item for item in answer["items"])
    assert "dropped" not in answer


def test_while_the_store_is_away_parts_are_shown_without_evidence(
    desk: FlaskClient, store_away: Away
) -> None:
    with_evidence = explained(desk, limit=3)
    with store_away():
        without = explained(desk, limit=3)
    for one, other in zip(with_evidence["items"], without["items"], strict=True):
        del one["explanation"]["grounds"]
        assert other["explanation"].pop("no_grounds_because") == "store_away"
        assert one == other


def test_a_text_that_changed_since_is_not_quoted(named: FlaskClient) -> None:
    changed = NAMED["second"] | {"body_html": "<p>SECRET</p>"}
    named.put("/v1/articles/second", json=changed)
    answer = explained(named, FIRST)
    assert explanation_of(answer, "second")["no_grounds_because"] == "text_changed"
    assert "grounds" in answer["items"][1]["explanation"]
    assert "SECRET" not in str(answer)
    answer = explained(named, "/v1/articles/second/related")
    assert {item["explanation"]["no_grounds_because"] for item in answer["items"]} == {
        "text_changed"
    }


def test_a_text_that_changed_after_the_worker_looked_is_not_quoted_either(
    named: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is ahead of the view: a text withdrawn a moment ago is not shown."""
    get_many = ArticleStore.get_many

    def late(self: ArticleStore, ids: Any) -> Any:
        return {
            key: replace(one, change=one.change + 1) if key == "second" else one
            for key, one in get_many(self, ids).items()
        }

    monkeypatch.setattr(ArticleStore, "get_many", late)
    answer = explained(named, FIRST)
    assert explanation_of(answer, "second")["no_grounds_because"] == "text_changed"
    assert "grounds" in answer["items"][1]["explanation"]


def test_an_unread_article_has_no_evidence(client: FlaskClient) -> None:
    client.put("/v1/articles/first", json=NAMED["first"])
    items = explained(client, FIRST, limit=2)["items"]
    assert [item["explanation"]["no_grounds_because"] for item in items] == ["text_changed"] * 2


def test_the_store_is_read_once_for_all_items(
    desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    get_many = ArticleStore.get_many

    def count(self: ArticleStore, ids: Any) -> Any:
        calls.append(len(ids))
        return get_many(self, ids)

    monkeypatch.setattr(ArticleStore, "get_many", count)
    answer = explained(desk, limit=10)
    assert calls == [1 + answer["returned"]]


def test_hostile_text_is_quoted_as_text(desk: FlaskClient) -> None:
    response = desk.get(LIST, query_string={"explain": 1, "section": "hostile", "limit": 1})
    assert response.mimetype == "application/json"
    (pair,) = explanation_of(response.get_json(), "hostile")["grounds"]["passages"]
    assert pair["item"].startswith("<img src=x onerror=alert(2)> harbour ship")
    assert len(pair["item"]) <= 200


def test_words_of_an_encoder_that_knows_no_russian_have_no_passages(desk: FlaskClient) -> None:
    items = explained(desk, "/v1/articles/harbour-ru/related", language="any")["items"]
    for item in items:
        assert item["explanation"]["passage_weight"] == 0
        assert item["explanation"]["grounds"]["passages"] == []
    assert {item["reason"] for item in items} == {"words"}
    assert any(item["explanation"]["grounds"]["terms"] for item in items)


# What was dropped.


def dropped_from(answer: Document) -> dict[str, Document]:
    return {one["id"]: one for one in answer["dropped"]}


@pytest.mark.usefixtures("with_passages")
def test_every_near_article_that_is_not_listed_is_named_with_its_rule(
    client: FlaskClient,
) -> None:
    answer = explained(client, explain="all", limit=100, min_score=0.1)
    dropped = dropped_from(answer)
    assert not dropped.keys() & {"harbour-2", *(item["id"] for item in answer["items"])}
    rules = {name.removeprefix("harbour-"): one["rule"] for name, one in dropped.items()}
    assert rules.items() >= {
        ("draft", "not_published"),
        ("withheld", "not_published"),
        ("canceled", "not_published"),
        ("embargoed", "embargoed"),
        ("scheduled", "embargoed"),
        ("expired", "expired"),
        ("never", "never_recommend"),
        ("untitled", "untitled"),
        ("ru", "language"),
        ("1-reprint", "duplicate"),
        ("orchard-1", "min_score"),
    }
    assert dropped["harbour-1-reprint"]["because"] == "harbour-1"
    assert set(rules.values()) <= set(RULES)
    scores = [one["score"] for one in answer["dropped"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.usefixtures("with_passages")
def test_a_dropped_reprint_names_the_listed_duplicate_at_any_length(
    client: FlaskClient,
) -> None:
    answer = explained(client, explain="all", limit=100)
    assert {item["reason"] for item in answer["items"]} > {"semantic"}
    reprint = dropped_from(answer)["harbour-1-reprint"]
    assert (reprint["rule"], reprint["because"]) == ("duplicate", "harbour-1")


def test_a_full_cap_names_the_item_that_filled_it(client: FlaskClient, own_desk: Settings) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        store.policies.set(Policy(story_likeness=0.01, story_cap=2, fallback=False, diversity=0.0))
    answer = explained(client, explain="all", limit=10)
    first, second = (item["id"] for item in answer["items"])
    capped = [one for one in answer["dropped"] if one["rule"] == "story_cap"]
    assert {one["because"] for one in capped} == {second} != {first}
    assert len(capped) > 5


def test_no_text_of_what_was_dropped_is_shown(
    desk: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    for one in explained(desk, explain="all", limit=1)["dropped"]:
        assert list(one) in (
            ["id", "title", "score", "rule"],
            ["id", "title", "score", "rule", "because"],
        )
        assert one["title"] == desk_documents[one["id"]]["title"].strip()


def test_at_most_fifty_dropped_articles_are_named(
    desk: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    dropped = explained(desk, explain="all", limit=1)["dropped"]
    assert len(dropped) == min(50, len(desk_documents) - 2)


@pytest.mark.parametrize(
    ("seed", "options", "article_id", "rule"),
    [
        ("harbour-2", {"limit": 1}, "harbour-9", "limit"),
        ("harbour-2", {"exclude": "harbour-4"}, "harbour-4", "excluded"),
        ("harbour-2", {"section": "city"}, "harbour-4", "section"),
        ("harbour-2", {"tag": "trade"}, "harbour-4", "tag"),
        ("harbour-2", {"max_age": "12d"}, "harbour-4", "max_age"),
        ("harbour-2", {"mode": "background"}, "harbour-4", "not_older"),
        ("harbour-2", {"limit": 1}, "orchard-1", "threshold"),
        ("harbour-1", {}, "harbour-1-reprint", "duplicate_of_seed"),
        ("harbour-1", {"language": "any"}, "harbour-1-ru", "translation"),
        ("harbour-1-ru", {"language": "any"}, "harbour-1", "translation"),
    ],
)
def test_a_dropped_article_names_the_option_that_dropped_it(
    desk: FlaskClient, seed: str, options: dict[str, Any], article_id: str, rule: str
) -> None:
    answer = explained(desk, f"/v1/articles/{seed}/related", explain="all", **options)
    assert dropped_from(answer)[article_id]["rule"] == rule


def test_an_article_without_a_list_has_no_dropped_articles(desk: FlaskClient) -> None:
    answer = explained(desk, "/v1/articles/harbour-silent/related", explain="all")
    assert (answer["items"], answer["dropped"]) == ([], [])


def test_a_deleted_article_is_not_among_the_dropped(client: FlaskClient) -> None:
    client.delete("/v1/articles/harbour-withheld")
    assert "harbour-withheld" not in dropped_from(explained(client, explain="all"))


# Who may ask, and for a draft.


@pytest.mark.parametrize("explain", ["1", "all"])
def test_explanations_are_not_for_the_public(public: FlaskClient, explain: str) -> None:
    assert public.get(f"{LIST}?explain={explain}").status_code == 401
    assert public.get(f"{LIST}.html?explain={explain}").status_code == 400
    assert public.get(LIST).status_code == 200


@pytest.mark.usefixtures("indexer")
def test_a_draft_is_explained_by_its_own_text(named: FlaskClient) -> None:
    options = {"explain": "all", "limit": 3}
    response = named.post("/v1/related", json=NAMED["first"] | {"id": "first"} | options)
    assert response.headers["Cache-Control"] == "no-store"
    assert explanation_of(response.get_json(), "second")["grounds"]["names"] == [
        "Port Said",
        "Orbita",
    ]
    assert dropped_from(response.get_json())["harbour-withheld"]["rule"] == "not_published"


# What the documentation says of it.

API = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")


def test_every_rule_is_documented_in_its_order() -> None:
    _, table = API.split("| rule | the article |")
    rows = re.findall(r"^\| (`.*?`) \|", table.split("## Articles")[0], re.MULTILINE)
    assert [rule for row in rows for rule in re.findall(r"`(\w+)`", row)] == list(RULES)


def test_an_article_that_two_stages_dropped_has_the_reason_of_the_first(
    client: FlaskClient, own_desk: Settings
) -> None:
    """A fallback stage finds the articles again that the story cap dropped before."""
    capped = []
    alone = Policy(story_likeness=0.01, story_cap=2, fallback=False, diversity=0.0)
    for policy in (alone, replace(alone, fallback=True)):
        with closing(open_store(own_desk.database_url)) as store:
            store.policies.set(policy)
        dropped = explained(client, explain="all", limit=10)["dropped"]
        capped.append({o["id"]: o.get("because") for o in dropped if o["rule"] == "story_cap"})
    before, after = capped
    again = before.keys() & after.keys()
    assert len(again) > 5
    assert {one: after[one] for one in again} == {one: before[one] for one in again}
