"""Of the rules that keep an article out of a list, the first is told."""

from itertools import product

import pytest

from recommender.api import RULES, Rule
from recommender.ranking.explain import DropFacts, first_rule

REMOVALS: list[Rule] = ["duplicate_of_seed", "duplicate", "story_cap", "copy_cap"]


def test_what_breaks_no_rule_would_stand_further_down() -> None:
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
def test_the_first_rule_is_told(candidate: DropFacts, rule: Rule) -> None:
    assert first_rule(candidate, by_min_score=False) == rule


def test_a_least_score_that_was_asked_for_has_a_rule_of_its_own() -> None:
    assert first_rule(DropFacts(related=False), by_min_score=True) == "min_score"


def test_of_all_that_is_broken_the_first_in_the_order_of_the_rules_is_told() -> None:
    """By brute force over everything that can be known of a candidate."""
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
