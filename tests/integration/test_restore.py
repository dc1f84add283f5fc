"""`read-also restore`: the copy takes the store's place under everybody who has it open."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from index import Catalog
from recommender.analysis.embedding import Model
from recommender.articles import parse_article
from recommender.cli import main
from recommender.live import Follower, Heartbeats, Journal
from recommender.ranking.display import DisplayFields
from recommender.settings import Settings
from recommender.store import ArticleStore, LazyStore, open_store
from recommender.store.backup import back_up
from recommender.store.restoring import restore
from tests.support.archives import clean_environment

ROOT = Path(__file__).parents[2]
KILLS = 10
ARTICLES = 400
LONG = "body " * 600  # so that a store has hundreds of pages, and writing it takes its time

Story = Callable[..., dict[str, Any]]
Run = Callable[..., Result]


@pytest.fixture
def run(bare: Settings) -> Run:
    """Runs a command over the bare archive; `answer` is typed in, `more` the other settings."""

    def invoke(*arguments: str, answer: str = "", **more: str) -> Result:
        settings = {"DATABASE_URL": bare.database_url, "DATA_DIR": str(bare.data_dir)} | more
        environment: dict[str, str | None] = dict(clean_environment(**settings))
        return CliRunner().invoke(main, list(arguments), env=environment, input=answer)

    return invoke


def file_of(settings: Settings) -> Path:
    return settings.data_dir / "read-also.db"


def put_all(store: ArticleStore, title: str, count: int = ARTICLES) -> None:
    """Give every article of the store one title, in one transaction."""
    documents = [{"id": f"a-{n}", "title": title, "body": LONG} for n in range(count)]
    store.write_many([parse_article(json.dumps(document)) for document in documents])


def seen(store: ArticleStore) -> tuple[frozenset[str], int]:
    """The titles there are and how many articles, in one moment."""
    with store.scan() as view:
        titles = [stored.article.title for stored in view]
    return frozenset(titles), len(titles)


@pytest.fixture
def store(bare: Settings) -> Iterator[ArticleStore]:
    """The bare archive's store, with articles that all say `new`."""
    with closing(open_store(bare.database_url)) as opened:
        yield opened


