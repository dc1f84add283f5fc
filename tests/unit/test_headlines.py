"""The headlines of an archive by the beginnings of their words."""

import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from index import View
from recommender.web.console.headlines import (
    MOST_PARTS,
    HeadlineIndex,
    fold,
    mark_words,
    words_in_query,
)


def view_of(titles: list[str], *, of_snapshot: int, generation: str = "g", ids: Any = None) -> View:
    """What the index reads of a view: a snapshot's first rows, and what came after them."""

    class Rows(SimpleNamespace):
        def __len__(self) -> int:
            return len(titles)

        def display_of(self, row: int) -> bytes:
            shown = {"title": titles[row], "url": f"https://www.news.example/{row}/?p={row}#top"}
            return json.dumps(shown).encode()

    class Snapshot(SimpleNamespace):
        def __len__(self) -> int:
            return of_snapshot

    snapshot = Snapshot(generation=generation)
    return cast("View", Rows(snapshot=snapshot, delta=SimpleNamespace(ids=ids)))


TITLES = [
    "Harbour strike ends",
    "Strike at the mine",
    "Ҳоҷӣ Ҷалол дар Қӯрғонтеппа",
    "Ёлка в порту",
    "东京奥运会闭幕",
    "Café in Zürich",
]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("strike", [0, 1]),
        ("harb stri", [0]),
        ("STRIKE mine", [1]),
        ("хочи", [2]),
        ("кургон", [2]),
        ("елка", [3]),
        ("奥运", [4]),
        ("cafe zurich", [5]),
        ("rike", [0, 1]),  # no word begins so, but some have it inside
        ("strike nothing", []),
    ],
)
def test_headlines_are_found_by_the_beginnings_of_their_words(query: str, rows: list[int]) -> None:
    words = words_in_query(query)
    shares = HeadlineIndex().of(view_of(TITLES, of_snapshot=6)).shares_of(words, 6)
    assert np.flatnonzero(shares == 1).tolist() == rows


def test_a_rare_word_counts_more_than_a_usual_one() -> None:
    titles = ["the mine", "the port", "the sea", "a port"]
    shares = HeadlineIndex().of(view_of(titles, of_snapshot=4)).shares_of(("the", "mine"), 4)
    usual, rare = np.log(6 / 4), np.log(6 / 2)
    assert shares == pytest.approx([1, usual / (usual + rare), usual / (usual + rare), 0])


def test_only_new_rows_are_read_and_all_are_found() -> None:
    index, ids = HeadlineIndex(), ["x"]
    titles = [f"story number{at} tale{at % 3}" for at in range(40)]
    for size in range(10, 41, 2):
        words = index.of(view_of(titles[:size], of_snapshot=10, ids=ids))
        assert len(words.parts) <= MOST_PARTS + 1
        found = np.flatnonzero(words.shares_of(("tale1",), size))
        assert found.tolist() == [at for at in range(size) if at % 3 == 1]
    before = index.of(view_of(titles, of_snapshot=10, ids=ids)).parts
    assert index.of(view_of(titles, of_snapshot=10, ids=ids)).parts[0] is before[0]
    other = index.of(view_of(["another", *titles[1:11]], of_snapshot=10, ids=[]))
    assert other.parts[0] is before[0]  # the same snapshot
    newer = index.of(view_of(["another", *titles[1:10]], of_snapshot=10, generation="h"))
    assert newer.shares_of(("another",), 10)[0] == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://news.example/3?p=3",
        "http://www.news.example/3/?p=3",
        "https://NEWS.example/3/?p=3#a",
    ],
)
def test_a_story_is_found_by_its_address(address: str) -> None:
    index = HeadlineIndex().of(view_of(TITLES, of_snapshot=4, ids=["x"]))
    assert [*index.rows_at(address, 6)] == [3]
    assert [*index.rows_at("https://other.example/3?p=3", 6)] == []
    assert [*index.rows_at("3", 6)] == []


@pytest.mark.parametrize(
    ("title", "query", "marked"),
    [
        ("Harbour strike ends", "stri", ["stri"]),
        ("Harbour strike ends", "harbours", []),
        ("Ҳокимият дар Эйфель", "хоки эйфель", ["Ҳоки", "Эйфель"]),
        ("ŒUVRE ﬁnal Straße", "strasse fin", ["ﬁn", "Straße"]),
        ("<b>bold</b>", "b", ["b", "b", "b"]),
        ("Officials of Osh", "of osh", ["of", "Osh"]),
        ("Cafe\u0301 ouvert", "cafe", ["Cafe\u0301"]),
        ("हिंदी किताब", "किताब", ["किताब"]),
        ("हिंदी किताब", "कि", ["कि"]),
    ],
)
def test_the_words_of_a_query_are_marked(title: str, query: str, marked: list[str]) -> None:
    pieces = mark_words(title, words_in_query(query))
    assert "".join(text for text, _ in pieces) == title
    assert [text for text, is_word in pieces if is_word] == marked


def test_folding_makes_keyboards_alike() -> None:
    assert fold("Ӯ Ӣ Й Ғ Қ Ҳ Ҷ É") == fold("у и и г к х ч e")  # noqa: RUF001


def test_words_of_hindi_are_not_cut() -> None:
    assert words_in_query("हिंदी किताब") == ("हिंदी", "किताब")


def test_a_request_with_an_older_view_sees_none_of_the_newer_rows() -> None:
    index, ids = HeadlineIndex(), ["x"]
    older = view_of(TITLES[:5], of_snapshot=4, ids=ids)
    address = "https://news.example/5?p=5"
    assert [*index.of(view_of(TITLES, of_snapshot=4, ids=ids)).rows_at(address, 6)] == [5]
    words = index.of(older)
    assert [*words.rows_at(address, len(older))] == []
    assert words.shares_of(("cafe",), len(older)).tolist() == [0] * 5


def test_one_thread_at_a_time_reads_and_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    index, begun = HeadlineIndex(), list[Callable[[], None]]()

    def thread(*, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> Any:
        assert daemon
        return SimpleNamespace(start=lambda: begun.append(lambda: target(*args)))

    monkeypatch.setattr(threading, "Thread", thread)
    view = view_of(TITLES, of_snapshot=4, ids=["x"])
    for _ in range(3):
        index.read_soon(view)
    assert len(begun) == 1
    assert len(index.of(view)) == 0  # nobody waits for the thread
    begun[0]()
    index.read_soon(view)
    assert len(begun) == 1
    assert len(index.of(view)) == len(TITLES)


def test_a_thread_that_cannot_start_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    index, view = HeadlineIndex(), view_of(TITLES, of_snapshot=4, ids=["x"])
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            index.read_soon(view)
    assert len(index.of(view)) == len(TITLES)
