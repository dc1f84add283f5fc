"""What may stand in a list and under what: the desk holds one article of every awkward kind."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings

Document = dict[str, Any]
Rebuild = Callable[..., Rebuilt]

KINDS = ["draft", "withheld", "canceled", "embargoed", "scheduled", "expired", "never", "untitled"]
HOUR = 3600.0


def ids(client: FlaskClient, seed: str, **options: str | int) -> list[str]:
    response = client.get(f"/v1/articles/{seed}/related", query_string={"limit": 100} | options)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.get_json()["items"]]


def may_be_listed(document: Document) -> bool:
    """The contract's rule by brute force, for the desk's documents at the tests' hour."""
    odd = {"draft", "withheld", "canceled", "embargoed", "scheduled", "expired", "never"}
    kind = document["id"].rpartition("-")[2]
    return kind not in odd and bool(document["title"])


@pytest.mark.parametrize("kind", KINDS)
def test_is_in_no_list(desk: FlaskClient, kind: str) -> None:
    for seed in ("harbour-2", "harbour-ru", "orchard-1"):
        for mode in ("mixed", "background", "latest"):
            assert f"harbour-{kind}" not in ids(desk, seed, language="any", mode=mode)


@pytest.mark.parametrize("kind", ["expiring", "silent", "undated"])
def test_is_listed_all_the_same(desk: FlaskClient, kind: str) -> None:
    assert f"harbour-{kind}" in ids(desk, "harbour-2")


def test_everything_eligible_is_in_a_list_without_limits(
    desk: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    """The ladder reaches all there is; of a story, its reprint and its translations, one."""
    listed = ids(desk, "harbour-2", language="any")
    wanted = {d["id"] for d in desk_documents.values() if may_be_listed(d)} - {"harbour-2"}
    family = {"harbour-1", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg"}
    assert set(listed) | family == wanted
    assert len(set(listed) & family) == 1
    assert len(listed) == len(wanted) - 3


@pytest.mark.parametrize("seed", ["harbour-1", "harbour-1-ru", "harbour-1-tg"])
def test_translations_are_in_no_list_of_each_other(desk: FlaskClient, seed: str) -> None:
    family = {"harbour-1", "harbour-1-ru", "harbour-1-tg"}
    assert not family & set(ids(desk, seed, language="any"))


def test_a_reprint_is_not_listed_under_its_story_nor_the_story_under_it(desk: FlaskClient) -> None:
    assert "harbour-1-reprint" not in ids(desk, "harbour-1", language="any")
    assert "harbour-1" not in ids(desk, "harbour-1-reprint", language="any")


def test_undated_articles_meet_no_bound_of_time(desk: FlaskClient) -> None:
    assert "harbour-undated" not in ids(desk, "harbour-2", max_age="9999d")
    assert "harbour-undated" not in ids(desk, "harbour-2", mode="background")
    listed = desk.get("/v1/articles/harbour-2/related?mode=latest&min_score=0&limit=100").get_json()
    dated = [item["published_at"] is not None for item in listed["items"]]
    assert dated == sorted(dated, reverse=True)
    assert set(dated) == {True, False}


def test_background_of_an_undated_seed_has_no_bound(desk: FlaskClient) -> None:
    assert ids(desk, "harbour-undated", mode="background") == ids(desk, "harbour-undated")


def test_an_embargo_ends_by_the_hour(desk: FlaskClient, clock: SimpleNamespace) -> None:
    ends = datetime(2026, 10, 21, 12, tzinfo=UTC).timestamp()
    for now, listed in ((ends - 1, False), (ends, True)):
        clock.now = now
        assert ("harbour-embargoed" in ids(desk, "harbour-2")) is listed
        assert ("harbour-scheduled" in ids(desk, "harbour-2")) is listed


def test_what_expires_is_gone_at_that_moment(desk: FlaskClient, clock: SimpleNamespace) -> None:
    ends = datetime(2026, 10, 20, 13, tzinfo=UTC).timestamp()
    for now, listed in ((ends - 1, True), (ends, False), (ends + HOUR, False)):
        clock.now = now
        assert ("harbour-expiring" in ids(desk, "harbour-2")) is listed


def test_unpublished_articles_may_be_seeds_for_the_newsroom(desk: FlaskClient) -> None:
    for kind in KINDS:
        listed = ids(desk, f"harbour-{kind}", limit=5)
        assert len(listed) == 5
        assert f"harbour-{kind}" not in listed


@pytest.mark.parametrize("odd", ["a~b:c.d_e-f", "...", "related", "x" * 200])
def test_odd_ids_are_seeds_items_and_exclusions(desk: FlaskClient, odd: str) -> None:
    assert len(ids(desk, odd, limit=3)) == 3
    listed = ids(desk, "harbour-2", section="odd")
    assert sorted(listed) == sorted(["a~b:c.d_e-f", "...", "related", "x" * 200])
    left = ids(desk, "harbour-2", section="odd", exclude=odd)
    assert sorted(left) == sorted(set(listed) - {odd})


def test_an_id_may_be_percent_encoded(desk: FlaskClient) -> None:
    answer = desk.get("/v1/articles/a%7Eb%3Ac.d_e-f/related")
    assert answer.get_json()["article_id"] == "a~b:c.d_e-f"


@pytest.mark.parametrize(
    "strange",
    [
        "nobody",
        "harbour",
        "HARBOUR-2",
        "harbour-2%20",
        "%E2%98%83",
        "harbour-2%00",
        "%ff%fe",
        "%0a",
    ],
)
def test_an_unknown_id_is_404(desk: FlaskClient, strange: str) -> None:
    response = desk.get(f"/v1/articles/{strange}/related")
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert response.get_json()["status"] == 404


@pytest.mark.parametrize("path", ["..", ".", "a/b", "a%2Fb"])
def test_ids_that_would_be_paths_find_nothing(desk: FlaskClient, path: str) -> None:
    assert desk.get(f"/v1/articles/{path}/related").status_code == 404


def test_a_tag_is_known_by_its_whole_name(desk: FlaskClient) -> None:
    assert sorted(ids(desk, "harbour-1", tag="trade")) == [
        "harbour-12",
        "harbour-3",
        "harbour-6",
        "harbour-9",
    ]
    assert ids(desk, "harbour-1", tag="tra") == []


def test_options_narrow_together(desk: FlaskClient) -> None:
    listed = ids(desk, "harbour-1", tag="trade", section="city", exclude="harbour-9", max_age="30d")
    assert listed == ["harbour-3"]


def test_the_empty_archive_lists_nothing(
    client_of: Callable[..., FlaskClient], bare: Settings, rebuild_with_fake: Rebuild
) -> None:
    """A rebuild of nothing is a snapshot of nothing: ready, and every id unknown."""
    assert rebuild_with_fake(bare).articles == 0
    client = client_of(bare)
    assert client.get("/readyz").get_json()["articles"] == 0
    assert client.get("/v1/articles/any/related").status_code == 404


def test_a_single_article_has_an_empty_list(
    client_of: Callable[..., FlaskClient],
    bare: Settings,
    rebuild_with_fake: Rebuild,
    make_story: Callable[..., Document],
) -> None:
    client = client_of(bare)
    client.put("/v1/articles/lonely", json=make_story("lonely"))
    rebuild_with_fake(bare)
    answer = client.get("/v1/articles/lonely/related").get_json()
    assert (answer["items"], answer["short_because"]) == ([], "few_eligible")
