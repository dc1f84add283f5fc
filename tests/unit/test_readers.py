"""Texts that are read in processes of their own, by real processes."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, analyze
from recommender.analysis.features import Features
from recommender.analysis.readers import MOST_READERS, WORTH_A_READER, Readers, count_readers
from recommender.articles import Article
from recommender.indexing.backfill import analyze_texts
from recommender.progress import silent
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.dying_reader import HALF_ANSWERED, POISON
from tests.support.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
DYING = [sys.executable, "-m", "tests.support.dying_reader"]
OUTLIVED = """
import signal
import sys
from recommender.analysis.readers import Readers
from recommender.articles import Article
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
part = {"a": Article(id="a", title="T", body="The ship left the harbour. " * 400)}
with Readers(2) as readers:
    for number, _ in enumerate(readers.read(iter(lambda: part, None))):
        if number == 5:
            print(*(reader._process.pid for reader in readers._started), flush=True)
"""


def texts(*bodies: str) -> dict[str, Article]:
    return {body: Article(id=f"a{at}", title="T", body=body) for at, body in enumerate(bodies)}


def as_bytes(features: Features) -> tuple[str | None, bytes, bytes, bytes]:
    arrays = (features.buckets, features.counts, features.minhash)
    return (features.language, *(one.tobytes() for one in arrays))  # type: ignore[return-value]


@pytest.mark.long
def test_readers_leave_out_only_a_text_that_kills_its_reader() -> None:
    parts = [
        texts(*(f"{word} left the harbour at {number}." for number in range(3)))
        for word in ("Ship", "Ferry", POISON)
    ]
    parts[1] |= texts(f"A {POISON} in the middle of a part.", "Кема аз бандар рафт.")
    every = {key: article for part in parts for key, article in part.items()}
    with Readers(2, DYING) as readers:
        found = [*readers.read(parts)]
    assert [key for part in found for key in part.keys if key not in every] == []
    assert sorted(len(part.keys) for part in found) == sorted(map(len, parts))
    read = {key: as_bytes(one) for part in found for key, one in part.found.items()}
    healthy = {key: article for key, article in every.items() if POISON not in article.body}
    assert read == {key: as_bytes(analyze(article)) for key, article in healthy.items()}


@pytest.mark.long
def test_a_reader_that_dies_in_the_middle_of_its_answer_is_replaced() -> None:
    """Its pipe has the beginning of an answer, and then the end."""
    body = f"The ship left the harbour at dawn. {HALF_ANSWERED}"
    part = {str(number): Article(id=f"a{number}", title="T", body=body) for number in range(2)}
    part["healthy"] = Article(id="a", title="T", body="The ferry came home.")
    with Readers(1, DYING) as readers:
        (found,) = readers.read([part])
    assert found.keys == part.keys()
    assert list(found.found) == ["healthy"]


@pytest.mark.long
def test_an_article_that_kills_its_reader_is_a_dead_letter_and_the_others_are_read(
    bare: Settings, reader_with_fake: Callable[..., Analyzer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.indexing.backfill.count_readers", lambda _: 1)
    monkeypatch.setattr("recommender.indexing.backfill.Readers", partial(Readers, command=DYING))
    bad, good = (Article(id=body, title="T", body=body) for body in (POISON, "ship"))
    with closing(open_store(bare.database_url)) as store:
        store.write_many([bad, good])
        assert analyze_texts(store, reader_with_fake().read_markup, silent) == {
            good.text_hash: "ship"
        }
        assert store.queue.dead_letter_ids() == {POISON}
        hashes = [bad.text_hash, good.text_hash]
        assert store.features.terms(hashes, ANALYZER_VERSION).keys() == {good.text_hash}


def test_the_number_of_readers_follows_the_cores_and_few_texts_are_read_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert count_readers(2 * WORTH_A_READER - 1) == 0
    assert count_readers(2 * WORTH_A_READER) == 2
    assert count_readers(10**6) == MOST_READERS
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert count_readers(10**6) == 0


@pytest.mark.long
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_reader_outlives_its_parent(ending: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", OUTLIVED],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        ends = [os.pidfd_open(pid) for pid in pids]
        parent.send_signal(ending)
    for end in ends:
        assert select.select([end], [], [], PATIENCE_SECONDS)[0]
        os.close(end)
