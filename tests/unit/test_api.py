"""The models of the API: what an answer is as JSON, and what may be asked for."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from recommender.api import (
    Dropped,
    Grounds,
    ListOptions,
    RelatedList,
)
from tests.support.lists import BARE, GROUNDS, PARTS, item, listed

NUMBERS = {
    "dense": 0.1235,
    "passages": 0.25,
    "lexical": 0.8,
    "dense_weight": 0.25,
    "passage_weight": 0.25,
    "lexical_weight": 0.5,
    "recency": 1.0,
    "nearness": 0.04,
    "hubness": 0.03,
    "ranking_value": 0.6334,
}
BRIDGE = {
    "id": "b",
    "rank": 1,
    "score": 0.6235,
    "title": "Bridge opens",
    "url": "https://a/b",
    "section": "city",
    "language": "en",
    "published_at": "2026-03-01T09:30:00Z",
    "image_url": "https://a/b.jpg",
    "reason": "semantic",
}
UNKNOWN = dict.fromkeys(("url", "section", "language", "published_at", "image_url"))
MOST = {
    "id": "c",
    "rank": 2,
    "score": 0.1,
    "title": "Мост",
    **UNKNOWN,
    "reason": "fallback:latest",
}


def document(items: list[dict[str, Any]], **more: Any) -> str:
    """A list as the contract writes it: fields in this order, numbers to four digits, one line."""
    fields = {
        "article_id": "a",
        "items": items,
        "requested": 12,
        "returned": len(items),
        "mode": "mixed",
        "generation": "20260301-0001",
    }
    return json.dumps(fields | more, ensure_ascii=False, separators=(",", ":"))


def explained(**more: Any) -> dict[str, Any]:
    return BRIDGE | {"explanation": NUMBERS | more}


DROPPED = (
    Dropped(id="x", title="Copy", score=0.812_345, rule="duplicate", because="b"),
    Dropped(id="y", title="", score=0.3, rule="threshold"),
)


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        pytest.param(listed(item()), document([BRIDGE]), id="a full list"),
        pytest.param(
            listed(
                item(),
                item("c", 2, 0.1, BARE, "fallback:latest"),
                mode="latest",
                short_because="few_eligible",
            ),
            document([BRIDGE, MOST], mode="latest", short_because="few_eligible"),
            id="a short list with what is unknown",
        ),
        pytest.param(
            listed(short_because="no_related"),
            document([], short_because="no_related"),
            id="an empty list",
        ),
        pytest.param(
            listed(item(dense=PARTS.dense)), document([explained()]), id="an explained list"
        ),
        pytest.param(
            listed(item(grounds=GROUNDS)),
            document(
                [
                    explained(
                        grounds={
                            "terms": [
                                {"word": "harbour", "share": 0.1235},
                                {"word": "Мост", "share": 0.05},
                            ],
                            "names": ["Guiyang", "White House"],
                            "passages": [
                                {
                                    "seed": "Half of the world's",
                                    "item": "Two <b>halves</b>",
                                    "similarity": 0.7123,
                                }
                            ],
                        }
                    )
                ]
            ),
            id="grounds",
        ),
        pytest.param(
            listed(item(grounds=Grounds(terms=(), names=(), passages=()))),
            document([explained(grounds={"terms": [], "names": [], "passages": []})]),
            id="nothing in common",
        ),
        pytest.param(
            listed(item(no_grounds_because="store_away")),
            document([explained(no_grounds_because="store_away")]),
            id="no grounds",
        ),
        pytest.param(
            listed(dropped=DROPPED),
            document(
                [],
                dropped=[
                    {"id": "x", "title": "Copy", "score": 0.8123, "rule": "duplicate"}
                    | {"because": "b"},
                    {"id": "y", "title": "", "score": 0.3, "rule": "threshold"},
                ],
            ),
            id="what was dropped",
        ),
        pytest.param(listed(dropped=()), document([], dropped=[]), id="nothing dropped"),
    ],
)
def test_a_list_is_written_as_the_contract_says(answer: RelatedList, written: str) -> None:
    assert answer.to_json() == written


def test_an_age_is_in_days() -> None:
    assert ListOptions().max_age_days is None
    assert ListOptions(max_age="30d").max_age_days == 30.0


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(ListOptions(), "limit", 3)  # noqa: B010 - mypy knows it is frozen
