"""The indexer process: which model it uses, when it compacts, and what it asks while idle."""

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from index import Catalog
from recommender.analysis.embedding import Encoder, Model
from recommender.articles import Article
from recommender.encoding_settings import EncodingSettings
from recommender.errors import ElectionLost, ModelRefused
from recommender.indexing import archive_model
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import Rebuilt
from recommender.indexing.snapshots import Origin, read_live_manifest
from recommender.operations import build_process, indexer_process
from recommender.operations.indexer_process import is_build_due, model_in_use
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.sources.uploads import Uploads
from recommender.store import LOG_START, Actor, LazyStore, ModelChoice, open_store, schema

Models = Callable[..., None]


@pytest.mark.parametrize(
    ("entries", "base", "idle", "due"),
    [
        (0, 0, True, False),
        (1, 0, True, True),  # the first articles: rarity of words is counted from then on
        (1, 0, False, False),
        (64, 100, True, False),
        (65, 100, True, True),
        (200, 1_000, True, False),
        (201, 1_000, True, True),
        (201, 1_000, False, False),
        (10_000, 1_000, False, False),
        (10_001, 1_000, False, True),
        (10_000, 100_000, True, False),
        (10_001, 100_000, True, True),  # however large the archive, a worker's memory is bounded
        (10_001, 100_000, False, True),
    ],
)
def test_a_compaction_is_due(entries: int, base: int, idle: bool, due: bool) -> None:  # noqa: FBT001
    assert is_build_due(entries, base, idle=idle) is due


