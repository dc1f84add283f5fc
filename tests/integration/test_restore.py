"""`read-also restore`: the backup takes the place of a store that nobody uses."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from recommender.display_fields import DisplayFields
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from recommender.store.backup import back_up, restore
from tests.support.archives import run_command, write
from tests.support.workers import StartWorker, Worker

ROOT = Path(__file__).parents[2]
KILLS = 10
ARTICLES = 400
LONG = "body " * 600  # so that a store has hundreds of pages, and writing it takes its time

Story = Callable[..., dict[str, Any]]
Run = Callable[..., Result]


@pytest.fixture
def run(bare: Settings) -> Run:
    """Runs a command over the bare archive; `answer` is typed in, `more` the other settings."""
    return partial(run_command, bare)


def put_all(store: ArticleStore, title: str, count: int = ARTICLES) -> None:
    """Give every article of the store one title, in one transaction."""
    write(store, *({"id": f"a-{n}", "title": title, "body": LONG} for n in range(count)))


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
    """A copy from when the articles, half as many, all said `old`; nobody has the store open."""
    put_all(store, "old", ARTICLES // 2)
    store.webhooks.add("cms", "http://127.0.0.1/", ["list.changed"], "whsec_")
    back_up(store, tmp_path / "copy.db")
    put_all(store, "new")
    store.close()
    return tmp_path / "copy.db"


OLD = (frozenset({"old"}), ARTICLES // 2)
NEW = (frozenset({"new"}), ARTICLES)


# --- The command ---


def test_restore_prints_the_number_of_articles_and_the_next_step(
    run: Run, store: ArticleStore, copy: Path
) -> None:
    result = run("restore", str(copy), "--yes")
    assert (result.exit_code, seen(store)) == (0, OLD)
    assert result.stdout == (
        f"restored {copy}: {ARTICLES // 2} articles; next, run: read-also rebuild\n"
    )
    assert "cms gets webhooks from here" in result.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "code", "after"), [("", 1, NEW), ("n\n", 1, NEW), ("y\n", 0, OLD)]
)
def test_restore_asks_before_it_replaces_the_store(
    run: Run, store: ArticleStore, copy: Path, answer: str, code: int, after: object
) -> None:
    result = run("restore", str(copy), answer=answer)
    assert result.stdout.startswith("Lose what the store has now, and put ")
    assert (result.exit_code, seen(store)) == (code, after)


def test_restore_names_the_way_for_postgresql(run: Run, copy: Path) -> None:
    address = "postgresql://somebody:secret@localhost/news"
    result = run("restore", str(copy), "--yes", DATABASE_URL=address)
    assert result.exit_code == 69
    assert "`read-also export`" in result.stderr
    assert "secret" not in result.output


# --- Workers, before and after it ---


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


def titles_shown(worker: Worker) -> dict[str, str]:
    """By id the title of every article that a worker shows."""
    view = worker.follower.current().view
    rows = map(int, np.flatnonzero(view.present))
    return {view.id_of(row): DisplayFields.from_bytes(view.display_of(row)).title for row in rows}


def titles_of(store: ArticleStore) -> dict[str, str]:
    with store.scan() as view:
        return {stored.article.id: stored.article.title for stored in view}


def test_a_worker_started_after_it_shows_the_restored_archive_whole(
    own_desk: Settings, start_worker: StartWorker, make_story: Story, tmp_path: Path
) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        copied = titles_of(store)
        back_up(store, tmp_path / "copy.db")
        write(store, *(make_story(f"harbour-{number}", title="Later") for number in (1, 2)))
        store.delete("harbour-3")
        before = start_worker()
        assert titles_shown(before) == titles_of(store) != copied
        before.stop()
    restore(own_desk.database_url, tmp_path / "copy.db")
    assert titles_shown(start_worker()) == copied


def test_a_worker_notices_a_store_restored_where_the_file_was_gone(
    own_desk: Settings, start_worker: StartWorker, make_story: Story, tmp_path: Path
) -> None:
    worker = start_worker()
    with closing(open_store(own_desk.database_url)) as store:
        copied = titles_of(store)
        back_up(store, tmp_path / "copy.db")
        write(store, make_story("late"))
    worker.follower.refresh()
    (own_desk.data_dir / "read-also.db").unlink()
    restore(own_desk.database_url, tmp_path / "copy.db")
    worker.follower.refresh()
    assert titles_shown(worker) == copied
    with closing(open_store(own_desk.database_url)) as store:
        assert titles_of(store) == copied
        assert store.find_damage() == ()


# --- Killed ---

RESTORE = """
import sys
from pathlib import Path
from recommender.store.backup import restore
print("ready", flush=True)
sys.stdin.readline()
restore(sys.argv[1], Path(sys.argv[2]))
print("done", flush=True)
"""


@pytest.mark.long
def test_a_restore_killed_at_any_moment_leaves_the_old_or_the_new_store_whole(
    bare: Settings, store: ArticleStore, copy: Path, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "newer.db")
    store.close()
    with process(RESTORE, bare.database_url, str(tmp_path / "newer.db")) as whole:
        ask(whole)
        begun = time.monotonic()
        assert ask(whole, "go") == "done"
    takes, draw = time.monotonic() - begun, random.Random(20261124)  # noqa: S311 - moments
    outcomes = list[object]()
    while len(outcomes) < KILLS or NEW not in outcomes:  # else no kill came early enough
        assert len(outcomes) < 10 * KILLS
        kill_within(takes, draw, bare.database_url, str(copy))
        with closing(open_store(bare.database_url)) as anew:
            assert anew.find_damage() == ()
            outcomes.append(seen(anew))
        assert outcomes[-1] in (OLD, NEW)
        restore(bare.database_url, tmp_path / "newer.db")
    assert [path.name for path in bare.data_dir.iterdir() if path.name.endswith(".part")] == []


def kill_within(seconds: float, draw: random.Random, *arguments: str) -> None:
    """Start a restore, and kill it after a part of some seconds."""
    with process(RESTORE, *arguments) as killed:
        ask(killed)
        assert killed.stdin is not None
        killed.stdin.write("go\n")
        killed.stdin.flush()
        time.sleep(draw.uniform(0, seconds))
        os.kill(killed.pid, signal.SIGKILL)


@pytest.mark.long
def test_a_restore_killed_where_there_was_no_store_leaves_none_or_the_whole(
    copy: Path, tmp_path: Path
) -> None:
    none: tuple[frozenset[str], int] = (frozenset(), 0)
    draw = random.Random(20261124)  # noqa: S311 - moments
    for number in range(3):
        address = f"sqlite:///{tmp_path / f'anew-{number}.db'}"
        kill_within(0.15, draw, address, str(copy))
        with closing(open_store(address)) as anew:
            assert seen(anew) in (none, OLD)
        assert restore(address, copy) == ARTICLES // 2
