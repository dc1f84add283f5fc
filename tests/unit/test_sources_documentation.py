"""docs/sources.md is true: its formats and its examples of ids are those of the program."""

import re
from pathlib import Path

from recommender.cli.content import import_
from recommender.cli.maintenance import check
from recommender.sources.article_ids import foreign_id, parts_of
from recommender.sources.fetching import FetchLimits
from recommender.sources.registry import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")


def test_every_format_is_listed_and_no_other() -> None:
    table = PAGE.partition("## Kinds of sources")[2].partition("## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(FORMATS)


def test_every_option_is_one_of_the_commands() -> None:
    options = {name for one in (*import_.params, *check.params) for name in one.opts}
    listed = set(re.findall(r"--[a-z][a-z-]+", PAGE))
    assert listed <= options


def test_the_example_of_an_id_is_right() -> None:
    assert foreign_id("wp", "news.example/tj", "123") in PAGE
    parts = ("wp", "news.example/tj", "123")
    assert parts_of(foreign_id(*parts)) == parts
    assert f'parts_of("{foreign_id(*parts)}")` is `("wp", "news.example/tj", "123")`' in PAGE


def test_the_limits_are_those_of_the_program() -> None:
    limits = FetchLimits()
    listed = (
        f"At most {limits.bytes // 2**20} MiB unpacked, {limits.seconds:.0f} s to the last byte,"
        f" {limits.redirects} redirects."
    )
    assert listed in PAGE
    assert limits.retries == 4
    assert "are tried four times more" in PAGE
