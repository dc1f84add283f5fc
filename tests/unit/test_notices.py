"""Notices: a text holds until it is dropped, and is no generation."""

from pathlib import Path

import pytest

from index import Catalog
from recommender.indexing.notices import Notice, held, refused
from recommender.settings import Settings


@pytest.fixture
def notice(tmp_path: Path) -> Notice:
    return Notice(tmp_path / "notice")


def test_nothing_is_said_at_first(notice: Notice) -> None:
    assert notice.text is None


@pytest.mark.parametrize("text", ["", "rolled back\n", "Ёж 🙂"])
def test_what_was_said_holds_until_it_is_dropped(notice: Notice, text: str) -> None:
    notice.say("before")
    notice.say(text)
    assert notice.text == text
    notice.drop()
    assert notice.text is None


def test_what_does_not_hold_may_be_dropped(notice: Notice) -> None:
    notice.drop()
    assert notice.text is None


def test_notices_hold_apart_for_everybody_who_looks_and_are_no_generations(
    own_desk: Settings,
) -> None:
    catalog, other = (Catalog(own_desk.data.snapshots) for _ in range(2))
    names, live = catalog.generations(), catalog.live()
    held(catalog).say("rolled back")
    assert (held(other).text, refused(other).text) == ("rolled back", None)
    refused(catalog).say("worse")
    assert (held(other).text, refused(other).text) == ("rolled back", "worse")
    assert (other.generations(), other.live()) == (names, live)
    catalog.prune(keep=1)
    assert (held(other).text, refused(other).text) == ("rolled back", "worse")
