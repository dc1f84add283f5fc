"""Links to propose inside a text: which of its phrases leads to which story.

A phrase is a name or some words that the text shares with the story. Of two phrases the one that
fewer of the other stories share says more, and one with a word of the story's headline. Each story
and each phrase gets one link at most. Markup is not read, only stepped over: nothing inside a tag,
a link or a headline becomes a link.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Final

from recommender.analysis.tokens import STEM, tokenize
from recommender.ranking.marked_text import mark_shared
from recommender.ranking.shared_text import Key

__all__ = ["LinkSuggestion", "LinkTarget", "insert_links", "is_markup", "suggest_links"]

MOST_READ_LETTERS: Final = 30_000
WORDS_PER_LINK: Final = 60
MOST_LINKS: Final = 8
MOST_PHRASE: Final = 5
LEAST_LETTERS: Final = 4
CONTEXT: Final = 60
ONE_WORD: Final = 0.5
NAME: Final = 1.5
IN_HEADLINE: Final = 2.0
"""The headline of the story has a word of the phrase: readers see why it leads there."""
NO_LINKS_IN: Final = frozenset({
    "a", "button", "code", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "script",
    "style", "textarea", "title",
})  # fmt: skip
_MARKUP: Final = re.compile(
    r"</?(?:p|div|br|a|h[1-6]|ul|ol|li|strong|em|b|i|span|blockquote|figure|img|section|article)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_NAME_OF_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """A story that a text may link to.

    Attributes:
        id: the article's.
        title: its headline.
        url: its address.
        score: how near it is to the text, 0..1.
        keys: the stems of the words and names that both share.
    """

    id: str
    title: str
    url: str
    score: float
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True)
class LinkSuggestion:
    """A link to propose.

    Attributes:
        begin: where the phrase begins in the source.
        end: where it ends.
        phrase: as it stands there.
        before: the words before it.
        after: the words after it.
        target: where it leads.
        html: the link.
    """

    begin: int
    end: int
    phrase: str
    before: str
    after: str
    target: LinkTarget
    html: str


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase at one place, and the story that shares it."""

    begin: int
    end: int
    words: int
    text: str
    target: LinkTarget

    @property
    def folded(self) -> str:
        return " ".join(self.text.casefold().split())

    @property
    def weight(self) -> float:
        """How well a phrase says where a link leads."""
        begins = (word[0].isupper() for word in self.text.split())
        of_length = ONE_WORD if self.words == 1 else 1 + 0.25 * (self.words - 2)
        in_headline = not _stems(self.text).isdisjoint(_stems(self.target.title))
        weight = self.target.score * of_length * (NAME if any(begins) else 1.0)
        return weight * (IN_HEADLINE if in_headline else 1.0)


@lru_cache(maxsize=1_024)
def _stems(text: str) -> frozenset[str]:
    """The words of a short text without their endings."""
    return frozenset(word[:STEM] for word in tokenize(text))


def is_markup(text: str) -> bool:
    """Whether a text is HTML."""
    return _MARKUP.search(text) is not None


