"""What two texts have in common: words, names and passages, as people read them.

Words. Lexical similarity counts stems hashed to buckets; here each shared bucket gets back the word
that the item spells most often.

Names. A name is a word, or up to four words in a row, with a capital letter, in scripts that have
capitals. At the beginning of a sentence every word has one: there a word is a name only if it has a
capital elsewhere in the text too. A single word that the text also writes in small letters is no
name. Headlines are not read, because some newsrooms capitalise every word. Two words are the same
name if their first six letters are equal, as in lexical similarity: endings are mostly grammar. The
rule prefers to find too few names.

Passages. The pairs with the highest cosine, quoted from their beginning.

Of a long text only the beginning is read: an explanation must not cost more for a book than for a
long article.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index import Query
from recommender.analysis.article_texts import ArticleTexts, paragraphs
from recommender.analysis.embedding import quoted_passages
from recommender.analysis.tokens import MOST_WORDS, STEM, count_tokens, tokenize
from recommender.api import Explanation, Grounds, PassagePair, SharedTerm
from recommender.articles import Article

__all__ = [
    "BREAKS",
    "MOST_LETTERS",
    "MOST_READ",
    "ComparedText",
    "Key",
    "Name",
    "beginning_of",
    "compare_texts",
    "excerpt",
    "matching_pairs",
    "names_of",
    "products",
    "shared_names",
    "shared_terms",
    "spellings",
]

MOST_LETTERS: Final = 100_000
"""How many characters of a body are read; a headline and a summary have bounds of their own."""
LONGEST_WORD: Final = 100
MOST_TERMS: Final = 10
MOST_PAIRS: Final = 2
EXCERPT: Final = 200
MOST_NAMES: Final = 10
MOST_READ: Final = 500
"""How many names of a text are read; news of 5,000 to 11,000 words has 161 to 337."""
LONGEST: Final = 4
BREAKS = re.compile(r"[\s!-/:-@\[-`{-~«»‹›“”„‘’‚…–—·،؛؟、。，；：？！（）《》〈〉「」『』【】]+")  # noqa: RUF001
"""Characters that separate words; all other marks between letters stay in the word."""
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:[-'’][^\W\d_][^\W_]*)*")  # noqa: RUF001
_POSSESSIVE = re.compile(r"['’]s$")  # noqa: RUF001
# A sentence, or a quotation in it, begins after these.
_OPENING = re.compile(r"[.!?…:。！？]|,\s*[\"“„«]$")  # noqa: RUF001

Floats = NDArray[np.float32]
Key = tuple[str, ...]
"""The stems of the words of a name."""
Spellings = Mapping[str, Counter[str]]
"""By stem, how often each spelling occurs."""
PassageTexts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """The first spelling of a name in a text, and how often the name occurs."""

    spelt: str
    count: int


class _Word(NamedTuple):
    text: str
    folded: str
    capital: bool
    """Whether it may be part of a name; a single letter is not: the English I, an initial."""
    opens: bool
    joined: bool


@dataclass(frozen=True, slots=True, eq=False)
class ComparedText:
    """One of two texts to compare, with everything that is compared of it.

    Attributes:
        spelt: its words.
        names: its names.
        passages: the texts of its passages.
        terms: its weighted terms; None if it has none.
        vectors: of its passages, float32 [k, dim], unit rows; None if it has none.
    """

    spelt: Spellings
    names: Mapping[Key, Name]
    passages: PassageTexts
    terms: Query | None
    vectors: Floats | None

    @classmethod
    def of(cls, article: Article, terms: Query | None, vectors: Floats | None) -> "ComparedText":
        """Read a plain text; of a long one the beginning."""
        read = beginning_of(article)
        passages = tuple(quoted_passages(ArticleTexts.of(read)))
        return cls(spellings(read), names_of(read), passages, terms, vectors)


def compare_texts(
    seed: ComparedText, item: ComparedText, explanation: Explanation, telling: Collection[int]
) -> Grounds:
    """The common parts of two texts; words and passages only if they added to the score.

    Of the words only those in the `telling` buckets are named.
    """
    terms: tuple[SharedTerm, ...] = ()
    pairs: tuple[PassagePair, ...] = ()
    by_words = explanation.lexical_weight * explanation.lexical > 0
    by_passages = explanation.passage_weight * explanation.passages > 0
    if by_words and seed.terms is not None and item.terms is not None:
        terms = shared_terms(seed.spelt, item.spelt, products(seed.terms, item.terms), telling)
    if by_passages and seed.vectors is not None and item.vectors is not None:
        pairs = matching_pairs((seed.passages, seed.vectors), (item.passages, item.vectors))
    return Grounds(terms=terms, names=shared_names(seed.names, item.names), passages=pairs)


def beginning_of(article: Article) -> Article:
    """The same article with a body of at most `MOST_LETTERS`, cut between two words if possible."""
    body = article.body
    if len(body) <= MOST_LETTERS:
        return article
    blank = max(body.rfind(mark, MOST_LETTERS - LONGEST_WORD, MOST_LETTERS) for mark in " \n")
    return article.with_text(body[: MOST_LETTERS if blank < 0 else blank])


def products(one: Query, other: Query) -> dict[int, float]:
    """By bucket, what the terms of two texts add to their lexical similarity, if more than 0."""
    buckets, mine, theirs = np.intersect1d(
        one.buckets, other.buckets, assume_unique=True, return_indices=True
    )
    added = one.weights[mine].astype(np.float64) * other.weights[theirs]
    return {b: a for b, a in zip(buckets.tolist(), added.tolist(), strict=True) if a > 0}


def spellings(article: Article) -> Spellings:
    """The spellings of all counted words; pairs of characters in scripts without spaces."""
    spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text in (article.title, article.summary, article.body):
        pieces = Counter(islice(filter(None, BREAKS.split(text)), MOST_WORDS))
        for piece, times in pieces.items():
            found = _kept_words_of(piece) if len(piece) <= LONGEST_WORD else tuple(tokenize(piece))
            for word in found:
                spelling = piece if len(found) == 1 else word
                spelt[word[:STEM]][spelling] += times
    return dict(spelt)


@lru_cache(maxsize=2**13)
def _kept_words_of(piece: str) -> tuple[str, ...]:
    """The words of a short piece; most pieces of a text are in others too."""
    return tuple(tokenize(piece))


def shared_terms(
    seed: Spellings,
    item: Spellings,
    added: Mapping[int, float],
    telling: Collection[int],
    most: int = MOST_TERMS,
) -> tuple[SharedTerm, ...]:
    """The shared telling words that add most to the lexical similarity, the heaviest first.

    Each word has the spelling that is most frequent in the item. Words of one letter are left out.
    Two different words in the same bucket are not shared. Shares add up to 1 over all buckets.

    Args:
        seed: the spellings of one text.
        item: those of the other.
        added: by bucket, what it adds to the similarity.
        telling: the buckets whose words may be named; see `telling_words`.
        most: how many at most.
    """
    total = sum(added.values())
    heaviest: dict[int, str] = {}
    for stem in item.keys() & seed.keys():
        bucket = _bucket_of(stem)
        if bucket in added and bucket in telling and len(stem) > 1:
            rival = heaviest.get(bucket, stem)
            heaviest[bucket] = max(stem, rival, key=lambda one: (item[one].total(), one))
    ranked = sorted(heaviest.items(), key=lambda pair: (-added[pair[0]], pair[1]))
    return tuple(
        SharedTerm(word=item[stem].most_common(1)[0][0], share=added[bucket] / total)
        for bucket, stem in ranked[:most]
    )


@lru_cache(maxsize=2**14)
def _bucket_of(stem: str) -> int:
    """The bucket of a stem, by the function that counts terms."""
    buckets, _ = count_tokens(Article(id="-", title=stem))
    return int(buckets[0])


def names_of(article: Article) -> dict[Key, Name]:
    """The first `MOST_READ` names of a text by the stems of their words, in reading order."""
    text = "\n".join(filter(None, (article.summary, article.body))) or article.title
    read = list(islice(_words(unicodedata.normalize("NFC", text)), MOST_WORDS))
    inside = {word.folded for word in read if word.capital and not word.opens}
    alone = inside - {word.folded for word in read if not word.capital}
    names: dict[Key, Name] = {}
    for run in _runs(read, alone):
        for part in _parts(run):
            if len(part) > 1 or part[0].folded in alone:
                key = tuple(word.folded[:STEM] for word in part)
                if key in names or len(names) < MOST_READ:
                    known = names.get(key, Name(" ".join(word.text for word in part), 0))
                    names[key] = Name(known.spelt, known.count + 1)
    return names


def shared_names(
    seed: Mapping[Key, Name], item: Mapping[Key, Name], most: int = MOST_NAMES
) -> tuple[str, ...]:
    """The names that both texts have, as the item spells them, the most frequent first.

    A part of a longer shared name is left out.
    """
    shared = [key for key in item if key in seed]
    inside = {part for key in shared for part in _inside(key)}
    longest = [key for key in shared if key not in inside]
    often = {key: min(seed[key].count, item[key].count) for key in longest}
    ranked = sorted(longest, key=lambda key: -often[key])
    return tuple(item[key].spelt for key in ranked[:most])


def _words(text: str) -> Iterator[_Word]:
    for paragraph in paragraphs(text):
        end = None
        for match in _WORD.finditer(paragraph):
            gap = "" if end is None else paragraph[end : match.start()]
            opens = end is None or bool(_OPENING.search(gap))
            word = _POSSESSIVE.sub("", match[0])
            capital = len(word) > 1 and (word[0].isupper() or word[0].istitle())
            yield _Word(word, word.casefold(), capital, opens, gap.isspace())
            # A possessive ends a name; the next word begins another one.
            end = match.start() + len(word)


def _runs(read: list[_Word], alone: set[str]) -> Iterator[list[_Word]]:
    """Words in a row that may be one name."""
    run: list[_Word] = []
    for word in read:
        if run and not word.joined:
            yield run
            run = []
        if word.capital and (not word.opens or word.folded in alone):
            run.append(word)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _parts(run: list[_Word]) -> Iterator[list[_Word]]:
    for start in range(len(run)):
        for stop in range(start + 1, min(start + LONGEST, len(run)) + 1):
            yield run[start:stop]


def _inside(key: Key) -> Iterator[Key]:
    """The shorter names inside a name: nine for four words."""
    for size in range(1, len(key)):
        for start in range(len(key) - size + 1):
            yield key[start : start + size]


def matching_pairs(
    seed: tuple[PassageTexts, Floats], item: tuple[PassageTexts, Floats], most: int = MOST_PAIRS
) -> tuple[PassagePair, ...]:
    """The pairs of passages that match best, the best first; no passage is in two pairs.

    Args:
        seed: passages of one text and their vectors, float32 [k, dim], unit rows.
        item: those of the other.
        most: how many pairs at most.

    Returns:
        Pairs with a cosine above 0. None if texts and vectors differ in number, because then it is
        unknown which vector belongs to which text.
    """
    (ours, left), (theirs, right) = seed, item
    if len(ours) != len(left) or len(theirs) != len(right):
        return ()
    cosines = left @ right.T
    pairs: list[PassagePair] = []
    while len(pairs) < most and cosines.size and (best := float(cosines.max())) > 0:
        mine, other = (int(at) for at in np.unravel_index(cosines.argmax(), cosines.shape))
        texts = {"seed": excerpt(ours[mine]), "item": excerpt(theirs[other])}
        pairs.append(PassagePair(**texts, similarity=min(best, 1.0)))
        cosines[mine], cosines[:, other] = -1, -1
    return tuple(pairs)


def excerpt(text: str, limit: int = EXCERPT) -> str:
    """The beginning of a text on one line, cut at the end of a word, with an ellipsis.

    A text without a blank in its second half, such as Chinese, is cut anywhere.
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    end = limit - 1 if line[limit - 1] == " " else head.rfind(" ")
    return (head[:end] if end >= limit // 2 else head).rstrip() + "…"
