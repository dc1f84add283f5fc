"""The first rule that drops an article is the one that is reported."""

from itertools import product

import pytest

from recommender.api import RULES, Rule
from recommender.ranking.explain import DropFacts, first_rule

REMOVALS: list[Rule] = ["duplicate_of_seed", "duplicate", "story_cap", "copy_cap"]


def test_a_candidate_that_breaks_no_rule_is_dropped_by_the_limit() -> None:
    assert first_rule(DropFacts(), by_min_score=False) == "limit"
    assert first_rule(DropFacts(), by_min_score=True) == "limit"


@pytest.mark.parametrize(
    ("candidate", "rule"),
    [
        (
            DropFacts(translation=True, excluded=True, broken="language", related=False),
            "translation",
        ),
        (DropFacts(excluded=True, broken="expired", related=False), "excluded"),
        (DropFacts(broken="section", related=False, removed="duplicate"), "section"),
        (DropFacts(related=False, removed="duplicate"), "threshold"),
        *((DropFacts(removed=removal), removal) for removal in REMOVALS),
    ],
)
def test_the_first_broken_rule_is_reported(candidate: DropFacts, rule: Rule) -> None:
    assert first_rule(candidate, by_min_score=False) == rule


def test_a_requested_min_score_has_its_own_rule() -> None:
    assert first_rule(DropFacts(related=False), by_min_score=True) == "min_score"


def test_the_reported_rule_is_the_first_broken_one_in_the_order_of_rules() -> None:
    """By brute force over all combinations of facts about a candidate."""
    broken: list[Rule | None] = [None, "unread", "expired", "tag", "not_older"]
    removed: list[Rule | None] = [None, *REMOVALS]
    no_or_yes = [False, True]
    flags = product(no_or_yes, no_or_yes, no_or_yes)
    for (t, e, k), b, r, x in product(flags, broken, no_or_yes, removed):
        rules = [
            *(["translation"] if t else []),
            *(["excluded"] if e else []),
            *(["blocked"] if k else []),
            *([b] if b else []),
            *([] if r else ["threshold"]),
            *([x] if x else []),
            "limit",
        ]
        candidate = DropFacts(t, e, k, b, r, x)
        assert first_rule(candidate, by_min_score=False) == min(rules, key=RULES.index)
