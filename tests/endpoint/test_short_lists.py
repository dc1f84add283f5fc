"""A list that is shorter than requested says what cost it the most places."""

from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import open_store

Document = dict[str, Any]
LIST = "/v1/articles/harbour-2/related"


def why(client: FlaskClient, article_id: str = "harbour-2", **options: Any) -> str | None:
    address = f"/v1/articles/{article_id}/related"
    answer: Document = client.get(address, query_string={"limit": 8} | options).get_json()
    because: str | None = answer.get("short_because")
    assert (because is None) == (answer["returned"] == answer["requested"])
    return because


@pytest.mark.parametrize(
    ("options", "because"),
    [
        ({}, None),
        ({"limit": 100}, "few_eligible"),
        ({"section": "no such"}, "filters"),
        ({"tag": "no such"}, "filters"),
        ({"language": "tg"}, "filters"),
        ({"max_age": "1d"}, "filters"),
        ({"min_score": 0.99}, "min_score"),
        ({"section": "no such", "min_score": 0.99}, "filters"),
    ],
)
def test_options_are_told_from_a_small_archive(
    desk: FlaskClient, options: Document, because: str | None
) -> None:
    assert why(desk, **options) == because


def hint(client: FlaskClient, **options: Any) -> str | None:
    answer: Document = client.get(LIST, query_string={"limit": 50} | options).get_json()
    found: str | None = answer.get("hint")
    return found


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, None),
        ({"section": "city,farm", "tag": "port,-trade", "author": "-nobody"}, None),
        ({"section": "citty"}, "the section 'citty' (nearest: 'city')"),
        ({"section": "City,farm"}, "the section 'City' (nearest: 'city')"),
        ({"section": "quite another"}, "the section 'quite another'"),
        ({"tag": "porto"}, "the tag 'porto' (nearest: 'port')"),
        ({"tag": "PORT"}, "the tag 'PORT' (nearest: 'port')"),
        ({"author": "<b>bold"}, "the author '<b>bold' (nearest: '<b>Bold</b>')"),
        (
            {"section": "farms", "tag": "trades"},
            "the section 'farms' (nearest: 'farm'), or the tag 'trades' (nearest: 'trade')",
        ),
        ({"section": "-citty"}, None),
        ({"section": "-citty", "explain": "1"}, "the section 'citty' (nearest: 'city')"),
    ],
)
def test_a_value_that_no_article_has_is_named_with_the_nearest_one(
    desk: FlaskClient, options: Document, named: str | None
) -> None:
    assert hint(desk, **options) == (named and f"no article on show has {named}")


def test_an_attribute_that_no_article_has_is_named_with_the_nearest_one(
    client: FlaskClient,
) -> None:
    attributes = {"city": ["Osh", "Guiyang"], "price": 12}
    client.patch("/v1/articles/harbour-4", json={"attributes": attributes})
    for conditions, named in (
        ({"attr.city": "Osh", "attr.price": "12.0"}, None),
        ({"attr.city": "-Paris"}, "the attribute city 'Paris'"),
        ({"attr.price": "50..60"}, None),
        (
            {"attr.citi": "Osh"},
            "the attribute 'citi' (nearest: 'city'), or the attribute citi 'Osh'",
        ),
        ({"attr.city": "osh"}, "the attribute city 'osh' (nearest: 'Osh')"),
        ({"attr.price": "120"}, "the attribute price '120' (nearest: '12')"),
    ):
        told = hint(client, explain="1", **conditions)
        assert told == (named and f"no article on show has {named}")


def test_who_reads_lists_alone_is_told_of_no_attribute_that_articles_have(
    client: FlaskClient, public: FlaskClient
) -> None:
    attributes = {"source_of_leak": "Anna"}
    client.patch("/v1/articles/harbour-4", json={"attributes": attributes})
    for conditions, named in (
        ({"attr.source_of_leaks": "An"}, ("attribute 'source_of_leaks'", "leaks 'An'")),
        ({"attr.source_of_leak": "Ann"}, ("leak 'Ann'",)),
    ):
        told = str(hint(public, **conditions))
        assert all(one in told for one in named)
        assert "nearest" not in told


def test_a_list_that_is_full_has_no_hint(desk: FlaskClient) -> None:
    answer = desk.get(LIST, query_string={"limit": 2, "section": "city,citty"}).get_json()
    assert answer["returned"] == 2
    assert "hint" not in answer


def test_a_hint_tells_nothing_of_what_is_not_on_show(client: FlaskClient) -> None:
    secret = {"section": "mergers", "tags": ["takeover"], "authors": ["Zoe"]}
    for status in ("draft", "published"):
        patched = client.patch(
            "/v1/articles/orchard-6?wait=visible", json={**secret, "status": status}
        )
        assert patched.status_code == 200
        shown = status == "published"
        for name, value, near in (
            ("section", "merger", "mergers"),
            ("tag", "takeovers", "takeover"),
            ("author", "Zoë", "Zoe"),
        ):
            assert (f"(nearest: '{near}')" in str(hint(client, **{name: value}))) is shown
            of_secret = hint(client, **{name: near})
            assert (of_secret is None) is shown


def test_an_article_without_a_list_says_so(desk: FlaskClient) -> None:
    assert why(desk, "harbour-silent") == "no_related"


def test_the_language_of_the_seed_is_no_filter_of_the_request(desk: FlaskClient) -> None:
    """Who sets no language reads that the archive has too few in the language."""
    assert why(desk, "harbour-ru") == "few_eligible"
    assert why(desk, "harbour-ru", language="ru") == "few_eligible"


@pytest.mark.parametrize(
    ("policy", "because"),
    [
        (Policy(fallback=False, threshold=0.99), "threshold"),
        (Policy(duplicate_overlap=1e-6), "duplicates"),
        (Policy(story_likeness=1e-6, story_cap=1, fallback=False), "caps"),
    ],
)
def test_rules_of_the_policy_are_named(
    client: FlaskClient, own_desk: Settings, policy: Policy, because: str
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        store.policies.set(policy)
    assert why(client) == because


def test_blocks_and_other_lists_of_the_page_are_filters(
    client: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    every = sorted({*desk_documents} - {"harbour-2"})
    requests = [{"article_id": "harbour-2", "limit": 100}, {"article_id": "harbour-2", "limit": 8}]
    _, second = client.post("/v1/related", json={"requests": requests}).get_json()["lists"]
    assert (second["items"], second["short_because"]) == ([], "filters")
    blocks = {"blocks": [{"id": one} for one in every]}
    assert client.put("/v1/articles/harbour-2/blocks?wait=visible", json=blocks).status_code == 200
    assert why(client) == "filters"
