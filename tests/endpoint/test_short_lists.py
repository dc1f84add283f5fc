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
