"""Words and their hashed counts, worked by hand."""

import re
import unicodedata
import zlib
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index import BUCKETS
from recommender.analysis.tokens import LONGEST_WORD, STEM, count_tokens, tokenize
from recommender.articles import Article


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("... — !?", []),
        ("The Mayor's new_bridge, No. 3!", ["the", "mayor", "s", "new", "bridge", "no", "3"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("ﬁne １２ ①", ["fine", "12", "1"]),  # noqa: RUF001 - NFKC
        # Russian yo, also when written as a letter and a mark
        ("Ёлка ещё еще", ["елка", "еще", "еще"]),
        ("е\u0308лка", ["елка"]),  # noqa: RUF001
        ("Тоҷикистон ӯ ӣ қ", ["тоҷикистон", "ӯ", "ӣ", "қ"]),
        # Arabic kaf and ye become Persian ones; joiners and stretching go
        ("كتاب کتاب", ["کتاب", "کتاب"]),
        ("ايران ایران ىک", ["ایران", "ایران", "یک"]),
        ("می\u200cروم میروم", ["میروم", "میروم"]),
        ("کـــتاب", ["کتاب"]),
        # Marks on letters do not cut words
        ("İstanbul", ["istanbul"]),
        ("كِتَابٌ", ["کتاب"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        # Chinese, Japanese and Thai have no spaces: overlapping pairs
        ("ไทย", ["ไท", "ทย"]),
        ("中", ["中"]),
        ("贵阳", ["贵阳"]),
        ("贵阳智慧", ["贵阳", "阳智", "智慧"]),
        ("贵阳。智慧", ["贵阳", "智慧"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        # mixed runs
        ("5G网络", ["5g", "网络"]),
        ("在iPhone上网", ["在", "iphone", "上网"]),
        ("第3届大会x", ["第", "3", "届大", "大会", "x"]),
        ("x" * LONGEST_WORD + " " + "y" * (LONGEST_WORD + 1), ["x" * LONGEST_WORD]),
    ],
)
def test_the_words_of_a_text(text: str, expected: list[str]) -> None:
    assert list(tokenize(text)) == expected


def bucket(word: str) -> int:
    return zlib.crc32(word.encode()) % 2**20


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("reservoir", "reservoirs"),  # what stands behind the sixth letter is mostly grammar
        ("қазақстанда", "қазақстанның"),
        ("железной", "железная"),
    ],
)
def test_words_that_differ_after_the_sixth_letter_are_one_term(one: str, other: str) -> None:
    found = [count_tokens(Article(id="a", title=word))[0].tolist() for word in (one, other)]
    assert STEM == 6
    assert found[0] == found[1] == [bucket(one[:6])]


def test_words_that_differ_within_six_letters_are_two_terms() -> None:
    assert len(count_tokens(Article(id="a", title="report repeat"))[0]) == 2


def test_known_words_fall_into_known_buckets() -> None:
    """A pinned value: other buckets under one analyzer version would mix old terms with new."""
    buckets, counts = count_tokens(Article(id="a", title="Bridge", body="the bridge"))
    assert dict(zip(buckets.tolist(), counts.tolist(), strict=True)) == {355_814: 1.0, 528_287: 3.0}


def test_a_text_without_words_has_no_terms() -> None:
    buckets, counts = count_tokens(Article(id="a", title="?!"))
    assert buckets.tolist() == counts.tolist() == []
    assert (str(buckets.dtype), str(counts.dtype)) == ("int32", "float32")


MARKS = [*range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660), 0x670]
LETTERS = dict.fromkeys([*MARKS, 0x640, 0x200C]) | str.maketrans("يىكё", "ییке")
WORD = re.compile(
    r"(?:[^\W_]|[\u0900-\u0963\u0970-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])+"
)
UNSPACED = re.compile(
    r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
    r"|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+)"
)
WORDS = ["abc", "def", "贵阳", "ещё", "7", "x_y"]


@given(*[st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)] * 3)
def test_buckets_ascend_and_count_every_word_and_those_of_the_title_twice(
    title: str, summary: str, body: str
) -> None:
    article = Article(id="a", title=f"T {title}", summary=summary, body=body)
    texts = (article.title, article.title, summary, body)
    oracle = Counter(bucket(word) for text in texts for word in tokenize(text))
    buckets, counts = count_tokens(article)
    assert (str(buckets.dtype), str(counts.dtype)) == ("int32", "float32")
    assert buckets.tolist() == sorted(oracle)
    assert counts.tolist() == [oracle[one] for one in sorted(oracle)]
    assert all(0 <= one < BUCKETS for one in buckets.tolist())


def test_scripts_that_alternate_without_end_are_read_to_the_end() -> None:
    assert Counter(tokenize("中a" * 1_500)) == {"中": 1_500, "a": 1_500}


@given(st.text(st.sampled_from("aB7_ .-éЁёйİßﬁ①ー・中กा\u0301\u200c\u0640كي") | st.characters()))
@example("A" * (LONGEST_WORD + 1) + " b" + "中" * 41)
@example("ордёнЁ ордё\u0301н")
def test_every_text_has_the_tokens_of_the_definition(text: str) -> None:
    """The oracle treats one letter and one word after the other, as the definition reads."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(LETTERS)
    expected: list[str] = []
    for word in WORD.findall(folded):
        for place, part in enumerate(UNSPACED.split(word)):
            if place % 2:
                expected += [part[at : at + 2] for at in range(max(1, len(part) - 1))]
            elif 0 < len(part) <= LONGEST_WORD:
                expected.append(part)
    assert list(tokenize(text)) == expected
