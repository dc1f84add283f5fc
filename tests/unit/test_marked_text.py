"""Marks on the words that two texts share; the expected ones are set by hand with brackets."""

import pytest

from recommender.api import Grounds, SharedTerm
from recommender.ranking.marked_text import mark_shared, shared_keys


def grounds_of(words: list[str], names: list[str]) -> Grounds:
    terms = tuple(SharedTerm(word=word, share=0.1) for word in words)
    return Grounds(terms=terms, names=tuple(names), passages=())


@pytest.mark.parametrize(
    ("words", "names", "marked"),
    [
        (["engineer"], [], "Two [engineers] met an [Engineer]; English ran."),
        (["plan"], ["Port Said"], "A [plan], in [Port Said]: ports said no."),
        ([], ["Port Said", "Said"], "[Port Said] and Mr [Said]'s house."),
        (["село"], ["Душанбе"], "[Душанбе] и [сёло] рядом."),
        (["зелёный"], [], "[Зеленый] свет."),
        (["改革"], [], "今年的[改革]方案"),
        (["改革", "革方"], [], "今年的[改革方]案,[改革]"),
        (["co"], [], "[Co]-operation of <b>[co]</b>"),
        (["plan"], ["Port Said"], "A [plan] of a port"),
        ([], [], "Nothing is shared."),
        (["x1"], [], ""),
    ],
)
def test_shared_words_are_marked(words: list[str], names: list[str], marked: str) -> None:
    text = marked.replace("[", "").replace("]", "")
    pieces = mark_shared(text, shared_keys(grounds_of(words, names)))
    assert "".join(piece.text for piece in pieces) == text
    shown = (f"[{piece.text}]" if piece.is_shared else piece.text for piece in pieces)
    assert "".join(shown) == marked
