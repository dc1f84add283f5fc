"""MinHashes against the true Jaccard similarity of word triples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.analysis.minhash import (
    MINHASH_SIZE,
    compute_minhash,
    count_equal_places,
    estimate_jaccard,
    least_equal_places,
)
from recommender.analysis.tokens import MOST_WORDS, tokenize
from recommender.articles import Article

STORY = """\
The city council of Riverton approved a second bridge over the Wend on Monday evening, after four \
hours of debate and eleven amendments. Seven members voted in favour and two against.
Mayor Ilse Karden said that the crossing would take lorries out of the old market, where the queue \
at the ferry reaches the school gate on most mornings. Work should begin next spring.
Shopkeepers on the north bank fear that drivers will pass them by. Their association asked for a \
study of parking and for a stop of the number nine bus beside the new ramp.
The bridge will cost forty million crowns, a third of it from the regional road fund. The rest is \
borrowed over twenty years, which the treasurer called tight but sound."""
PARAGRAPHS = STORY.splitlines()
UNRELATED = (
    "Apple growers in the upper valley expect their earliest harvest on record, as a mild winter "
    "brought blossom three weeks ahead of the calendar. Late frost remains the worry, and many "
    "orchards have hired heaters for April nights. Bees were out before the end of February."
)


def story(text: str, title: str = "") -> Article:
    return Article(id="a", title=title, body=text)


def triples(article: Article) -> set[tuple[str, ...]]:
    read = [*tokenize(article.title), *tokenize(article.body)]
    return {tuple(read[at : at + 3]) for at in range(len(read) - 2)}


def jaccard(one: Article, two: Article) -> float:
    return len(triples(one) & triples(two)) / len(triples(one) | triples(two))


def estimate(one: Article, two: Article) -> float:
    return float(estimate_jaccard(compute_minhash(one), compute_minhash(two)[None, :])[0])


@pytest.mark.parametrize("kept", [0, 20, 50, 80, 100, 120, 150, 180, 195, 200])
def test_the_estimate_is_near_the_true_similarity(kept: int) -> None:
    """Two texts of two hundred words that share their first `kept` words."""
    draw = np.random.default_rng(kept)
    shared = [f"w{draw.integers(5_000)}" for _ in range(kept)]
    one, two = (
        story(" ".join([*shared, *(f"{own}{draw.integers(5_000)}" for _ in range(200 - kept))]))
        for own in "xy"
    )
    assert abs(estimate(one, two) - jaccard(one, two)) < 0.15


def test_the_estimate_has_no_lean() -> None:
    """Over many pairs that share half of their words, errors cancel out."""
    draw = np.random.default_rng(7)
    errors = []
    for _ in range(40):
        shared = [f"w{draw.integers(9_999)}" for _ in range(60)]
        one, two = (
            story(" ".join([*shared, *(f"{own}{draw.integers(9_999)}" for _ in range(30))]))
            for own in "xy"
        )
        errors.append(estimate(one, two) - jaccard(one, two))
    assert abs(float(np.mean(errors))) < 0.03


def test_one_text_in_two_articles_overlaps_wholly() -> None:
    text = STORY
    two = Article(id="b", title="T", body=text.upper().replace(". ", " — "), language="en")
    assert estimate(story(text, "T"), two) == 1.0


@pytest.mark.parametrize("cut", range(len(PARAGRAPHS)))
def test_a_reprint_without_a_paragraph_and_with_another_headline_is_known(cut: int) -> None:
    whole = story(STORY, "Council approves second bridge over the Wend")
    reprint = story(
        "\n".join(p for at, p in enumerate(PARAGRAPHS) if at != cut), "Riverton gets its bridge"
    )
    assert estimate(whole, reprint) > 0.35


def test_an_unrelated_text_does_not_overlap() -> None:
    assert estimate(story(STORY), story(UNRELATED)) < 0.1


def test_the_same_words_in_another_order_do_not_overlap() -> None:
    shuffled = STORY.split()
    np.random.default_rng(1).shuffle(shuffled)
    assert estimate(story(STORY), story(" ".join(shuffled))) < 0.1


@pytest.mark.parametrize("text", ["?", "… — !"])
def test_a_text_without_words_signs_with_zeros(text: str) -> None:
    minhash = compute_minhash(story(text))
    assert minhash.tolist() == [0] * MINHASH_SIZE
    assert str(minhash.dtype) == "uint16"


@pytest.mark.parametrize("text", ["bridge", "new bridge", "贵阳"])
def test_a_text_shorter_than_a_triple_is_known_by_all_of_it(text: str) -> None:
    assert estimate(story(text), story(text, "")) == 1.0
    assert estimate(story(text), story("something else")) < 0.1


def test_the_last_triple_counts_like_the_first() -> None:
    """Each pair shares one triple of three: the first, or the last."""
    for one, two in (("a b c d", "a b c e"), ("a b c d", "e b c d")):
        assert jaccard(story(one), story(two)) == pytest.approx(1 / 3)
        assert abs(estimate(story(one), story(two)) - 1 / 3) < 0.15


def test_a_title_and_a_body_are_read_on() -> None:
    assert estimate(story("two three four", "One"), story("One two three four")) == 1.0


def test_a_known_text_has_its_known_minhash() -> None:
    """A pinned value: kept minhashes and new ones are compared, so they may never drift."""
    minhash = compute_minhash(story("Seven members voted in favour and two against.", "The bridge"))
    assert minhash.shape == (MINHASH_SIZE,)
    assert minhash[:6].tolist() == [36_605, 10_295, 53_733, 46_003, 9_752, 33_218]


@pytest.mark.parametrize(
    ("others", "shares"),
    [
        ([[1, 2, 3, 4]], [1.0]),
        ([[1, 2, 0, 0], [0, 0, 0, 0], [4, 3, 2, 1], [0, 2, 3, 4]], [0.5, 0.0, 0.0, 0.75]),
    ],
)
def test_overlap_is_the_share_of_equal_places(others: list[list[int]], shares: list[float]) -> None:
    minhash: NDArray[np.uint16] = np.array([1, 2, 3, 4], np.uint16)
    assert estimate_jaccard(minhash, np.array(others, np.uint16)).tolist() == shares


def test_texts_without_words_have_similarity_zero() -> None:
    empty = compute_minhash(story("★"))
    assert estimate_jaccard(
        empty, np.stack([empty, compute_minhash(story("One two three."))])
    ).tolist() == [0, 0]


def test_only_the_beginning_of_a_book_counts() -> None:
    text = " ".join(f"word{number}" for number in range(MOST_WORDS + 5_000))
    beginning = " ".join(text.split()[:MOST_WORDS])
    assert compute_minhash(story(text)).tolist() == compute_minhash(story(beginning)).tolist()


@pytest.mark.parametrize("size", [1, 4, MINHASH_SIZE, 255, 256, 300])
def test_equal_places_are_counted(size: int) -> None:
    """Also where more places are equal than a byte can count."""
    minhashes = np.random.default_rng(size).integers(1, 3, (9, size), np.uint16)
    minhashes[4:6] = minhashes[0]
    counted = count_equal_places(minhashes[0], minhashes).tolist()
    assert counted == [int(np.sum(one == minhashes[0])) for one in minhashes]
    assert counted[0] == counted[4] == size


def test_without_texts_there_is_nothing_to_count() -> None:
    empty = np.empty((0, MINHASH_SIZE), np.uint16)
    assert count_equal_places(compute_minhash(story(STORY)), empty).tolist() == []
    assert estimate_jaccard(compute_minhash(story(STORY)), empty).tolist() == []


@given(st.floats(0, 3), st.sampled_from([1, 4, 10, MINHASH_SIZE]))
def test_the_least_number_of_equal_places_is_that_of_the_share(bound: float, size: int) -> None:
    least = least_equal_places(bound, size)
    assert [count >= least for count in range(size + 1)] == [
        count / size >= bound for count in range(size + 1)
    ]


def test_no_number_of_equal_places_is_beyond_all() -> None:
    assert least_equal_places(2.0, MINHASH_SIZE) == MINHASH_SIZE + 1
    assert least_equal_places(1.0, MINHASH_SIZE) == MINHASH_SIZE
    assert least_equal_places(0.3, 10) == 3
