"""Why an item stands in a list, in points of 100; the figures are worked by hand."""

import pytest

from recommender.api import Explanation, Grounds, Item, PassagePair, Reason, SharedTerm
from recommender.web.console.reasons import BarPart, PlaceStep, Reasons, count_reasons
from recommender.web.console.story import keep_own_picture
from recommender.web.entries import Entry, Picture

EXPLAINED = Explanation(
    dense=0.8,
    passages=0.55,
    lexical=0.2,
    dense_weight=0.3,
    passage_weight=0.25,
    lexical_weight=0.45,
    recency=0.95,
    nearness=0.02,
    hubness=0.111,
    boost=0.0,
    ranking_value=0.352,
)
SCORE = 0.8 * 0.3 + 0.55 * 0.25 + 0.2 * 0.45  # 24 + 13.75 + 9 points


def item_of(reason: Reason = "semantic", **changed: object) -> Item:
    explained = EXPLAINED.model_copy(update=changed)
    shown = {"id": "a", "rank": 1, "score": SCORE, "title": "A", "url": None, "section": "sea"}
    others = {"language": "en", "published_at": None, "image_url": None, "reason": reason}
    return Item.model_validate({**shown, **others, "explanation": explained})


def reasons_of(reason: Reason = "semantic", **changed: object) -> Reasons:
    found = Reasons.of(item_of(reason, **changed))
    assert found is not None
    return found


def test_the_parts_of_a_bar_add_up_to_the_closeness() -> None:
    assert reasons_of().parts == (
        BarPart("dense", 0, 24),
        BarPart("passages", 24, 14),
        BarPart("lexical", 38, 9),
    )


def test_the_steps_lead_from_the_closeness_to_the_place() -> None:
    found = reasons_of(boost=0.1, ranking_value=0.353, site_rules=("Sea first",))
    # 46.75 -> 44.41 -> 46.41 -> 56.41 -> 45.31
    assert found.steps == (
        PlaceStep("age", -3),
        PlaceStep("same_days", 2),
        PlaceStep("rules", 10),
        PlaceStep("near_to_many", -11),
    )
    assert 47 + sum(step.points for step in found.steps) == 45
    assert found.rules == ("Sea first",)
    assert not reasons_of(recency=1.0, nearness=0.0, hubness=0.001, ranking_value=0.4665).steps


@pytest.mark.parametrize(
    ("reason", "changed", "main"),
    [
        ("pinned", {}, "pinned"),
        ("fallback:section", {}, "section"),
        ("fallback:latest", {}, "latest"),
        ("words", {}, "words"),
        ("semantic", {}, "dense"),
        ("semantic", {"passages": 1.0}, "passages"),
        ("semantic", {"lexical": 1.0}, "lexical"),
    ],
)
def test_the_sentence_names_what_counted_most(
    reason: Reason, changed: dict[str, float], main: str
) -> None:
    assert reasons_of(reason, **changed).main == main


@pytest.mark.parametrize(
    ("score", "degree"), [(0.5, "very"), (0.49, "close"), (0.25, "close"), (0.24, "loose")]
)
def test_the_degree_follows_the_closeness(score: float, degree: str) -> None:
    found = Reasons.of(item_of().model_copy(update={"score": score}))
    assert found is not None
    assert found.degree == degree


def test_a_word_of_a_name_is_not_named_again() -> None:
    words = ("said", "ships", "Ships", "harbour")
    terms = tuple(SharedTerm(word=word, share=0.1) for word in words)
    pair = PassagePair(seed="A ship.", item="No <b>ships</b> in Port Said.", similarity=0.5)
    found = reasons_of(grounds=Grounds(terms=terms, names=("Port Said",), passages=(pair,)))
    assert found.shared == ("Port Said", "ships", "harbour")
    (marked,) = found.passages
    assert [one.text for one in marked.ours if one.is_shared] == []
    assert [one.text for one in marked.theirs if one.is_shared] == ["ships", "Port Said"]


def test_a_list_is_counted_by_why_its_items_are_there() -> None:
    kinds: tuple[Reason, ...] = ("pinned", "words", "semantic", "fallback:latest")
    assert count_reasons(map(item_of, kinds)) == {"pinned": 1, "related": 2, "fill": 1}


def test_pictures_of_other_hosts_are_left_out() -> None:
    for src, is_kept in (("http://desk/a.png", True), ("https://other/a.png", False)):
        picture = Picture(src, 480, 270, "https://other/b.png 2x", "auto")
        entry = Entry("A", None, picture, None, None, None, None, None)
        kept = Picture(src, 480, 270) if is_kept else None
        assert keep_own_picture(entry, "desk").picture == kept
