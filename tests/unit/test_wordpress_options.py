"""The WordPress plugin offers what the service takes."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from recommender.api import LAYOUTS, FragmentOptions, Mode

PLUGIN = Path(__file__).parents[2] / "integrations/wordpress/read-also"
OPTIONS = (PLUGIN / "includes/options.php").read_text("utf-8")
BLOCK = (PLUGIN / "blocks/read-also/index.js").read_text("utf-8")


@pytest.mark.parametrize(("name", "words"), [("LAYOUTS", LAYOUTS), ("MODES", get_args(Mode))])
def test_the_plugin_has_the_words_of_the_service(name: str, words: tuple[str, ...]) -> None:
    (found,) = re.findall(rf"const {name} += array\((.*?)\);", OPTIONS)
    assert re.findall(r"'([a-z-]+)'", found) == list(words)
    (offered,) = re.findall(rf"var {name} = \[(.*?)\n\t\];", BLOCK, re.DOTALL)
    # An empty value of the block is the default: what is set for the site, or `mixed`.
    values = [value for value in re.findall(r"\[ '([a-z-]*)'", offered) if value]
    assert values == [word for word in words if word != "mixed"]


def test_a_page_registers_the_block_with_what_it_supports() -> None:
    supports = json.loads((PLUGIN / "blocks/read-also/block.json").read_text("utf-8"))["supports"]
    php = (PLUGIN / "blocks/read-also/block.php").read_text("utf-8")
    (written,) = re.findall(r"const BLOCK_SUPPORTS = array\((.*?)\n\);", php, re.DOTALL)
    bare = re.sub(r"//.*|\s|array|=>", "", written).replace("'", '"')
    said = re.sub(r"[\s\[\]{}:]", "", json.dumps(supports))
    assert re.sub(r"[(),]", "", bare) == said.replace(",", "")


def test_every_attribute_of_the_block_is_an_option_of_a_list() -> None:
    block = json.loads((PLUGIN / "blocks/read-also/block.json").read_text("utf-8"))
    assert set(block["attributes"]) <= set(FragmentOptions.model_fields)
