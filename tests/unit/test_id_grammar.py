"""The grammar of ids, and what a refusal says of each way to break it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import UnknownArticle
from recommender.id_grammar import ID_SCHEMA, check_id, find_id_fault

RULE = "must match [A-Za-z0-9._:~-]{1,200} and be neither '.' nor '..'"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("news/2026", "; its character 5 is '/', U+002F: write it as ~2F"),
        ("café", "; its character 4 is 'é', U+00E9: write it as ~C3~A9"),
        ("a\x00b", "; its character 2 is U+0000: write it as ~00"),
        ("a b\n", "; its character 2 is ' ', U+0020: write it as ~20"),
        ("x" * 201, "; it has 201 characters"),
        ("", "; it is empty"),
        ("..", ""),
    ],
    ids=ascii,
)
def test_a_refusal_says_which_character_is_wrong_and_how_to_write_it(
    text: str, reason: str
) -> None:
    assert find_id_fault(text) == RULE + reason
    with pytest.raises(ValueError, match=re.escape(RULE + reason)):
        check_id(text)


@given(st.text(st.sampled_from("azAZ09._:~-/é\n"), max_size=5))
def test_the_schema_and_the_check_agree(text: str) -> None:
    fits = re.search(ID_SCHEMA["pattern"].replace("$", r"\Z"), text) is not None
    assert (find_id_fault(text) is None) == fits


def test_an_unknown_article_is_to_be_pushed_unless_no_article_can_have_its_id() -> None:
    assert str(UnknownArticle("a")) == "no article 'a'; push it with PUT /v1/articles/a"
    refusal = str(UnknownArticle("a{1}é"))
    assert refusal.startswith(f"no article 'a{{1}}é'; an id {RULE}; its character 2 is '{{'")