@pytest.fixture
def copy(store: ArticleStore, tmp_path: Path) -> Path:
    """A copy of the store from when its articles, half as many, all said `old`."""
    put_all(store, "old", ARTICLES // 2)
    back_up(store, tmp_path / "copy.db")
    put_all(store, "new")
    return tmp_path / "copy.db"


OLD = (frozenset({"old"}), ARTICLES // 2)
NEW = (frozenset({"new"}), ARTICLES)


# --- The command ---


def test_it_tells_how_many_articles_are_there_and_what_is_next(
    run: Run, store: ArticleStore, copy: Path
) -> None:
    result = run("restore", str(copy), "--yes")
    assert (result.exit_code, seen(store)) == (0, OLD)
    assert result.stdout == (
        f"restored {copy}: {ARTICLES // 2} articles; next, run: read-also rebuild\n"
    )


@pytest.mark.parametrize(
    ("answer", "code", "after"), [("", 1, NEW), ("n\n", 1, NEW), ("y\n", 0, OLD)]
)
def test_it_asks_before_anything_is_given_up(
    run: Run, store: ArticleStore, copy: Path, answer: str, code: int, after: object
) -> None:
    result = run("restore", str(copy), answer=answer)
    assert result.stdout.startswith("Give up what the store holds now, and put ")
    assert (result.exit_code, seen(store)) == (code, after)


def test_a_file_that_is_no_copy_is_refused(run: Run, store: ArticleStore, copy: Path) -> None:
    copy.write_text("no database\n" * 100)
    result = run("restore", str(copy), "--yes")
    assert result.exit_code == 69
    assert result.stderr.splitlines()[-1] == (
        f"read-also: {copy} is not restored, and the store is as it was: file is not a database"
    )
    assert seen(store) == NEW


def test_a_missing_file_is_wrong_usage(run: Run, store: ArticleStore, copy: Path) -> None:
    result = run("restore", f"{copy}.none", "--yes")
    assert (result.exit_code, seen(store)) == (2, NEW)


def test_postgresql_is_told_another_way(run: Run, copy: Path) -> None:
    address = "postgresql://somebody:secret@localhost/news"
    result = run("restore", str(copy), "--yes", DATABASE_URL=address)
    assert result.exit_code == 69
    assert "`read-also export`" in result.stderr
    assert "secret" not in result.output


# --- Others have it open ---


class Worker:
    """A worker that is driven by hand."""

    def __init__(self, settings: Settings, model: Model) -> None:
        self.late = LazyStore(settings.database_url, 1.0)
        self.follower = Follower(
            Catalog(settings.data.snapshots),
            self.late,
            lambda: model,
            Journal(settings.data.journals),
            Heartbeats(settings.data.heartbeats),
        )
        self.follower.refresh()

    def stop(self) -> None:
        self.follower.stop()
        self.late.close()

    def titles(self) -> dict[str, str]:
        """By id the title of every article that it shows."""
        view = self.follower.current().view
        rows = map(int, np.flatnonzero(view.present))
        return {
            view.id_of(row): DisplayFields.from_bytes(view.display_of(row)).title for row in rows
        }


@pytest.fixture
def worker(own_desk: Settings, fake_model: Model) -> Iterator[Worker]:
    hired = Worker(own_desk, fake_model)
    yield hired
    hired.stop()


def titles_of(store: ArticleStore) -> dict[str, str]:
    with store.scan() as view:
        return {stored.article.id: stored.article.title for stored in view}


def test_a_worker_shows_the_restored_archive_whole(
    worker: Worker, own_desk: Settings, make_story: Story, tmp_path: Path
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        copied = titles_of(store)
        back_up(store, tmp_path / "copy.db")
        for round_ in range(2):
            for name in ("harbour-1", "harbour-2", f"late-{round_}"):
                document = make_story(name, title=f"Round {round_}")
                store.put(parse_article(json.dumps(document)))
            store.delete("harbour-3")
            worker.follower.refresh()
            assert worker.titles() == titles_of(store) != copied
            restore(own_desk.database_url, tmp_path / "copy.db")
            assert titles_of(store) == copied
            worker.follower.refresh()
            assert worker.titles() == copied
            assert worker.follower.current().change == store.state().change


def test_the_same_copy_put_back_twice_in_a_row_is_noticed_twice(
    worker: Worker, own_desk: Settings, tmp_path: Path
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        back_up(store, tmp_path / "copy.db")
    views = [worker.follower.current().view]
    for _ in range(2):
        restore(own_desk.database_url, tmp_path / "copy.db")
        worker.follower.refresh()
        worker.follower.refresh()
        views.append(worker.follower.current().view)
        worker.follower.refresh()
        assert worker.follower.current().view is views[-1]
    assert len(set(map(id, views))) == 3


def test_a_worker_notices_where_the_file_was_gone(
    worker: Worker, own_desk: Settings, make_story: Story, tmp_path: Path
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        copied = titles_of(store)
        back_up(store, tmp_path / "copy.db")
        store.put(parse_article(json.dumps(make_story("late"))))
    worker.follower.refresh()
    file_of(own_desk).unlink()
    restore(own_desk.database_url, tmp_path / "copy.db")
    worker.follower.refresh()
    assert worker.titles() == copied
    with closing(open_store(own_desk.database_url)) as store:
        assert titles_of(store) == copied
        assert store.find_damage() == ()


OPEN = """
import sys
from recommender.store import open_store
store = open_store(sys.argv[1])
from tests.integration.test_restore import put_all, seen
put_all(store, sys.argv[2])
print("open", flush=True)
for line in sys.stdin:
    print(sorted(seen(store)[0]), store.find_damage(), flush=True)
"""


@contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with running:
        yield running
        running.kill()


def ask(running: subprocess.Popen[str], word: str = "") -> str:
    assert running.stdin is not None
    assert running.stdout is not None
    if word:
        running.stdin.write(f"{word}\n")
        running.stdin.flush()
    return running.stdout.readline().strip()


def test_two_other_processes_with_a_full_log_see_the_copy(
    bare: Settings, store: ArticleStore, copy: Path
) -> None:
    with (
        process(OPEN, bare.database_url, "first") as one,
        store.scan() as moment,  # nothing of the log can be taken out of it
    ):
        assert ask(one) == "open"
        with process(OPEN, bare.database_url, "second") as two:
            assert ask(two) == "open"
            assert file_of(bare).with_name("read-also.db-wal").stat().st_size > 1_000_000
            assert restore(bare.database_url, copy) == ARTICLES // 2
            assert [ask(one, "look"), ask(two, "look")] == ["['old'] ()"] * 2
            assert {stored.article.title for stored in moment} == {"new"}
    assert seen(store) == OLD
    store.close()
    with closing(open_store(bare.database_url)) as anew:
        assert (seen(anew), anew.find_damage()) == (OLD, ())


WATCH = """
import sys
from recommender.store import open_store
from tests.integration.test_restore import seen
store = open_store(sys.argv[1])
print("open", flush=True)
moments = []
while store.state().epoch != "stop":
    moments.append(seen(store))
print(sorted({(*sorted(titles), count) for titles, count in moments}), flush=True)
"""


def test_a_reader_sees_the_one_or_the_other_and_never_a_half(
    bare: Settings, store: ArticleStore, copy: Path, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "newer.db")
    with process(WATCH, bare.database_url) as watching:
        assert ask(watching) == "open"
        for _ in range(10):
            restore(bare.database_url, copy)
            time.sleep(0.02)
            restore(bare.database_url, tmp_path / "newer.db")
            time.sleep(0.02)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE store_facts SET value = 'stop'")
        half = ARTICLES // 2
        assert ask(watching) == str([("new", ARTICLES), ("old", half)])


# --- Killed ---

RESTORE = """
import sys
from pathlib import Path
from recommender.store.restoring import restore
print("ready", flush=True)
sys.stdin.readline()
restore(sys.argv[1], Path(sys.argv[2]))
print("done", flush=True)
"""


def test_killed_at_any_moment_it_leaves_the_old_or_the_new_whole(
    bare: Settings, store: ArticleStore, copy: Path, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "newer.db")
    with process(RESTORE, bare.database_url, str(tmp_path / "newer.db")) as whole:
        ask(whole)
        begun = time.monotonic()
        assert ask(whole, "go") == "done"
    takes, draw = time.monotonic() - begun, random.Random(20261124)  # noqa: S311 - moments
    outcomes = []
    for _ in range(KILLS):
        with process(RESTORE, bare.database_url, str(copy)) as killed:
            ask(killed)
            assert killed.stdin is not None
            killed.stdin.write("go\n")
            killed.stdin.flush()
            time.sleep(draw.uniform(0, takes))
            os.kill(killed.pid, signal.SIGKILL)
        with closing(open_store(bare.database_url)) as anew:
            assert anew.find_damage() == ()
            outcomes.append(seen(anew))
        assert outcomes[-1] in (OLD, NEW)
        assert seen(store) == outcomes[-1]
        restore(bare.database_url, tmp_path / "newer.db")
        assert seen(store) == NEW
    assert NEW in outcomes
    assert [path.name for path in bare.data_dir.iterdir() if "restoring" in path.name] == []


def test_killed_where_there_was_no_store_it_leaves_none_or_the_whole(
    copy: Path, tmp_path: Path
) -> None:
    none: tuple[frozenset[str], int] = (frozenset(), 0)
    draw = random.Random(20261124)  # noqa: S311 - moments
    for number in range(3):
        address = f"sqlite:///{tmp_path / f'anew-{number}.db'}"
        with process(RESTORE, address, str(copy)) as killed:
            ask(killed)
            assert killed.stdin is not None
            killed.stdin.write("go\n")
            killed.stdin.flush()
            time.sleep(draw.uniform(0, 0.15))
            os.kill(killed.pid, signal.SIGKILL)
        with closing(open_store(address)) as anew:
            assert seen(anew) in (none, OLD)
            assert restore(address, copy) == ARTICLES // 2
            assert seen(anew) == OLD
