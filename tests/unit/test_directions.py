"""Which way the texts of a language run."""

import pytest

from recommender.web.languages import direction_of


@pytest.mark.parametrize(
    ("tag", "direction"),
    [
        ("fa", "rtl"),
        ("he-IL", "rtl"),
        ("UR-pk", "rtl"),
        ("yi", "rtl"),
        ("tg", "ltr"),
        ("tg-Arab", "rtl"),
        ("az-arab-IR", "rtl"),
        ("ur-Latn", "ltr"),
        ("fa-Cyrl", "ltr"),
        ("sr-Latn-RS", "ltr"),
        ("ar-1996", "rtl"),
        ("und", "ltr"),
    ],
)
def test_a_named_script_decides_and_else_the_language(tag: str, direction: str) -> None:
    assert direction_of(tag) == direction


@pytest.mark.parametrize(
    "tag",
    [
        *("acm", "aeb", "ajp", "apc", "apd", "arb", "arq", "ars", "ary", "arz", "ayl", "shu"),
        *("azb", "bal", "ckb", "dv", "glk", "ks", "lrc", "mzn", "nqo", "pnb", "prs", "ps", "rhg"),
        *("sd", "sdh", "skr", "syr", "ug"),
        *("ara", "fas", "heb", "iw", "ji", "pes", "ydd"),
    ],
)
def test_a_dialect_and_another_name_run_as_their_language(tag: str) -> None:
    assert direction_of(tag) == direction_of(f"{tag}-XX") == "rtl"


@pytest.mark.parametrize("tag", ["uz-AF", "az-IR", "pa-pk", "ku-IQ", "kk-CN", "tg-PK"])
def test_a_country_may_decide_which_script_it_is(tag: str) -> None:
    assert direction_of(tag) == "rtl"


@pytest.mark.parametrize(
    "tag",
    [
        *("acm-Latn", "uz-Latn-AF", "az-Cyrl-IR", "ku-TR", "uz-UZ", "pa-IN", "kk-KZ", "az-AZ"),
        *("acy", "pga", "mt"),  # Cyprus, Juba and Malta write theirs in Greek and Latin letters
    ],
)
def test_what_is_written_in_other_letters_runs_to_the_right(tag: str) -> None:
    assert direction_of(tag) == "ltr"
