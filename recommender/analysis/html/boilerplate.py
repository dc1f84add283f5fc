"""Boilerplate: what an article's HTML holds beside the story itself.

Elements are judged by tag, role, class and id (`is_boilerplate_element`), blocks of text by what
they say and how much of them is links (`remove_boilerplate`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from recommender.analysis.html.blocks import Block, Layout, Span, TextLine, visible_length
from recommender.analysis.html.boilerplate_phrases import (
    is_label,
    is_notice,
    is_request,
    match_lead_in,
)
from recommender.analysis.html.shortcodes import remove_shortcodes

__all__ = ["UNSEEN_TAGS", "is_boilerplate_element", "remove_boilerplate"]

UNSEEN_TAGS: Final = (
    *("head", "iframe", "noembed", "noframes", "noscript", "rp", "rt"),
    *("script", "style", "svg", "template", "textarea", "title"),
)
"""Tags whose content no reader sees; `rt` is the pronunciation of the word before it."""

_TAGS: Final = frozenset(
    """
    aside audio button canvas datalist dialog figcaption footer form nav object select video
    """.split()  # noqa: SIM905 - a list to read
)
_ROLES: Final = frozenset(
    "button complementary contentinfo dialog menu menubar navigation search toolbar".split()  # noqa: SIM905 - a list to read
)
_NAMES: Final = frozenset(
    """
    share shares sharing sharebar sharedaddy social socials social-share social-sharing addthis
    addthis_toolbox a2a_kit addtoany addtoany_content addtoany_share_save_container ssba
    heateor_sss_sharing_container essb_links sumome-share-client sd-sharing sd-block post-share
    article-share share-this sharethis wp-caption-text wp-element-caption caption image-caption
    photo-caption picture-caption gallery-caption media-caption img-caption figcaption caption-text
    photo-credit image-credit jp-relatedposts yarpp yarpp-related yarpp-related-website crp_related
    wp_rp_wrap rp4wp-related-posts related relatedposts related-box read-also readalso read-more
    readmore see-also also-read lire-aussi a-lire-aussi leia-tambem leer-tambien lesen-sie-auch
    siehe-auch mehr-zum-thema lees-ook outbrain taboola ob-widget adsbygoogle advertisement
    newsletter newsletter-signup breadcrumb breadcrumbs sr-only screen-reader-text visually-hidden
    visuallyhidden
    wp-block-latest-posts wp-block-latest-comments wp-block-rss wp-block-query wp-block-archives
    wp-block-categories wp-block-tag-cloud wp-block-page-list wp-block-calendar wp-block-search
    wp-block-post-author wp-block-post-author-biography wp-block-avatar wp-block-comments
    wp-block-post-comments wp-block-post-navigation-link wp-block-social-links wp-block-loginout
    wp-block-buttons wp-block-button wp-block-post-terms wp-block-navigation wp-block-newsletter
    wp-block-jetpack-subscriptions wp-block-jetpack-related-posts wp-block-table-of-contents
    recent-posts latest-posts popular-posts trending-posts most-read most-popular more-stories
    wp-embedded-content widget_recent_entries widget_tag_cloud
    wp-block-pullquote pullquote pull-quote pullquotes pulled-quote article-pullquote
    tagcloud tag-cloud tag-list tags-links post-tags entry-tags article-tags tag-links
    toc toc_container ez-toc-container lwptoc wp-block-rank-math-toc-block
    author-box author-bio author-info author-card author-profile about-author about-the-author
    post-author-box saboxplugin-wrap abh_box m-a-box pp-multiple-authors-boxes-wrapper
    comments comments-area comment-form comment-respond comment-list respond disqus_thread
    fb-comments post-navigation posts-navigation entry-meta post-meta entry-footer post-footer
    newsletter-form newsletter-box newsletter-block mc4wp-form mailpoet_form mc_embed_signup
    subscribe-box subscribe-form subscription-form subscription-box wpforms-container wpcf7
    cookie-notice cookie-banner cookie-consent cookie-law-info-bar cookie-bar gdpr-notice
    copyright copyright-notice ad ads adsense ad-container ad-slot ad-wrapper ad-unit adslot advert
    advertising sponsored-content promo-box instagram-media tiktok-embed paywall-prompt
    post-views view-count reading-time sd-like jp-post-flair likes-widget-placeholder
    """.split()  # noqa: SIM905 - a list to read
)
# share-buttons, social-media-icons, related-posts, td-related-articles-box
_SHARE: Final = r"(?:share|sharing|social)(?:[-_](?:share|sharing|media))?"
_SHARE_PARTS: Final = r"(?:bar|box|btns?|buttons?|icons?|links?|list|panel|tools?|widget|wrapper)"
_LINKS: Final = r"(?:related|recommended|read[-_]?also|read[-_]?more|see[-_]?also)"
_LINK_PARTS: Final = r"(?:articles?|box|content|links?|news|posts?|stories|story|topics?|widget)"
_COMPOUND: Final = re.compile(
    rf"(?:[a-z0-9]+[-_]+){{0,3}}(?:{_SHARE}[-_]{_SHARE_PARTS}|{_LINKS}[-_]{_LINK_PARTS})"
    r"(?:[-_]+[a-z0-9]+)?"
)
_NOT_DISPLAYED: Final = re.compile(r"(?:^|;)\s*display\s*:\s*none\b", re.IGNORECASE)
_LONGEST_NAME: Final = 60
_LONGEST_ATTRIBUTE: Final = 1_000  # characters; nobody writes longer ones by hand

_MOSTLY_LINKS: Final = 0.8  # share of links in a line or block that leads elsewhere
_ONLY_LINKS: Final = 0.9  # the rest may be a date or a mark
_BOX_LINKS: Final = 0.3  # share of links in a box that begins with "Read also"; the rest is teasers
_HALF: Final = 0.5
_FEWEST_HEADLINES: Final = 3
_HEADLINE: Final = 20  # average characters of a headline; a Chinese one counts twice
_WIDE: Final = "\u2e80"
_LONGEST_TEASER: Final = 160  # characters after "Read also:" if the link is lost
_SHORT: Final = 60
_LAST_BLOCKS: Final = 3  # where pages ask for subscriptions
_SHORTEST_QUOTE: Final = 20  # letters; a shorter quotation repeats the story by chance
_MOST_QUOTES: Final = 50


def is_boilerplate_element(tag: str, attributes: Mapping[str, str]) -> bool:
    """Whether an element is navigation, a caption, share buttons, a box of links or the like.

    Names must match as a whole: an article of `category-social` keeps its text.
    """
    return tag in _TAGS or (bool(attributes) and (_is_hidden(attributes) or _is_named(attributes)))


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden", "").strip().lower() == "true"
        or _NOT_DISPLAYED.search(attributes.get("style", "")[:_LONGEST_ATTRIBUTE]) is not None
    )


def _is_named(attributes: Mapping[str, str]) -> bool:
    roles, classes, ids = (
        attributes.get(name, "")[:_LONGEST_ATTRIBUTE].lower().split()
        for name in ("role", "class", "id")
    )
    return not _ROLES.isdisjoint(roles) or any(map(_is_known_name, [*classes, *ids]))


def _is_known_name(name: str) -> bool:
    element = name.rpartition("__")[2]  # as in article__share
    return element in _NAMES or _COMPOUND.fullmatch(element[:_LONGEST_NAME]) is not None


def remove_boilerplate(layout: Layout) -> list[str]:
    """The blocks that are the story, as text; a newline separates the lines of a block.

    Removed are shortcodes, lead-ins such as "Read also" with the links after them, runs of other
    headlines, quotations that repeat the story, requests and notices. A paragraph with some links
    in it stays, and so does a list whose items are not only links. If nothing would be left, the
    text stays as it is.
    """
    blocks = [_without_shortcodes(block) for block in layout.blocks]
    story = [_without_asides(block) for block in blocks]
    story = _without(story, _link_boxes(story, layout.spans))
    story = _without(story, _headline_runs(story))
    story = _without(story, _repeated_quotes(story))
    story = _without(story, _requests(story))
    remaining = story if any(block.lines for block in story) else blocks
    return [block.text for block in remaining if block.lines]


def _without(blocks: Sequence[Block], dropped: Iterable[int]) -> list[Block]:
    """Empty some blocks, by number. They stay in the list, so that spans keep their numbers."""
    numbers = frozenset(dropped)
    return [replace(block, lines=()) if i in numbers else block for i, block in enumerate(blocks)]


def _without_shortcodes(block: Block) -> Block:
    texts = [" ".join(remove_shortcodes(line.text).split()) for line in block.lines]
    lines = (
        TextLine(text, line.linked) for text, line in zip(texts, block.lines, strict=True) if text
    )
    return replace(block, lines=tuple(lines))


def _without_asides(block: Block) -> Block:
    if block.kind == "heading":
        return block
    return replace(block, lines=tuple(_story_lines(block.lines)))


def _story_lines(lines: Sequence[TextLine]) -> Iterator[TextLine]:
    """The lines without asides, and without the links below a lead-in on its own line."""
    is_below_lead_in = False
    for line in lines:
        lead_in = match_lead_in(line.text)
        if lead_in is not None and lead_in.is_sure and not lead_in.rest and len(lines) > 1:
            is_below_lead_in = True
        elif is_below_lead_in and line.linked_share >= _MOSTLY_LINKS:
            continue
        else:
            is_below_lead_in = False
            if not _is_aside(line):
                yield line


def _is_aside(line: TextLine) -> bool:
    return is_notice(line.text) or is_label(line.text) or _is_teaser(line)


def _is_teaser(line: TextLine) -> bool:
    """Whether it is "Read also: another headline", and the headline is a link or once was one."""
    lead_in = match_lead_in(line.text)
    if lead_in is None or not lead_in.rest:
        return False
    if line.linked >= _MOSTLY_LINKS * visible_length(lead_in.rest):
        return lead_in.is_sure or lead_in.is_marked
    is_unlinked = line.linked == 0 and len(lead_in.rest) <= _LONGEST_TEASER
    is_phrase = lead_in.is_sure and lead_in.is_marked
    return is_unlinked and is_phrase and not lead_in.rest.endswith((".", "。"))


def _link_boxes(blocks: Sequence[Block], spans: Iterable[Span]) -> Iterator[int]:
    """The numbers of lead-ins that are blocks of their own, and of the links that follow them."""
    boxes = _LinkBoxes(blocks, spans)
    first = 0
    while first < len(blocks):
        end = boxes.end_of(first)
        yield from range(first, end)
        first = max(end, first + 1)


class _LinkBoxes:
    """Finds where the links after a lead-in end: with the element around them, or before."""

    def __init__(self, blocks: Sequence[Block], spans: Iterable[Span]) -> None:
        self._blocks = blocks
        self._lengths = [0, *accumulate(block.length for block in blocks)]
        self._linked = [0, *accumulate(block.linked for block in blocks)]
        self._ends: dict[int, list[int]] = {}
        for span in spans:
            self._ends.setdefault(span.first, []).append(span.end)

    def end_of(self, first: int) -> int:
        """The number of the block after a box; `first` itself if no box begins there."""
        block = self._blocks[first]
        lead_in = match_lead_in(block.text) if len(block.lines) == 1 else None
        if lead_in is None or lead_in.rest:
            return first
        ends = (end for end in self._ends.get(first, ()) if self._is_box(first + 1, end))
        share = _HALF if lead_in.is_sure else _MOSTLY_LINKS
        end = max(self._end_of_links(first + 1, share), *ends, first + 1)
        return end if lead_in.is_sure or end > first + 1 else first

    def _end_of_links(self, first: int, share: float) -> int:
        """The number of the first block from here on that has a smaller share of links."""
        end = first
        while end < len(self._blocks) and self._blocks[end].linked >= share * self._length(
            end, end + 1
        ):
            end += 1
        return end

    def _length(self, first: int, end: int) -> int:
        return self._lengths[end] - self._lengths[first]

    def _is_box(self, first: int, end: int) -> bool:
        length = self._length(first, end)
        linked = self._linked[end] - self._linked[first]
        return linked > 0 and linked >= _BOX_LINKS * length and length <= _HALF * self._lengths[-1]


def _headline_runs(blocks: Sequence[Block]) -> list[int]:
    """The numbers of runs of links as long as headlines, with the heading over them.

    A list that a sentence of the story announces is a part of it: its sources, or who won. If the
    runs are longer than the rest, the page is such a list, and nothing is removed.
    """
    found: list[int] = []
    run: list[int] = []
    for i, block in enumerate((*blocks, Block(()))):
        if block.lines and block.linked >= _ONLY_LINKS * block.length:
            run.append(i)
            continue
        is_run = len(run) >= _FEWEST_HEADLINES and _are_headlines([blocks[one] for one in run])
        if is_run and not (run[0] and _announces_list(blocks[run[0] - 1])):
            found += [run[0] - 1] if run[0] and blocks[run[0] - 1].kind == "heading" else []
            found += run
        run = []
    length = sum(blocks[i].length for i in found)
    return found if 2 * length <= sum(block.length for block in blocks) else []


def _are_headlines(blocks: Sequence[Block]) -> bool:
    width = sum(block.length + sum(mark >= _WIDE for mark in block.text) for block in blocks)
    return width >= _HEADLINE * len(blocks)


def _announces_list(block: Block) -> bool:
    """Whether a block is a sentence with a colon at its end; the label of a box is shorter."""
    is_sentence = block.kind != "heading" and len(block.text) > _SHORT
    return is_sentence and block.text.endswith((":", "\uff1a"))


def _repeated_quotes(blocks: Sequence[Block]) -> Iterator[int]:
    """The numbers of quotations whose words are in the story too, and of the names below them."""
    quotes = [i for i, block in enumerate(blocks) if block.lines and block.kind == "quote"]
    others = [] if not quotes else [_letters(block) for block in blocks if block.kind != "quote"]
    story = "\n".join(others)
    for i in quotes[:_MOST_QUOTES]:
        quote = _letters(blocks[i])
        if len(quote) >= _SHORTEST_QUOTE and quote in story:
            yield i
            if i + 1 in quotes and len(blocks[i + 1].text) <= _SHORT:
                yield i + 1


def _letters(block: Block) -> str:
    return "".join(filter(str.isalnum, block.text)).casefold()


def _requests(blocks: Sequence[Block]) -> Iterator[int]:
    """The numbers of requests that are short, have a link or are at the end of the page."""
    filled = [i for i, block in enumerate(blocks) if block.lines]
    last = frozenset(filled[-_LAST_BLOCKS:])
    for i in filled:
        block = blocks[i]
        if is_request(block.text) and (i in last or block.linked or len(block.text) <= _SHORT):
            yield i
