"""The items of a list as a page shows them: pictures, dates, labels, languages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recommender.api import (
    PINNED,
    RELATED,
    Direction,
    FragmentOptions,
    Item,
    Label,
    WrittenDay,
)
from recommender.articles import UNKNOWN_LANGUAGE, as_rfc3339, is_web_address, primary_language
from recommender.characters import can_be_seen, fit_for_html
from recommender.web.page_languages import direction_of
from recommender.web.page_words import PageWords, words_in, write_date

__all__ = ["Entry", "PageOfList", "Picture"]

USUAL_LANGUAGE: Final = "en"  # of labels, where there are no words in that of the list
CARD_SIZE: Final = (480, 270)  # pixels
CARD_WIDTHS: Final = "auto, (min-width: 40em) 20em, 100vw"
THUMB_SIZE: Final = (144, 96)
THUMB_WIDTHS: Final = "auto, 9em"
WITH_DEPARTMENT: Final = frozenset({"list", "list-thumbs", "cards"})
"""Layouts that show in which section of the newspaper an article stands."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The image of an item. All but its address is None without a layout.

    Pages keep copies of `read-also.js` that know no other attribute of an image.

    Attributes:
        src: its address.
        width: of its place, in pixels, on a page without a style.
        height: the same.
        srcset: its other sizes, as in HTML; None for none.
        sizes: how wide it is shown, for browsers that do not find out themselves (`auto`).
    """

    src: str
    width: int | None = None
    height: int | None = None
    srcset: str | None = None
    sizes: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as the template prints it. A field that is None is left out.

    Attributes:
        title: the headline, or the id of an article whose headline cannot be seen.
        href: the address of the article; http or https.
        picture: its image.
        language: BCP-47; None if it is the section's.
        direction: of its texts; None if it is the section's. With a layout it is always None: the
            sides of all items are those of the list, and each headline has its own direction.
        department: the section of the newspaper that it stands in, if the layout shows it.
        day: when it was published.
        kind: `pinned` or `fallback`; None for a related article.
        labels: those that the caller asks for.
    """

    title: str
    href: str | None
    picture: Picture | None
    language: str | None
    direction: Direction | None
    department: str | None
    day: WrittenDay | None
    kind: str | None
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class PageOfList:
    """What the entries of a list depend on, besides the items.

    Attributes:
        tag: the language of the list, BCP-47.
        wanted: how it is to look.
        now: in the time zone of the dates.
    """

    tag: str
    wanted: FragmentOptions
    now: datetime

    def entry_of(self, item: Item) -> Entry:
        """An item as this page shows it."""
        tag, layout = item.language or UNKNOWN_LANGUAGE, self.wanted.layout
        title = fit_for_html(item.title)
        department = fit_for_html(item.section or "") if layout in WITH_DEPARTMENT else ""
        has_own_side = layout is None and direction_of(tag) != direction_of(self.tag)
        return Entry(
            title=title if can_be_seen(title) else item.id,
            href=_web_address(item.url),
            picture=self._picture_of(item),
            language=None if tag == self.tag else tag,
            direction=direction_of(tag) if has_own_side else None,
            department=department if can_be_seen(department) else None,
            day=None if layout == "compact" else self._day_of(item, tag),
            kind=None if item.reason in RELATED else item.reason.partition(":")[0],
            labels=tuple(self._labels_of(item, tag)) if self.wanted.labels else (),
        )

    @property
    def words(self) -> PageWords | None:
        """Those of its language; None if there are none."""
        return words_in(self.tag)

    def _picture_of(self, item: Item) -> Picture | None:
        src = _web_address(item.image_url) if self.wanted.shows_images else None
        if src is None or self.wanted.layout is None:
            return Picture(src) if src else None
        srcset = (item.image.srcset if item.image else "") or None
        if self.wanted.layout == "cards":
            return Picture(src, *CARD_SIZE, srcset, CARD_WIDTHS)
        return Picture(src, *THUMB_SIZE, srcset, THUMB_WIDTHS)

    def _day_of(self, item: Item, tag: str) -> WrittenDay | None:
        if item.published_at is None:
            return None
        moment = datetime.fromisoformat(item.published_at).replace(microsecond=0)
        words = None if self.wanted.date_style == "iso" else self.words
        around = direction_of(tag if self.wanted.layout is None else self.tag)
        direction = direction_of(words.language) if words else "ltr"
        return WrittenDay(
            moment=as_rfc3339(moment),
            text=write_date(moment, self.wanted.date_style, words, self.now),
            language=_if_another(words.language, tag) if words else None,
            direction=None if direction == around else direction,
        )

    def _labels_of(self, item: Item, tag: str) -> Iterator[Label]:
        words = self.words or words_in(USUAL_LANGUAGE)
        if words and item.reason not in RELATED:
            around = _if_another(words.language, tag)
            if item.reason == PINNED:
                yield Label(kind="pinned", text=words.pinned, language=around)
            else:
                yield Label(kind="latest", text=words.latest, language=around)
        if item.language and _if_another(tag, self.tag):
            own = words_in(tag)
            yield Label(kind="language", text=own.name if own else tag)


def _if_another(tag: str, around: str) -> str | None:
    """The tag, if it is of another language than the one around it."""
    return None if primary_language(tag) == primary_language(around) else tag


def _web_address(url: str | None) -> str | None:
    """An address that is safe as a link. It was checked when stored, and is checked again here."""
    return url if url and is_web_address(url) else None
