"""While the searched view is swapped, each answer comes from one view only."""

from collections.abc import Iterator

import pytest

from tests.faults.harness.swaps import Newsroom, ask, ask_torn, opened, run

SEARCHES = 1_500
SWAPS = 8


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    with opened(tmp_path_factory.mktemp("swaps")) as made:
        yield made


@pytest.mark.long
def test_no_answer_is_mixed_from_two_views(newsroom: Newsroom) -> None:
    before = newsroom.swaps
    counted = run(newsroom, ask, searches=SEARCHES, swaps=SWAPS, threads=3)
    assert counted.examples == []
    assert counted.mixed == 0
    assert counted.searches >= SEARCHES
    assert newsroom.swaps == before + SWAPS
    # Nearly every view was searched while it was shown, so there was something to mix.
    assert len(counted.seen) > SWAPS


def test_a_searcher_that_reads_the_view_twice_is_noticed(newsroom: Newsroom) -> None:
    """The control, with a swap between the two looks for certain."""
    shown = [newsroom.follower.current()]
    newsroom.swap()
    shown.append(newsroom.follower.current())
    shown.sort(key=lambda live: len(live.view))  # so that the rows of the first are in the second
    answer = ask_torn(lambda: shown.pop(0), 1)
    wanted = newsroom.expected[answer.generation, answer.change][1]
    assert answer.ids == wanted.ids
    assert answer.display != wanted.display
    assert not answer.agrees(wanted)


@pytest.mark.long
def test_a_new_generation_is_shown_and_the_oldest_removed_under_its_searchers(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As now and then in the long run: what is mapped stays whole when its files are gone."""
    monkeypatch.setattr("tests.faults.harness.swaps.FRESH", 1)
    before, published = newsroom.follower.current(), newsroom.published
    counted = run(newsroom, ask, searches=300, swaps=2, threads=2)
    assert (counted.examples, newsroom.published) == ([], published + 2)
    answer = ask(lambda: before, 0)
    assert answer.agrees(newsroom.expected[answer.generation, answer.change][0])
