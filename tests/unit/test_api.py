"""The models of the API: what an answer is as JSON, and what may be asked for."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from recommender.api import (
    LIMITS,
    MODES,
    Dropped,
    Grounds,
    ListOptions,
    RelatedList,
)
from tests.support.lists import BARE, GROUNDS, PARTS, item, listed


def as_json(answer: RelatedList) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.to_json())
    return found


NOTHING_IN_COMMON = Grounds(terms=(), names=(), passages=())


DROPPED = (
    Dropped(id="x", title="Copy", score=0.812_345, rule="duplicate", because="b"),
    Dropped(id="y", title="", score=0.3, rule="threshold"),
)


def test_a_list_is_the_contracts_document() -> None:
    answer = listed(
        item(),
        item("c", 2, 0.1, BARE, "fallback:latest"),
        mode="latest",
        short_because="few_eligible",
    )
    assert as_json(answer) == {
        "article_id": "a",
        "items": [
            {
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
            },
            {
                "id": "c",
                "rank": 2,
                "score": 0.1,
                "title": "Мост",
                "url": None,
                "section": None,
                "language": None,
                "published_at": None,
                "image_url": None,
                "reason": "fallback:latest",
            },
        ],
        "requested": 12,
        "returned": 2,
        "short_because": "few_eligible",
        "mode": "latest",
        "generation": "20260301-0001",
    }


def test_an_empty_list_is_a_document_too() -> None:
    assert as_json(listed(short_because="no_related")) == {
        "article_id": "a",
        "items": [],
        "requested": 12,
        "returned": 0,
        "short_because": "no_related",
        "mode": "mixed",
        "generation": "20260301-0001",
    }


def test_a_full_list_is_not_short_for_any_reason() -> None:
    assert "short_because" not in as_json(listed(item()))


def test_fields_of_an_item_stand_in_the_contracts_order() -> None:
    (document,) = as_json(listed(item(dense=PARTS.dense)))["items"]
    assert ",".join(document) == (
        "id,rank,score,title,url,section,language,published_at,image_url,reason,explanation"
    )


NUMBERS = {
    "dense": 0.1235,
    "passages": 0.25,
    "lexical": 0.8,
    "dense_weight": 0.25,
    "passage_weight": 0.25,
    "lexical_weight": 0.5,
    "recency": 1.0,
    "hubness": 0.03,
    "ranking_value": 0.5935,
}


def test_an_explanation_holds_its_parts_to_four_digits() -> None:
    (document,) = as_json(listed(item(dense=PARTS.dense)))["items"]
    assert document["explanation"] == NUMBERS
    assert list(document["explanation"]) == list(NUMBERS)


def test_an_explanation_holds_its_grounds_or_why_it_has_none() -> None:
    answer = listed(
        item(grounds=GROUNDS),
        item("c", no_grounds_because="store_away"),
        item("d", grounds=NOTHING_IN_COMMON),
    )
    with_grounds, without, empty = (one["explanation"] for one in as_json(answer)["items"])
    assert with_grounds == NUMBERS | {
        "grounds": {
            "terms": [{"word": "harbour", "share": 0.1235}, {"word": "Мост", "share": 0.05}],
            "names": ["Guiyang", "White House"],
            "passages": [
                {
                    "seed": "Half of the world's",
                    "item": "Two <b>halves</b>",
                    "similarity": 0.7123,
                }
            ],
        }
    }
    assert without == NUMBERS | {"no_grounds_because": "store_away"}
    assert empty == NUMBERS | {"grounds": {"terms": [], "names": [], "passages": []}}


def test_what_was_dropped_stands_at_the_end_where_it_was_asked_for() -> None:
    document = as_json(listed(dropped=DROPPED))
    assert list(document)[-1] == "dropped"
    assert document["dropped"] == [
        {"id": "x", "title": "Copy", "score": 0.8123, "rule": "duplicate", "because": "b"},
        {"id": "y", "title": "", "score": 0.3, "rule": "threshold"},
    ]
    assert as_json(listed(dropped=()))["dropped"] == []
    assert "dropped" not in as_json(listed())


def test_an_answer_is_written_on_one_line_with_its_letters() -> None:
    assert "\n" not in listed(item()).to_json()
    assert '"title":"Мост"' in listed(item(shown=BARE)).to_json()


def test_the_defaults_are_a_readers_list() -> None:
    assert ListOptions() == ListOptions(
        limit=12,
        mode="mixed",
        language=None,
        section=None,
        tag=None,
        max_age=None,
        diversity=None,
        min_score=None,
        explain=False,
    )


def test_limits_and_modes_are_the_contracts() -> None:
    assert (LIMITS[0], LIMITS[-1]) == (1, 100)
    assert MODES == ("mixed", "background", "latest")


@pytest.mark.parametrize(
    ("language", "languages"),
    [
        (None, None),
        ("any", frozenset()),
        ("EN", frozenset({"en"})),
        ("zh-Hans-CN,ru", frozenset({"zh", "ru"})),
    ],
)
def test_languages_are_primary_subtags(
    language: str | None, languages: frozenset[str] | None
) -> None:
    assert ListOptions(language=language).languages == languages


def test_an_age_is_in_days() -> None:
    assert ListOptions().max_age_days is None
    assert ListOptions(max_age="30d").max_age_days == 30.0


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(ListOptions(), "limit", 3)  # noqa: B010 - mypy knows it is frozen
