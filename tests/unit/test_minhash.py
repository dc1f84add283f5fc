"""MinHashes against the true Jaccard similarity of word triples."""

import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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


def story(text: str, title: str = "") -> Article:
    return Article(id="a", title=title, body=text)


def triples(article: Article) -> set[tuple[str, ...]]:
    read = [*tokenize(article.title), *tokenize(article.body)]
    return {tuple(read[at : at + 3]) for at in range(len(read) - 2)}


def jaccard(one: Article, two: Article) -> float:
    return len(triples(one) & triples(two)) / len(triples(one) | triples(two))


def estimate(one: Article, two: Article) -> float:
    return float(estimate_jaccard(compute_minhash(one), compute_minhash(two)[None, :])[0])


def two_stories(draw: np.random.Generator, shared: int, own: int) -> list[Article]:
    """Two texts that begin with the same words and end with words of their own."""
    start = [f"w{draw.integers(9_999)}" for _ in range(shared)]
    ends = ([f"{name}{draw.integers(9_999)}" for _ in range(own)] for name in "xy")
    return [story(" ".join([*start, *end])) for end in ends]


@pytest.mark.parametrize("text", ["", "One", "One two", "one two three four", STORY, STORY * 9])
def test_each_place_is_the_least_of_its_linear_function_over_the_runs(text: str) -> None:
    """Stored MinHashes are compared with new ones, so their values never change."""
    words = [*tokenize("Ferry"), *tokenize(text)]
    runs = {" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))}
    prime = 2**31 - 1
    hashes = [zlib.crc32(run.encode()) % prime for run in runs]
    factors = np.random.default_rng(1997).integers(1, prime, (2, MINHASH_SIZE), np.uint64)
    oracle = [min((h * a + b) % prime for h in hashes) & 0xFFFF for a, b in factors.T.tolist()]
    assert compute_minhash(story(text, "Ferry")).tolist() == oracle


@pytest.mark.parametrize("shared", [0, 20, 50, 80, 100, 120, 150, 180, 195, 200])
def test_the_estimate_is_near_the_true_similarity(shared: int) -> None:
    one, two = two_stories(np.random.default_rng(shared), shared, 200 - shared)
    assert abs(estimate(one, two) - jaccard(one, two)) < 0.15


def test_the_estimate_has_no_bias() -> None:
    """Over many pairs that share two thirds of their words, errors cancel out."""
    draw = np.random.default_rng(7)
    pairs = [two_stories(draw, 60, 30) for _ in range(40)]
    errors = [estimate(one, two) - jaccard(one, two) for one, two in pairs]
    assert abs(float(np.mean(errors))) < 0.03


def test_one_text_in_two_articles_has_similarity_one() -> None:
    two = Article(id="b", title="T", body=STORY.upper().replace(". ", " — "), language="en")
    assert estimate(story(STORY, "T"), two) == 1.0


@pytest.mark.parametrize("cut", range(len(PARAGRAPHS)))
def test_a_reprint_without_a_paragraph_and_with_another_headline_is_known(cut: int) -> None:
    whole = story(STORY, "Council approves second bridge over the Wend")
    reprint = story(
        "\n".join(p for at, p in enumerate(PARAGRAPHS) if at != cut), "Riverton gets its bridge"
    )
    assert estimate(whole, reprint) > 0.35


def test_the_same_words_in_another_order_are_not_similar() -> None:
    shuffled = STORY.split()
    np.random.default_rng(1).shuffle(shuffled)
    assert estimate(story(STORY), story(" ".join(shuffled))) < 0.1


@pytest.mark.parametrize("text", ["?", "… — !"])
def test_the_minhash_of_a_text_without_words_is_zeros(text: str) -> None:
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


def test_the_body_continues_the_words_of_the_title() -> None:
    assert estimate(story("two three four", "One"), story("One two three four")) == 1.0


def test_a_known_text_has_its_known_minhash() -> None:
    """A pinned value: kept minhashes and new ones are compared, so they may never drift."""
    minhash = compute_minhash(story("Seven members voted in favour and two against.", "The bridge"))
    assert minhash.shape == (MINHASH_SIZE,)
    assert minhash[:6].tolist() == [36_605, 10_295, 53_733, 46_003, 9_752, 33_218]


def test_texts_without_words_have_similarity_zero() -> None:
    both = np.stack([compute_minhash(story(text)) for text in ("★", "One two three.")])
    assert estimate_jaccard(both[0], both).tolist() == [0, 0]


def test_only_the_beginning_of_a_book_counts() -> None:
    text = " ".join(f"word{number}" for number in range(MOST_WORDS + 5_000))
    beginning = " ".join(text.split()[:MOST_WORDS])
    assert compute_minhash(story(text)).tolist() == compute_minhash(story(beginning)).tolist()


@pytest.mark.parametrize("size", [1, 4, MINHASH_SIZE, 255, 256, 300])
def test_the_similarity_is_the_share_of_equal_places(size: int) -> None:
    """Also if more places are equal than a byte can count."""
    minhashes = np.random.default_rng(size).integers(1, 3, (9, size), np.uint16)
    minhashes[4:6] = minhashes[0]
    counted = count_equal_places(minhashes[0], minhashes).tolist()
    assert counted == [int(np.sum(one == minhashes[0])) for one in minhashes]
    assert counted[0] == counted[4] == size
    assert estimate_jaccard(minhashes[0], minhashes).tolist() == [one / size for one in counted]


def test_without_texts_there_is_nothing_to_count() -> None:
    empty = np.empty((0, MINHASH_SIZE), np.uint16)
    assert count_equal_places(compute_minhash(story(STORY)), empty).tolist() == []
    assert estimate_jaccard(compute_minhash(story(STORY)), empty).tolist() == []


@given(st.floats(0, 3), st.sampled_from([1, 4, 10, MINHASH_SIZE]))
@example(0.3, 10)
@example(1.0, MINHASH_SIZE)
@example(2.0, MINHASH_SIZE)
def test_the_least_number_of_equal_places_is_that_of_the_share(bound: float, size: int) -> None:
    least = least_equal_places(bound, size)
    assert [count >= least for count in range(size + 1)] == [
        count / size >= bound for count in range(size + 1)
    ]