def _model_in_use(settings: Settings) -> Model:
    with closing(open_store(settings.database_url)) as store:
        catalog = Catalog(settings.data.snapshots)
        return model_in_use(catalog, replace(settings, model="wanted"), store)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Which models this machine has, by name: `models(fake="fake-1")`."""

    def have(**fingerprints: str) -> None:
        def find(name: str, *_: object) -> Model:
            if name not in fingerprints:
                raise ModelRefused(f"{name} is not here")
            return Model(name, Path(), fingerprints[name], None)

        monkeypatch.setattr(indexer_process, "find_model", find)
        monkeypatch.setattr(archive_model, "find_model", find)

    return have


def test_without_a_snapshot_the_model_of_the_settings_is_used(
    bare: Settings, models: Models
) -> None:
    models(wanted="w-1")
    assert _model_in_use(bare).fingerprint == "w-1"


def test_after_a_model_change_the_model_of_the_live_snapshot_is_still_used(
    desk_settings: Settings, models: Models
) -> None:
    models(wanted="w-1", fake="fake-1")
    assert _model_in_use(desk_settings).name == "fake"


def test_after_a_rebuild_with_the_new_model_the_new_model_is_used(
    own_desk: Settings, models: Models, rebuild_with_fake: Callable[..., Rebuilt]
) -> None:
    models(wanted="fake-1", fake="fake-1")
    rebuild_with_fake(own_desk)
    assert _model_in_use(own_desk).name == "wanted"


def test_after_another_model_for_titles_the_live_pair_is_still_used(
    desk_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str, _: Path, encoding: EncodingSettings) -> Model:
        fingerprint = f"{name}-1{encoding.title_model}"
        return Model(name, Path(), fingerprint, None, titles=None)

    monkeypatch.setattr(indexer_process, "find_model", find)
    monkeypatch.setattr(archive_model, "find_model", find)
    settings = replace(desk_settings, encoding=EncodingSettings(title_model="titles"))
    assert _model_in_use(settings).fingerprint == "fake-1"


@pytest.mark.parametrize("here", [{}, {"fake": "another"}])
def test_the_new_model_is_used_if_the_old_one_is_missing(
    desk_settings: Settings, models: Models, here: dict[str, str]
) -> None:
    models(wanted="w-1", **here)
    assert _model_in_use(desk_settings).name == "wanted"


def test_a_missing_model_is_refused(bare: Settings, models: Models) -> None:
    models()
    with pytest.raises(ModelRefused):
        _model_in_use(bare)


def test_while_nothing_changes_the_indexer_asks_no_query(
    own_desk: Settings,
    make_story: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    fake_model: Model,
    fake_encoder: Encoder,
) -> None:
    """Queries many times a second would cost some percent of a core."""
    monkeypatch.setattr(archive_model, "find_model", lambda *_: fake_model)
    monkeypatch.setattr(indexer_process, "load_encoder", lambda _: fake_encoder)
    monkeypatch.setattr(indexer_process, "CHECK_SECONDS", 0)
    queries: list[str] = []
    with closing(LazyStore(own_desk.database_url)) as late:
        process = indexer_process.IndexerProcess(own_desk, late, str.strip)
        while process.step():
            pass
        sa.event.listen(
            late().engine, "before_cursor_execute", lambda *context: queries.append(context[2])
        )
        assert [process.step() for _ in range(5)] == [0] * 5
        assert queries == []
        late().put(Article.model_validate(make_story("fresh")))
        assert process.step() == 1


def test_the_reading_of_a_large_archive_is_told_of_at_its_begin_and_its_end(
    own_desk: Settings,
    make_story: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    fake_model: Model,
    fake_encoder: Encoder,
) -> None:
    monkeypatch.setattr(archive_model, "find_model", lambda *_: fake_model)
    monkeypatch.setattr(indexer_process, "load_encoder", lambda _: fake_encoder)
    monkeypatch.setattr(indexer_process, "TELL_SECONDS", 0)
    monkeypatch.setattr(build_process.BuildProcess, "run", lambda *_: None)
    told: list[str] = []
    with closing(LazyStore(own_desk.database_url)) as late:
        store = late()
        process = indexer_process.IndexerProcess(own_desk, late, str.strip, announce=told.append)
        process.check_snapshot()
        assert told == []
        stored = store.backlog(LOG_START, "").drift
        new = [make_story(f"new-{number}") for number in range(60)]
        store.write_many([Article.model_validate(story) for story in new])
        process.check_snapshot()
        process.check_snapshot()
        done = f"{stored} of {stored + 60} articles so far"
        advice = "lists are incomplete; to read it in one go, run: read-also rebuild"
        assert told == [f"the archive is still being read, {done}; {advice}"]
        while process.step():
            pass
        process.check_snapshot()
        assert told[1:] == ["the archive is read"]


def test_the_audit_log_is_kept_for_the_days_of_the_settings(
    own_desk: Settings, monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> None:
    monkeypatch.setattr(archive_model, "find_model", lambda *_: fake_model)
    monkeypatch.setattr(indexer_process, "load_encoder", lambda _: fake_encoder)
    settings = replace(own_desk, audit_days=30)
    log, now = schema.audit_log, datetime.now(tz=UTC)
    with closing(LazyStore(settings.database_url)) as late:
        store = late().acting(Actor("cms"))
        for article in ("old", "new"):
            store.put(Article(id=article, title="T"))
        old = sa.update(log).where(log.c.subject == "old").values(at=now - timedelta(days=31))
        with store.engine.begin() as connection:
            connection.execute(old)
        indexer_process.IndexerProcess(settings, late, str.strip).check_snapshot()
        assert [one.subject for one in late().audit_log.entries()] == ["new"]


def test_files_that_were_never_sent_whole_are_removed(
    own_desk: Settings, monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder
) -> None:
    """Nobody has to begin another file for that."""
    monkeypatch.setattr(archive_model, "find_model", lambda *_: fake_model)
    monkeypatch.setattr(indexer_process, "load_encoder", lambda _: fake_encoder)
    uploads = Uploads(own_desk.data.uploads)
    old, new = (uploads.begin("chief", name, 9, "1") for name in ("old", "new"))
    long_ago = uploads.path_of(old.id).stat().st_mtime - 86_500
    os.utime(uploads.path_of(old.id), (long_ago, long_ago))
    with closing(LazyStore(own_desk.database_url)) as late:
        indexer_process.IndexerProcess(own_desk, late, str.strip).check_snapshot()
    assert uploads.all() == [new]


# Of several machines one indexer is elected; the others stand by.


class Ballot:
    """An election whose result a test sets."""

    def __init__(self) -> None:
        self.won = False

    def is_won(self) -> bool:
        return self.won

    def term_of_office(self) -> int:
        return int(self.won)

    def check(self) -> None:
        if not self.won:
            raise ElectionLost

    def close(self) -> None:
        self.won = False


@pytest.fixture
def ballot(monkeypatch: pytest.MonkeyPatch, fake_model: Model, fake_encoder: Encoder) -> Ballot:
    """Of every indexer of the test, whose model is a fake; asked at each step."""
    ballot = Ballot()
    monkeypatch.setattr(archive_model, "find_model", lambda *_: fake_model)
    monkeypatch.setattr(indexer_process, "load_encoder", lambda _: fake_encoder)
    monkeypatch.setattr(indexer_process, "ELECTION_SECONDS", 0)
    monkeypatch.setattr(indexer_process, "CHECK_SECONDS", 0)
    monkeypatch.setattr(indexer_process, "Election", lambda _: ballot)
    return ballot


def test_an_indexer_that_stands_by_reads_nothing_until_it_is_elected(
    own_desk: Settings, ballot: Ballot, make_story: Callable[..., dict[str, Any]]
) -> None:
    told, standby = list[str](), own_desk.data.indexer_standby
    with closing(LazyStore(own_desk.database_url)) as late:
        process = indexer_process.IndexerProcess(own_desk, late, str.strip, announce=told.append)
        late().put(Article.model_validate(make_story("fresh")))
        assert [process.step() for _ in range(3)] == [0, 0, 0]
        assert late().queue.length().single == 1
        assert told == [indexer_process.STANDS_BY]
        assert standby.exists()
        ballot.won = True
        assert process.step() == 1
        assert told[1:] == [indexer_process.ELECTED]
        assert not standby.exists()
        ballot.won = False
        late().put(Article.model_validate(make_story("later")))
        assert process.step() == 0
        assert told[2:] == [indexer_process.STANDS_BY]


def test_an_indexer_that_stands_by_builds_snapshots_and_does_no_jobs(
    own_desk: Settings, ballot: Ballot, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = list[str]()
    monkeypatch.setattr(
        build_process.BuildProcess, "run", lambda _, *words: started.append(" ".join(words))
    )
    with closing(LazyStore(own_desk.database_url)) as late:
        process = indexer_process.IndexerProcess(own_desk, late, str.strip)
        late().jobs.ask("rebuild", "", "chief")
        for _ in range(65):
            late().patch("harbour-1", {"authors": ["somebody"]})
            late().patch("harbour-1", {"authors": ["another"]})
        process.check_snapshot()
        assert started == ["compact"]
        ballot.won = True
        process.check_snapshot()
        assert "jobs" in started


def test_an_indexer_that_stands_by_follows_a_choice_of_model_once(
    own_desk: Settings, ballot: Ballot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If its rebuild fails, it compacts as before. The model that it has is nothing to follow."""
    started = list[str]()
    monkeypatch.setattr(
        build_process.BuildProcess, "run", lambda _, *words: started.append(" ".join(words))
    )
    automatic = replace(own_desk, model="auto")
    with closing(LazyStore(automatic.database_url)) as late:
        process = indexer_process.IndexerProcess(automatic, late, str.strip)
        live = read_live_manifest(Catalog(automatic.data.snapshots))
        assert live is not None
        late().model_choices.keep(ModelChoice(Origin.of(live).encoder, "as before", final=True))
        process.check_snapshot()
        assert started == []
        late().model_choices.keep(ModelChoice("another", "chosen elsewhere", final=True), anew=True)
        for _ in range(65):
            late().patch("harbour-1", {"authors": ["somebody"]})
            late().patch("harbour-1", {"authors": ["another"]})
        process.check_snapshot()
        process.check_snapshot()
        assert started == ["rebuild", "compact"]
    assert not ballot.won


