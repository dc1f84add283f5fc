"""Which way the texts of a language run."""

from typing import Final, Literal

__all__ = ["ARABIC", "Direction", "direction_of"]

Direction = Literal["ltr", "rtl"]
ARABIC: Final = frozenset(
    {
        *("aao", "abh", "abv", "acm", "acq", "acw", "acx", "adf", "aeb", "aec", "afb", "ajp"),
        *("ajt", "apc", "apd", "ar", "ara", "arb", "arq", "ars", "ary", "arz", "auz", "avl"),
        *("ayh", "ayl", "ayn", "ayp", "shu", "ssh"),
    }
)
"""What ISO 639-3 counts as Arabic, but for those that are written in Greek or Latin letters."""
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
"""What CLDR 49 expects in one of the scripts below, alone or in a country, with its aliases."""
RIGHT_TO_LEFT_SCRIPTS: Final = frozenset(
    {"adlm", "arab", "aran", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"}
)
SCRIPT_LETTERS: Final = 4


def direction_of(tag: str) -> Direction:
    """Which way texts in a language run; a script that the tag names decides: `tg-Arab`."""
    language, *subtags = tag.lower().split("-")
    script = next(filter(_is_script, subtags), None)
    if script is not None:
        return "rtl" if script in RIGHT_TO_LEFT_SCRIPTS else "ltr"
    places = (f"{language}-{subtag}" for subtag in subtags)
    return "ltr" if RIGHT_TO_LEFT.isdisjoint({language, *places}) else "rtl"


def _is_script(subtag: str) -> bool:
    return len(subtag) == SCRIPT_LETTERS and subtag.isalpha()
