"""Cutting a story into texts that an encoder reads whole."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.article_texts import (
    BRIEF_WIDTH,
    MOST_PASSAGES,
    PASSAGE_WIDTH,
    WIDE,
    ArticleTexts,
    cut,
    cut_evenly,
    paragraphs,
    width,
)
from recommender.articles import Article
from tests.support.properties import examples

MARKS = "\"'»”)"  # may go where a stop is cut
LATIN = st.text('abc .!?,\n\t"»)', max_size=200)
CHINESE = st.text("中文新闻。！？，\n", max_size=100)  # noqa: RUF001 - Chinese stops
SENTENCES = st.lists(
    st.text("ab中文 ,", min_size=1, max_size=9).filter(str.strip), max_size=20
).map(lambda parts: "".join(part + ". " for part in parts))


def letters(text: str) -> str:
    return re.sub(rf"[\s{re.escape(MARKS)}]", "", text)


@given(LATIN | CHINESE | SENTENCES, st.integers(WIDE, 90))
@examples(300)
def test_pieces_are_within_the_limit_and_hold_every_letter_in_order(text: str, limit: int) -> None:
    pieces = list(cut(text, limit))
    assert "" not in pieces
    assert [piece for piece in pieces if width(piece) > limit] == []
    assert letters("".join(pieces)) == letters(text)


@given(LATIN, st.integers(60, 200))
def test_no_word_is_broken_where_sentences_fit(text: str, limit: int) -> None:
    short = ". ".join(sentence[:50] for sentence in re.split(r"[.!?\s]+", text))
    kept = " ".join(cut(short, limit))
    assert letters(kept.replace(" ", "|")) == letters("|".join(short.split()))


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 10, []),
        (" \n\n\t", 10, []),
        ("One two.", 10, ["One two."]),
        # Paragraphs that fit together stand together, by one space; else they part whole.
        ("Aaaa. bbbb.\n\nCccc. dddd.", 23, ["Aaaa. bbbb. Cccc. dddd."]),
        ("Aaaa. bbbb.\n\nCccc. dddd.", 22, ["Aaaa. bbbb.", "Cccc. dddd."]),
        ("Aaaa. bbbb.\n\nCccc. dddd.", 11, ["Aaaa. bbbb.", "Cccc. dddd."]),
        # A paragraph that is too long parts at its sentences.
        ("One two. Three four. Five six.", 20, ["One two. Three four.", "Five six."]),
        ("One two. Three four. Five six.", 19, ["One two.", "Three four.", "Five six."]),
        ("Who? Me! Yes… No.", 9, ["Who? Me!", "Yes… No."]),
        ("He (Bob.) Left.", 9, ["He (Bob.", "Left."]),
        # 你好。is three characters of four: 12 wide, and 25 with the next.
        ("你好。再见。好！", 25, ["你好。 再见。", "好！"]),  # noqa: RUF001
        ("你好。再见。好！", 24, ["你好。", "再见。 好！"]),  # noqa: RUF001
        # Version numbers and addresses are no sentence ends.
        ("See 3.11 and a.example now. Go.", 28, ["See 3.11 and a.example now.", "Go."]),
        # What has no end at all is cut by length.
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("一二三四五", 8, ["一二", "三四", "五"]),
        ("aaaa一二三", 8, ["aaaa一", "二三"]),
        ("一二", 1, ["一", "二"]),  # wider than the limit: alone
    ],
)
def test_a_text_is_cut_where_it_ends(text: str, limit: int, pieces: list[str]) -> None:
    assert list(cut(text, limit)) == pieces


@pytest.mark.parametrize(
    ("text", "wide"),
    [("", 0), ("abc", 3), ("йод", 3), ("é", 1), ("中文", 8), ("한", 4), ("a中", 5), ("Ａ", 4)],  # noqa: RUF001
)
def test_a_full_width_character_is_four_wide(text: str, wide: int) -> None:
    assert width(text) == wide


def test_paragraphs_are_split_at_line_ends_and_stripped() -> None:
    assert paragraphs("\n a \r\n\n b c\t\n\n") == ["a", "b c"]
    assert paragraphs(" \n ") == []


OPENING, REST = "A" * 599 + ".", "B" * 400 + "."  # the lead has room for 600


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        pytest.param({"title": " T "}, ArticleTexts("T", "T", ()), id="a title alone"),
        pytest.param(
            {"body": f"{OPENING}\n{REST}"},
            ArticleTexts("", OPENING, (OPENING, REST)),
            id="a body alone leads with its opening",
        ),
        pytest.param(
            {"body": f"{OPENING[1:]}\nB"},
            ArticleTexts("", OPENING[1:], (f"{OPENING[1:]} B",)),
            id="and with what fits",
        ),
        pytest.param(
            {"title": "T", "body": "One longer sentence.\n\nTwo."},
            ArticleTexts(
                "T", "T\nOne longer sentence. Two.", ("One longer sentence. Two.",), is_brief=True
            ),
            id="a brief",
        ),
        pytest.param(
            {"title": "T", "summary": " S ", "body": "One longer sentence."},
            ArticleTexts("T", "T\nS", ("One longer sentence.",), is_brief=True),
            id="a summary leads instead of the opening",
        ),
        pytest.param(
            {"title": "T", "summary": " \n", "body": "One longer sentence."},
            ArticleTexts("T", "T\nOne longer sentence.", ("One longer sentence.",), is_brief=True),
            id="a blank summary does not",
        ),
        pytest.param(
            {"title": "T", "body": "*** Video: 10."}, ArticleTexts("T", "T", ()), id="says nothing"
        ),
        pytest.param(
            {"title": "T", "body": "中国北京"},
            ArticleTexts("T", "T\n中国北京", ("中国北京",), is_brief=True),
            id="three full-width characters say something",
        ),
        pytest.param(
            {"body": "Video"},
            ArticleTexts("", "Video", ("Video",), is_brief=True),
            id="all there is",
        ),
    ],
)
def test_the_lead_is_the_title_with_the_summary_or_the_opening(
    fields: dict[str, str], texts: ArticleTexts
) -> None:
    assert ArticleTexts.of(Article.model_validate({"id": "a"} | fields)) == texts


def test_the_title_of_a_brief_is_read_with_its_body_and_counts_twice() -> None:
    brief = ArticleTexts.of(Article(id="a", title="T", body="b" * (BRIEF_WIDTH - 1)))
    report = ArticleTexts.of(Article(id="a", title="T", body="b" * BRIEF_WIDTH))
    untitled = ArticleTexts.of(Article(id="a", body="b" * 20))
    assert (brief.passages, brief.title_weight) == (("T\n" + "b" * (BRIEF_WIDTH - 1),), 2)
    assert (report.passages, report.title_weight) == (("b" * BRIEF_WIDTH,), 1)
    assert untitled.passages == ("b" * 20,)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(45, 90))
def test_even_parts_are_as_few_as_full_ones_and_their_widest_is_no_wider(
    words: list[int], limit: int
) -> None:
    text = " ".join("x" * length + "." for length in words)
    even, full = cut_evenly(text, limit), list(cut(text, limit))
    assert len(even) == len(full)
    assert max(map(width, even)) <= max(map(width, full))
    assert " ".join(even) == " ".join(full)


def test_a_short_rest_becomes_half_of_the_text() -> None:
    text = " ".join(f"Sentence {number:02} is here." for number in range(50))  # 1,049 characters
    assert [width(part) for part in cut(text, 900)] == [881, 167]
    assert [width(part) for part in cut_evenly(text)] == [524, 524]


def test_a_book_has_no_more_passages_than_a_long_article() -> None:
    pages = [f"{number:04}" + "p" * (PASSAGE_WIDTH - 4) for number in range(MOST_PASSAGES + 12)]
    views = ArticleTexts.of(Article(id="a", body="\n".join(pages)))
    assert views.passages == tuple(pages[:MOST_PASSAGES])


def test_a_million_blanks_are_read_as_quickly_as_letters() -> None:
    """A quadratic cut would take minutes here."""
    assert list(cut(f"One.{' ' * 1_000_000}Two.", 900)) == ["One. Two."]