def test_an_indexer_that_is_not_elected_any_more_acknowledges_nothing(
    own_desk: Settings,
    ballot: Ballot,
    make_story: Callable[..., dict[str, Any]],
    fake_encoder: Encoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where its machine was cut off while it read, and another one has read since."""

    class Slow:
        def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
            ballot.won = not any("fresh" in text for text in texts)
            return fake_encoder.encode(texts, advance)

    ballot.won = True
    monkeypatch.setattr(indexer_process, "load_encoder", lambda _: Slow())
    with closing(LazyStore(own_desk.database_url)) as late:
        process = indexer_process.IndexerProcess(own_desk, late, str.strip)
        assert process.step() == 0
        late().put(Article.model_validate(make_story("new", title="A fresh start")))
        with pytest.raises(ElectionLost):
            process.step()
        assert late().queue.length().single == 1
        assert process.step() == 0  # it stands by


def test_an_elected_indexer_that_fails_for_long_gives_its_place_up_for_a_while(
    own_desk: Settings, ballot: Ballot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk may be full, where that of another machine is not."""
    now, stop, won_at = 1_000.0, SimpleNamespace(has_come=False), dict[float, bool]()

    def sleep(seconds: float) -> None:
        nonlocal now
        won_at[now] = ballot.won
        now += max(seconds, 1.0)
        if now > 1_020.0:
            stop.has_come = True

    pause = SimpleNamespace(wait=lambda: sleep(0.1), rest=sleep, stop=None)
    monkeypatch.setattr(indexer_process, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(indexer_process, "Pause", lambda *_: pause)
    listening = SimpleNamespace(listen=lambda _: stop)
    monkeypatch.setattr(indexer_process, "StopSignal", lambda: listening)
    with closing(LazyStore(own_desk.database_url)) as late:
        process = indexer_process.IndexerProcess(own_desk, late, str.strip)
        ballot.won = True
        assert process.step() == 0

        def fail(_: Indexer) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Indexer, "step", fail)
        monkeypatch.setattr(indexer_process._Check, "is_due", lambda *_, **__: True)  # noqa: SLF001
        process.run()
    failing = indexer_process.FAILING_SECONDS
    assert {at for at, won in won_at.items() if won} == {
        at for at in won_at if at < 1_000 + failing
    }
    assert not ballot.won
