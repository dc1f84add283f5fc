"""Which machine does a job, where several share a store."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from recommender.operations import console_jobs
from recommender.operations.console_jobs import do_jobs, next_of_ours
from recommender.settings import Settings
from recommender.sources.uploads import Uploads
from recommender.store import ArticleStore, open_store
from tests.support.postgresql import PostgreSQL

NOWHERE = f"{'a' * 32} stories.jsonl"


@pytest.fixture
def shared(bare: Settings, postgresql: PostgreSQL) -> Iterator[Settings]:
    """A machine of several that share a store."""
    name = postgresql.make_database()
    bare.data_dir.mkdir(exist_ok=True)
    yield replace(bare, database_url=postgresql.url(name))
    postgresql.drop_database(name)


@pytest.fixture
def store(shared: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(shared.database_url)) as opened:
        yield opened


def kind_of_next(settings: Settings, store: ArticleStore, *, elected: bool) -> str | None:
    job = next_of_ours(settings, store, elected=elected)
    return None if job is None else job.kind


def send_file(settings: Settings, store: ArticleStore) -> None:
    uploads = Uploads(settings.data.uploads)
    sent = uploads.begin("chief", "stories.jsonl", 9, "1")
    store.jobs.ask("file", f"{sent.id} stories.jsonl", "chief")


def test_the_elected_one_does_all_but_the_files_of_others(
    shared: Settings, store: ArticleStore
) -> None:
    store.jobs.ask("file", NOWHERE, "chief")
    assert kind_of_next(shared, store, elected=True) is None
    store.jobs.ask("rebuild", "", "chief")
    assert kind_of_next(shared, store, elected=True) == "rebuild"  # a file that waits holds up none
    assert kind_of_next(shared, store, elected=False) is None


def test_a_file_is_read_by_the_machine_that_has_it(shared: Settings, store: ArticleStore) -> None:
    store.jobs.ask("rebuild", "", "chief")
    send_file(shared, store)
    assert kind_of_next(shared, store, elected=False) == "file"


def test_a_file_that_waits_long_for_its_machine_is_not_given_up(
    shared: Settings, store: ArticleStore
) -> None:
    store.jobs.ask("file", NOWHERE, "chief")
    assert do_jobs(shared) == 0
    job = store.jobs.next()
    assert job is not None
    assert job.state == "waiting"


def test_alone_a_machine_does_everything(bare: Settings) -> None:
    bare.data_dir.mkdir(exist_ok=True)
    with closing(open_store(bare.database_url)) as store:
        store.jobs.ask("file", NOWHERE, "chief")
        assert kind_of_next(bare, store, elected=True) == "file"
        assert do_jobs(bare) == 1  # the file is nowhere
        assert store.jobs.next() is None


@pytest.mark.parametrize("is_heard_of", [True, False])
def test_a_job_that_was_begun_elsewhere_is_taken_over_when_nothing_is_heard_of_it(
    shared: Settings,
    store: ArticleStore,
    monkeypatch: pytest.MonkeyPatch,
    is_heard_of: bool,  # noqa: FBT001
) -> None:
    number = store.jobs.ask("import", "ftp://nowhere.example", "chief")
    begun = store.jobs.next()
    assert begun is not None
    store.jobs.begin(begun)
    monkeypatch.setattr(console_jobs, "LEFT_AFTER_SECONDS", 60.0 if is_heard_of else 0.2)
    monkeypatch.setattr(console_jobs, "NOTE_SECONDS", 0.05)
    slept = list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if is_heard_of:
            store.jobs.note(number, "reading", len(slept), 0, is_new=False)

    monkeypatch.setattr("time.sleep", sleep)
    assert do_jobs(shared) == (0 if is_heard_of else 1)  # such an address is refused
    job = store.jobs.next()
    assert (job is not None and job.state == "running") is is_heard_of