def suggest_links(source: str, targets: Sequence[LinkTarget]) -> tuple[LinkSuggestion, ...]:
    """The links to propose in a text, in its order.

    Args:
        source: the text, plain or HTML.
        targets: stories that are near to it, each with an address.
    """
    spans = list(_text_spans(source[:MOST_READ_LETTERS]))
    phrases = [
        phrase
        for target in targets
        for begin, end in spans
        for phrase in _phrases(source[begin:end], begin, target)
    ]
    shared_by = Counter(folded for folded, _ in {(one.folded, one.target.id) for one in phrases})
    ranked = sorted(phrases, key=lambda one: (-one.weight / shared_by[one.folded], one.begin))
    words = sum(len(source[begin:end].split()) for begin, end in spans)
    chosen = _choose(ranked, min(MOST_LINKS, 2 + words // WORDS_PER_LINK))
    of_span = {one: span for one in chosen for span in spans if span[0] <= one.begin < span[1]}
    return tuple(_suggestion(source, one, of_span[one]) for one in chosen)


def insert_links(source: str, links: Sequence[LinkSuggestion]) -> str:
    """A text as HTML with some links in it.

    HTML stays as it is but for the links; each paragraph of a plain text becomes one.

    Args:
        source: the text.
        links: in its order.
    """
    if is_markup(source):
        return "".join(_with_links(source, 0, len(source), links, plain=False))
    paragraphs = []
    at = 0
    for line in source.splitlines(keepends=True):
        inside = [one for one in links if at <= one.begin < at + len(line)]
        text = "".join(_with_links(source, at, at + len(line), inside, plain=True)).strip()
        paragraphs += [f"<p>{text}</p>"] if text else []
        at += len(line)
    return "\n".join(paragraphs)


def _with_links(
    source: str, begin: int, end: int, links: Sequence[LinkSuggestion], *, plain: bool
) -> Iterator[str]:
    """The pieces of a part of a source, with links; escaped if it is plain."""
    for one in links:
        yield escape(source[begin : one.begin], quote=False) if plain else source[begin : one.begin]
        yield one.html
        begin = one.end
    yield escape(source[begin:end], quote=False) if plain else source[begin:end]


def _text_spans(source: str) -> Iterator[tuple[int, int]]:
    """Where text stands that may become a link."""
    if not is_markup(source):
        at = 0
        for line in source.splitlines(keepends=True):
            yield at, at + len(line)
            at += len(line)
        return
    at, closed = 0, 0
    while (opens := source.find("<", at)) >= 0:
        if not closed and opens > at:
            yield at, opens
        is_comment = source.startswith("<!--", opens)
        ends = source.find("-->" if is_comment else ">", opens)
        if ends < 0:
            return
        named = _NAME_OF_TAG.match(source, opens)
        if named is not None and named[2].lower() in NO_LINKS_IN:
            closed = max(0, closed - 1) if named[1] else closed + 1
        at = ends + (3 if is_comment else 1)
    if not closed and at < len(source):
        yield at, len(source)


def _phrases(text: str, offset: int, target: LinkTarget) -> Iterator[_Phrase]:
    """The phrases of a text that a story shares: runs of shared words with a blank between."""
    begin = at = offset
    words = 0
    run = ""
    for piece in mark_shared(text, target.keys):
        if piece.is_shared and words + len(piece.text.split()) <= MOST_PHRASE:
            begin = begin if words else at
            run, words = run + piece.text, words + len(piece.text.split())
        elif words and piece.text == " ":
            run += " "
        elif words:
            yield from _phrase(run, begin, words, target)
            run, words = (piece.text, len(piece.text.split())) if piece.is_shared else ("", 0)
            begin = at
        at += len(piece.text)
    if words:
        yield from _phrase(run, begin, words, target)


def _phrase(run: str, begin: int, words: int, target: LinkTarget) -> Iterator[_Phrase]:
    text = run.rstrip()
    if len(text) >= LEAST_LETTERS:
        yield _Phrase(begin, begin + len(text), words, text, target)


def _choose(ranked: Sequence[_Phrase], most: int) -> list[_Phrase]:
    """The best phrases, each story and each phrase once, none inside another; in text order."""
    chosen: list[_Phrase] = []
    used: set[str] = set()
    for one in ranked:
        apart = all(one.end <= other.begin or other.end <= one.begin for other in chosen)
        if apart and len(chosen) < most and not used & {one.folded, f"#{one.target.id}"}:
            chosen.append(one)
            used |= {one.folded, f"#{one.target.id}"}
    return sorted(chosen, key=lambda one: one.begin)


def _suggestion(source: str, phrase: _Phrase, span: tuple[int, int]) -> LinkSuggestion:
    before = source[max(span[0], phrase.begin - CONTEXT) : phrase.begin]
    after = source[phrase.end : min(span[1], phrase.end + CONTEXT)]
    shown = phrase.text if is_markup(source) else escape(phrase.text, quote=False)
    return LinkSuggestion(
        begin=phrase.begin,
        end=phrase.end,
        phrase=phrase.text,
        before=before.lstrip(),
        after=after.rstrip(),
        target=phrase.target,
        html=f'<a href="{escape(phrase.target.url)}">{shown}</a>',
    )
