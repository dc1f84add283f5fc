"""The plugin's texts: each is in the template, and each language has all of them."""

import gettext
import io
import re
from pathlib import Path

import pytest

from tests.wordpress.translations import (
    JSON_OF_BLOCK,
    LANGUAGES,
    compiled,
    needed,
    of_block,
    template,
)

pytestmark = pytest.mark.long

TEMPLATE = LANGUAGES / "read-also.pot"
TRANSLATIONS = sorted(LANGUAGES.glob("*.po"))
MAKE = "write them anew: make translations"
PART = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$', re.MULTILINE)


@pytest.fixture(autouse=True, scope="module")
def programs() -> None:
    """What is missing fails the tests: nothing here is optional."""
    if needed():
        pytest.fail(f"translations need packages: apt-get install {' '.join(needed())}")


def texts(catalogue: str) -> dict[tuple[str, ...], list[str]]:
    """By context, text and plural, what stands for them."""
    found = {}
    for entry in catalogue.strip().split("\n\n")[1:]:
        parts = dict(PART.findall(entry))
        key = tuple(parts.get(name, "") for name in ("msgctxt", "msgid", "msgid_plural"))
        found[key] = [text for name, text in parts.items() if name.startswith("msgstr")]
    return found


def test_every_text_of_the_code_is_in_the_template() -> None:
    assert texts(template()).keys() == texts(TEMPLATE.read_text()).keys(), MAKE
    kept = TEMPLATE.read_text()
    assert '"Related articles under every post, from a Read Also service' in kept  # the header
    assert 'msgctxt "block keyword"\nmsgid "related posts"' in kept  # block.json
    assert 'msgid "Only from these sections"' in kept  # the block's script
    assert 'msgid "Pin “%s” to this list"' in kept  # PHP


def test_there_are_russian_and_tajik() -> None:
    assert [po.stem for po in TRANSLATIONS] == ["read-also-ru_RU", "read-also-tg"]


@pytest.mark.parametrize("po", TRANSLATIONS, ids=lambda po: po.stem)
def test_a_language_has_every_text(po: Path) -> None:
    translated = texts(po.read_text())
    assert translated.keys() == texts(TEMPLATE.read_text()).keys(), MAKE
    assert [key for key, words in translated.items() if '""' in words or not words] == []
    assert "#, fuzzy" not in po.read_text()


@pytest.mark.parametrize("po", TRANSLATIONS, ids=lambda po: po.stem)
def test_wordpress_reads_what_the_translator_wrote(po: Path) -> None:
    read = gettext.GNUTranslations(io.BytesIO(po.with_suffix(".mo").read_bytes()))
    written = gettext.GNUTranslations(io.BytesIO(compiled(po)))
    assert read.info() == written.info(), MAKE
    catalogues = [vars(one)["_catalog"] for one in (read, written)]
    assert catalogues[0] == catalogues[1], MAKE
    locale = po.stem.removeprefix("read-also-")
    assert (LANGUAGES / JSON_OF_BLOCK.format(locale)).read_text() == of_block(po), MAKE
