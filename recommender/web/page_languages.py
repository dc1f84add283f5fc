"""How a page shows a list in a language: the direction of its texts, and the heading.

Babel knows the likely script of most languages too, but not of 33 names that occur here (`fas`,
`heb`, `prs`, `urd`), and takes 3 MB of every worker and 33 MB of disk.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from recommender.api import Direction, Presentation

__all__ = [
    "HEADINGS",
    "Heading",
    "direction_of",
    "heading_in",
    "nearest_tag",
    "presentation_in",
]

ARABIC: Final = frozenset(
    {
        *("aao", "abh", "abv", "acm", "acq", "acw", "acx", "adf", "aeb", "aec", "afb", "ajp"),
        *("ajt", "apc", "apd", "ar", "ara", "arb", "arq", "ars", "ary", "arz", "auz", "avl"),
        *("ayh", "ayl", "ayn", "ayp", "shu", "ssh"),
    }
)
"""Languages that ISO 639-3 counts as Arabic, without those in Greek or Latin letters."""
RIGHT_TO_LEFT: Final = ARABIC | frozenset(
    """
    aee aeq aib aii aij aiq aju amw ask atn auj avd az-iq az-ir azb bal bcc bdz bej bft bgn bgp
    bhe bhm bhn bjf bjm bqi brh brk bsh bsk chg cja ckb cld clh czk dcc def deh dgl div dmk dml
    drw dv esh fa fas fay faz fia fub gbz ggg gha ghr gig gjk gju glh glk grr gwc gwf gwt gzi
    ha-cm ha-sd hac haz hbo he heb hkh hnd hno hoh hrt hrz hss huy isk itk iw jad jat jbe jbn jdg
    ji jnd jog jpa jpr jrb jye kas kbu kby kcy kfm khw kk-af kk-cn kk-ir kk-mn klj kmz kqd ks ktl
    ku-iq ku-ir ku-lb kvx kxp ky-cn kzh lad lah lhs lki lrc lrk lrl lsa lsd lss luv luz mby mde
    mey mfa mfi mhj mid mki mnj ms-cc mve mvy myz mzb mzn nli nlm nqo ntz nyq oar odk omy oru ota
    pa-pk pbt pbu per pes phl phr phv plk pmu pnb prc prd prs prx ps psh psi pst pus qxq rdb rhg
    rmt sam sbn scl sd sdb sdf sdg sdh sds sgl sgr sgy shd shm shv siy siz skr smp smy snd sqo sqt
    srh srz sts swb syc syn syr tg-pk tjo tks tmr tnf tov tra trg trm trw ug uig ur urd ush uz-af
    uzs vaf vgr vmh wbk wne wni wsv xhe xka xkc xkj xkp xvi ydd ydg yhd yi yid yih yud zba zdj zrp
    zum
    """.split()  # noqa: SIM905 - a page of lines otherwise
)
"""Languages that CLDR 49 expects in one of the scripts below, alone or in a country."""
RIGHT_TO_LEFT_SCRIPTS: Final = frozenset(
    {"adlm", "arab", "aran", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"}
)
SCRIPT_LETTERS: Final = 4


def direction_of(tag: str) -> Direction:
    """The direction of texts in a language; a script in the tag decides: `tg-Arab`."""
    language, *subtags = tag.lower().split("-")
    script = next(filter(_is_script, subtags), None)
    if script is not None:
        return "rtl" if script in RIGHT_TO_LEFT_SCRIPTS else "ltr"
    places = (f"{language}-{subtag}" for subtag in subtags)
    return "ltr" if RIGHT_TO_LEFT.isdisjoint({language, *places}) else "rtl"


def _is_script(subtag: str) -> bool:
    return len(subtag) == SCRIPT_LETTERS and subtag.isalpha()


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
"""By BCP-47 tag. A longer tag loses subtags at its end until one of these is found."""
ELSE: Final = "en"
ALIASES: Final = {
    **dict.fromkeys(ARABIC, "ar"),
    **dict.fromkeys(("fas", "per", "pes", "prs"), "fa"),
    "heb": "he",
    "in": "id",
    "iw": "he",
    "urd": "ur",
}
"""Languages with several names, and those that are written as another one."""
_TAGS: Final = {tag.lower(): tag for tag in HEADINGS}


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a list, and its language."""

    text: str
    language: str


def heading_in(tag: str) -> Heading:
    """The heading for a language, in English if it has none."""
    language = nearest_tag(tag, _TAGS) or ELSE
    return Heading(HEADINGS[language], language)


def nearest_tag(tag: str, known: Mapping[str, str]) -> str | None:
    """The known tag whose words suit a language; None if there is none. `known` has lower keys.

    Words in another script would be foreign to the reader: a list in `tg-Arab` does not get those
    of `tg`.
    """
    found = next(filter(None, map(known.get, _shortened(tag))), None)
    return found if found and direction_of(found) == direction_of(tag) else None


def presentation_in(tag: str) -> Presentation:
    """How a page shows a list in a language."""
    heading = heading_in(tag)
    is_foreign = _primary(heading.language) != _primary(tag)
    return Presentation(
        language=tag,
        direction=direction_of(tag),
        heading=heading.text,
        heading_language=heading.language if is_foreign else None,
    )


def _primary(tag: str) -> str:
    return tag.lower().partition("-")[0]


def _shortened(tag: str) -> Iterator[str]:
    """A tag, then the tag with fewer and fewer subtags: `zh-hant-tw`, `zh-hant`, `zh`."""
    language, *subtags = tag.lower().split("-")
    parts = [ALIASES.get(language, language), *subtags]
    return ("-".join(parts[:end]) for end in range(len(parts), 0, -1))
