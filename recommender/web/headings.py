"""What stands over a list in each language."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recommender.web.directions import ARABIC, direction_of

__all__ = ["HEADINGS", "Heading", "heading_in"]

HEADINGS: Final = {
    "ar": "اقرأ أيضًا",
    "az": "Həmçinin oxuyun",
    "be": "Чытайце таксама",
    "bg": "Прочетете още",
    "bn": "আরও পড়ুন",
    "ca": "Llegiu també",
    "cs": "Čtěte také",
    "da": "Læs også",
    "de": "Lesen Sie auch",
    "el": "Διαβάστε επίσης",
    "en": "Read also",
    "es": "Lea también",
    "et": "Loe ka",
    "fa": "همچنین بخوانید",
    "fi": "Lue myös",
    "fr": "À lire aussi",
    "he": "קראו גם",
    "hi": "यह भी पढ़ें",
    "hy": "Կարդացեք նաև",
    "id": "Baca juga",
    "it": "Leggi anche",
    "ja": "関連記事",
    "ka": "წაიკითხეთ ასევე",
    "kk": "Тағы да оқыңыз",
    "ko": "관련 기사",
    "ky": "Дагы окуңуз",
    "lt": "Taip pat skaitykite",
    "lv": "Lasi arī",
    "ms": "Baca juga",
    "nb": "Les også",
    "nl": "Lees ook",
    "nn": "Les også",
    "no": "Les også",
    "pl": "Czytaj także",
    "pt": "Leia também",
    "ro": "Citește și",
    "ru": "Читайте также",
    "sk": "Čítajte aj",
    "sl": "Preberite tudi",
    "sv": "Läs också",
    "tg": "Ҳамчунин хонед",
    "tr": "Ayrıca okuyun",  # noqa: RUF001 - dotless, as Turkish is written
    "uk": "Читайте також",
    "ur": "یہ بھی پڑھیں",
    "uz": "Shuningdek, oʻqing",  # noqa: RUF001 - the letter, not an apostrophe
    "uz-Cyrl": "Шунингдек, ўқинг",
    "vi": "Đọc thêm",
    "zh": "相关阅读",
    "zh-Hant": "相關閱讀",
    "zh-HK": "相關閱讀",
    "zh-MO": "相關閱讀",
    "zh-TW": "相關閱讀",
}
"""By BCP-47 tag. Of a longer tag the subtags at its end are left off until one is found."""
ELSE: Final = "en"
ALIASES: Final = {
    **dict.fromkeys(ARABIC, "ar"),
    **dict.fromkeys(("fas", "per", "pes", "prs"), "fa"),
    "heb": "he",
    "in": "id",
    "iw": "he",
    "urd": "ur",
}
"""Languages that go by several names, and those that write as another does."""
_TAGS: Final = {tag.lower(): tag for tag in HEADINGS}


@dataclass(frozen=True, slots=True)
class Heading:
    """The words over a list and their language; that is None where the caller chose them."""

    text: str
    language: str | None


def heading_in(tag: str) -> Heading:
    """The heading for a language, in English where there is none.

    Words in another script would be foreign to who reads that one: a list in `tg-Arab` does not
    get the heading of `tg`.
    """
    found = next(filter(None, map(_TAGS.get, _shortened(tag))), ELSE)
    language = found if direction_of(found) == direction_of(tag) else ELSE
    return Heading(HEADINGS[language], language)


def _shortened(tag: str) -> Iterator[str]:
    """A tag, and the same with ever fewer subtags: `zh-hant-tw`, `zh-hant`, `zh`."""
    language, *subtags = tag.lower().split("-")
    parts = [ALIASES.get(language, language), *subtags]
    return ("-".join(parts[:end]) for end in range(len(parts), 0, -1))
