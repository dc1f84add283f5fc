"""What of an article's blocks is no part of its story, decided from the blocks alone.

Left out are lead-ins such as "Read also" with the links after them, runs of other headlines,
quotations that repeat the story, requests and notices. A paragraph with links in it stays, and so
does a list whose items are not links altogether. What would leave nothing is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from recommender.analysis.html.notices import drop_shortcodes, is_label, is_notice, is_request
from recommender.analysis.html.phrases import lead_in
from recommender.analysis.html.sheet import Block, Line, Sheet, Span, weigh

__all__ = ["trim"]

_MOST: Final = 0.8  # of a line or block is links: it leads elsewhere
_ALL: Final = 0.9  # as much, but for a date or a mark
_BOX: Final = 0.3  # of an element that begins with "Read also" is links, the rest teasers
_HALF: Final = 0.5
_FEWEST_HEADLINES: Final = 3
_HEADLINE: Final = 20  # characters that a headline has on the average; Chinese ones count twice
_WIDE: Final = "\u2e80"
_LONGEST_TEASER: Final = 160  # characters after "Read also:" where the link is lost
_SHORT: Final = 60
_EDGE: Final = 3  # blocks at the end, where pages ask for subscriptions
_QUOTED: Final = 20  # letters; shorter quotations repeat a story by chance
_MOST_QUOTES: Final = 50


def trim(sheet: Sheet) -> list[str]:
    """The paragraphs that are the story; lines in them end with a newline."""
    blocks = [_without_shortcodes(block) for block in sheet.blocks]
    story = [_without_asides(block) for block in blocks]
    story = _without(story, _boxes(story, sheet.spans))
    story = _without(story, _headlines(story))
    story = _without(story, _repeated(story))
    story = _without(story, _requests(story))
    kept = story if any(block.lines for block in story) else blocks
    return [block.text for block in kept if block.lines]


def _without(blocks: Sequence[Block], dropped: Iterable[int]) -> list[Block]:
    """The blocks with those emptied: numbers stay as they are in the spans."""
    out = frozenset(dropped)
    return [replace(block, lines=()) if i in out else block for i, block in enumerate(blocks)]


def _without_shortcodes(block: Block) -> Block:
    texts = [" ".join(drop_shortcodes(line.text).split()) for line in block.lines]
    lines = (Line(text, line.linked) for text, line in zip(texts, block.lines, strict=True) if text)
    return replace(block, lines=tuple(lines))


def _without_asides(block: Block) -> Block:
    if block.kind == "heading":
        return block
    return replace(block, lines=tuple(_lines_of_story(block.lines)))


def _lines_of_story(lines: Sequence[Line]) -> Iterator[Line]:
    """Without asides, and without the links under a lead-in on a line of its own."""
    led = False
    for line in lines:
        lead = lead_in(line.text)
        if lead is not None and lead.sure and not lead.rest and len(lines) > 1:
            led = True
        elif led and line.share >= _MOST:
            continue
        else:
            led = False
            if not _is_aside(line):
                yield line


def _is_aside(line: Line) -> bool:
    return is_notice(line.text) or is_label(line.text) or _is_pointer(line)


def _is_pointer(line: Line) -> bool:
    """Whether it is "Read also: another headline", the headline a link or a link once."""
    lead = lead_in(line.text)
    if lead is None or not lead.rest:
        return False
    if line.linked >= _MOST * weigh(lead.rest):
        return lead.sure or lead.marked
    lost = line.linked == 0 and len(lead.rest) <= _LONGEST_TEASER
    return lost and lead.sure and lead.marked and not lead.rest.endswith((".", "。"))


def _boxes(blocks: Sequence[Block], spans: Iterable[Span]) -> Iterator[int]:
    """Lead-ins by themselves, and what they lead in."""
    found = _Boxes(blocks, spans)
    first = 0
    while first < len(blocks):
        end = found.end_of(first)
        yield from range(first, end)
        first = max(end, first + 1)


class _Boxes:
    """Where elements end that begin with a lead-in and are filled with links."""

    def __init__(self, blocks: Sequence[Block], spans: Iterable[Span]) -> None:
        self._blocks = blocks
        self._weights = [0, *accumulate(block.weight for block in blocks)]
        self._linked = [0, *accumulate(block.linked for block in blocks)]
        self._ends: dict[int, list[int]] = {}
        for span in spans:
            self._ends.setdefault(span.first, []).append(span.end)

    def end_of(self, first: int) -> int:
        """The number of the block after a box; the given one where no box begins."""
        block = self._blocks[first]
        lead = lead_in(block.text) if len(block.lines) == 1 else None
        if lead is None or lead.rest:
            return first
        ends = (end for end in self._ends.get(first, ()) if self._is_box(first + 1, end))
        most = _HALF if lead.sure else _MOST
        end = max(self._end_of_links(first + 1, most), *ends, first + 1)
        return end if lead.sure or end > first + 1 else first

    def _end_of_links(self, first: int, most: float) -> int:
        """The number of the first block from here on that is less of links than that."""
        end = first
        while end < len(self._blocks) and self._blocks[end].linked >= most * self._weight(end):
            end += 1
        return end

    def _weight(self, first: int, end: int | None = None) -> int:
        return self._weights[first + 1 if end is None else end] - self._weights[first]

    def _is_box(self, first: int, end: int) -> bool:
        weight = self._weight(first, end)
        linked = self._linked[end] - self._linked[first]
        return linked > 0 and linked >= _BOX * weight and weight <= _HALF * self._weights[-1]


def _headlines(blocks: Sequence[Block]) -> list[int]:
    """Runs of links as long as headlines, with the heading over them, beside a longer story.

    What a sentence of the story announces is a part of it: its sources, or who won.
    """
    found: list[int] = []
    run: list[int] = []
    for i, block in enumerate((*blocks, Block(()))):
        if block.lines and block.linked >= _ALL * block.weight:
            run.append(i)
            continue
        is_long = len(run) >= _FEWEST_HEADLINES and _are_headlines([blocks[one] for one in run])
        if is_long and not (run[0] and _announces(blocks[run[0] - 1])):
            found += [run[0] - 1] if run[0] and blocks[run[0] - 1].kind == "heading" else []
            found += run
        run = []
    weight = sum(blocks[i].weight for i in found)
    return found if 2 * weight <= sum(block.weight for block in blocks) else []


def _are_headlines(blocks: Sequence[Block]) -> bool:
    breadth = sum(block.weight + sum(mark >= _WIDE for mark in block.text) for block in blocks)
    return breadth >= _HEADLINE * len(blocks)


def _announces(block: Block) -> bool:
    """Whether a block is a sentence that goes on in the list after it; a box has a short label."""
    is_sentence = block.kind != "heading" and len(block.text) > _SHORT
    return is_sentence and block.text.endswith((":", "\uff1a"))


def _repeated(blocks: Sequence[Block]) -> Iterator[int]:
    """Quotations that stand in the story itself too, with the name under them."""
    quotes = [i for i, block in enumerate(blocks) if block.lines and block.kind == "quote"]
    said = [] if not quotes else [_letters(block) for block in blocks if block.kind != "quote"]
    story = "\n".join(said)
    for i in quotes[:_MOST_QUOTES]:
        quoted = _letters(blocks[i])
        if len(quoted) >= _QUOTED and quoted in story:
            yield i
            if i + 1 in quotes and len(blocks[i + 1].text) <= _SHORT:
                yield i + 1


def _letters(block: Block) -> str:
    return "".join(filter(str.isalnum, block.text)).casefold()


def _requests(blocks: Sequence[Block]) -> Iterator[int]:
    """Requests that are short, have a link or end the page."""
    filled = [i for i, block in enumerate(blocks) if block.lines]
    edge = frozenset(filled[-_EDGE:])
    for i in filled:
        block = blocks[i]
        if is_request(block.text) and (i in edge or block.linked or len(block.text) <= _SHORT):
            yield i
