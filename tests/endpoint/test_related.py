"""GET /v1/articles/{id}/related over the sample archive: its shape, its options, its promises."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from flask.testing import FlaskClient

from index import Catalog
from recommender.settings import Settings

Document = dict[str, Any]
Lists = Callable[..., Document]

SEED = "guiyang-smart-city"
NEWSPAPER = "http://127.0.0.1:8080"
FIRST = "bijie-data-labellers"
NOW, DAY = datetime(2026, 10, 20, 12, tzinfo=UTC), timedelta(days=1)
BORN = datetime(2026, 3, 18, 4, 30, tzinfo=UTC)
"""When the seed was published."""
NEVER_LISTED = {"guiyang-parking-audit", "smart-city-sponsored-report"}
ITEM = ["id", "rank", "score", "title", "url", "section", "language", "published_at", "image_url"]


@pytest.fixture
def lists(sample_client: FlaskClient) -> Lists:
    """Asks for a list by seed and options."""

    def ask(seed: str = SEED, **options: str | float) -> Document:
        response = sample_client.get(f"/v1/articles/{seed}/related", query_string=options)
        assert response.status_code == 200, response.text
        document: Document = response.get_json()
        return document

    return ask


def ids(answer: Document) -> list[str]:
    return [item["id"] for item in answer["items"]]


def moment(article: Document) -> datetime:
    return datetime.fromisoformat(article["published_at"])


def test_a_list_has_exactly_the_shape_of_the_contract(
    lists: Lists, sample_settings: Settings
) -> None:
    answer = lists()
    assert list(answer) == [
        "article_id",
        "items",
        "requested",
        "returned",
        "mode",
        "generation",
    ]
    assert answer["article_id"] == SEED
    assert (answer["requested"], answer["returned"], answer["mode"]) == (12, 12, "mixed")
    assert answer["generation"] == Catalog(sample_settings.data.snapshots).live()
    for item in answer["items"]:
        assert list(item) == [*ITEM, "reason"]


def test_items_show_what_the_newsroom_gave_with_the_addresses_of_the_demonstration(
    lists: Lists, sample_articles: dict[str, Document]
) -> None:
    for item in lists(limit=100)["items"]:
        given = sample_articles[item["id"]]
        for field in ("title", "section", "language"):
            assert item[field] == given[field]
        assert item["url"] == f"{NEWSPAPER}/read/{item['id']}"
        assert item["image_url"] == f"{NEWSPAPER}/pictures/{given['section']}/{item['id']}.svg"
        assert item["published_at"].endswith("Z")
        assert moment(item) == moment(given)


@pytest.mark.long
def test_no_list_of_the_sample_breaks_a_rule(
    lists: Lists, sample_articles: dict[str, Document], duplicates_of: dict[str, frozenset[str]]
) -> None:
    """No seed, translation or duplicate of it, no two duplicates, no ineligible article."""
    for seed, asked in sample_articles.items():
        for language in {"any", asked["language"]} - {"en"}:
            listed = ids(lists(seed, limit=100, language=language))
            assert len(set(listed)) == len(listed)
            origin = asked.get("translation_of", seed)
            story = {
                other
                for other, article in sample_articles.items()
                if article.get("translation_of", other) == origin
            }
            excluded = {*duplicates_of.get(seed, ()), *story, *NEVER_LISTED, seed}
            assert not excluded & set(listed)
            for a, b in combinations(listed, 2):
                assert b not in duplicates_of.get(a, ()), f"{seed}: {a} and {b} are one story"


@pytest.mark.parametrize("limit", [1, 2, 12, 50, 100])
def test_a_smaller_limit_cuts_the_same_list(lists: Lists, limit: int) -> None:
    """With enough related items, a short list is the head of a longer one."""
    options = {"diversity": 0, "language": "any"}
    long, short = lists(limit=100, **options), lists(limit=limit, **options)
    assert ids(short) == ids(long)[:limit]
    assert (short["requested"], short["returned"]) == (limit, limit)
    assert "short_because" not in short


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        pytest.param({"section": "sport"}, lambda a: a["section"] == "sport", id="section"),
        pytest.param({"tag": "AI"}, lambda a: "AI" in a["tags"], id="tag"),
        pytest.param(
            {"section": "sport,economy,-economy"}, lambda a: a["section"] == "sport", id="sections"
        ),
        pytest.param({"section": "-sport"}, lambda a: a["section"] != "sport", id="no sport"),
        pytest.param(
            {"published_after": "2026-03-01", "published_before": "2026-04-01"},
            lambda a: "2026-03" in a["published_at"],
            id="published",
        ),
        pytest.param({"language": "RU,tg-TJ"}, lambda a: a["language"] in {"ru", "tg"}, id="lang"),
        pytest.param({}, lambda a: a["language"] == "en", id="the seed's language"),
        pytest.param({"exclude": f"{FIRST},no-such"}, lambda a: a["id"] != FIRST, id="exclude"),
        pytest.param({"max_age": "30d"}, lambda a: moment(a) >= NOW - 30 * DAY, id="max_age"),
        pytest.param({"mode": "background"}, lambda a: moment(a) < BORN, id="background"),
    ],
)
def test_an_option_drops_articles_that_do_not_meet_it(
    lists: Lists,
    sample_articles: dict[str, Document],
    options: dict[str, str],
    wanted: Callable[[Document], bool],
) -> None:
    without, answer = lists(limit=100, language="any"), lists(limit=100, **options)
    listed = [sample_articles[one] for one in ids(answer)]
    assert listed
    assert all(map(wanted, listed))
    assert not all(wanted(sample_articles[one]) for one in ids(without))
    assert answer["mode"] == options.get("mode", "mixed")


def test_latest_puts_the_newest_of_the_story_first(lists: Lists) -> None:
    """Only related items that score at least half of the best one."""
    related = [i for i in lists(mode="latest", limit=100)["items"] if i["reason"] == "semantic"]
    assert [moment(i) for i in related] == sorted(map(moment, related), reverse=True)
    mixed = [i for i in lists(limit=100)["items"] if i["reason"] == "semantic"]
    best = max(item["score"] for item in mixed)
    near = [item for item in mixed if item["score"] >= 0.5 * best]
    assert 3 < len(near) < len(mixed)
    assert len(related) == len(near)
    assert min(item["score"] for item in related) >= 0.5 * best


def test_min_score_keeps_exactly_the_items_that_score_as_much(lists: Lists) -> None:
    answer = lists(min_score="0.2", limit=100)
    above = [item for item in lists(min_score="0", limit=100)["items"] if item["score"] >= 0.2]
    assert all(item["score"] >= 0.2 for item in answer["items"])
    assert answer["returned"] == len(answer["items"]) == len(above) < 100
    assert answer["short_because"] == "min_score"


def test_guiyang_has_five_good_stories_first(
    lists: Lists, sample: Any, duplicates_of: dict[str, frozenset[str]]
) -> None:
    """The list the demonstration prints: its top five are judged related, none twice."""
    judged = [line.split() for line in (sample / "qrels.txt").read_text("utf-8").splitlines()]
    gains = {doc: int(gain) for seed, _, doc, gain in judged if seed == SEED}
    top = ids(lists())[:5]
    assert len(top) == 5
    assert {one: gains.get(one, 0) for one in top if gains.get(one, 0) < 1} == {}
    for a, b in combinations(top, 2):
        assert b not in duplicates_of.get(a, ())
