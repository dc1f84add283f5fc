"""Jobs that are asked for in the console; run on each store."""

from datetime import UTC, datetime, timedelta

import pytest

from recommender.errors import BadParameter
from recommender.store import ArticleStore, Job


def job(**fields: object) -> Job:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    known = {"number": 1, "kind": "rebuild", "place": "", "by": "a", "asked_at": now}
    times: dict[str, object] = dict.fromkeys(("begun_at", "seen_at", "ended_at", "fault"))
    times |= dict.fromkeys(("reason", "notes", "stopped_by", "stop_reason", "counts"), "")
    return Job(**{**known, **times, "step": "", "done": 0, "total": 0, "beginnings": 0, **fields})  # type: ignore[arg-type]


@pytest.mark.postgresql_daily
def test_jobs_are_done_in_the_order_of_asking(store: ArticleStore) -> None:
    assert store.jobs.next() is None
    first = store.jobs.ask("import", "https://news.example/", "Anna")
    second = store.jobs.ask("rebuild", "", "Boris")
    found = store.jobs.next()
    assert found is not None
    assert (found.number, found.state, found.by) == (first, "waiting", "Anna")
    assert store.jobs.begin(found)
    assert store.jobs.note(first, "pages", 3, 12, is_new=False)
    found = store.jobs.next()
    assert found is not None
    assert (found.state, found.step, found.done, found.total) == ("running", "pages", 3, 12)
    store.jobs.end(first, "12 created", numbers={"created": 12, "rejected": 3})
    found = store.jobs.next()
    assert found is not None
    assert found.number == second
    assert store.jobs.newest()[1].numbers == {"created": 12, "rejected": 3}
    store.jobs.end(second, "", "no room")
    assert store.jobs.newest()[0].numbers == {}
    assert store.jobs.next() is None
    newest = store.jobs.newest()
    assert [(one.number, one.state, one.step, one.fault) for one in newest] == [
        (second, "failed", "", "no room"),
        (first, "done", "12 created", None),
    ]


def test_the_same_is_not_asked_for_twice(store: ArticleStore) -> None:
    number = store.jobs.ask("rebuild", "", "Anna")
    with pytest.raises(BadParameter, match="done already"):
        store.jobs.ask("rebuild", "", "Boris")
    store.jobs.ask("import", "https://news.example/", "Anna")
    store.jobs.ask("import", "https://other.example/", "Anna")
    store.jobs.end(number, "")
    assert store.jobs.ask("rebuild", "", "Boris") > number


def test_a_job_that_somebody_stops_tells_its_process(store: ArticleStore) -> None:
    number = store.jobs.ask("rebuild", "", "Anna")
    assert store.jobs.begin(store.jobs.newest()[0])
    assert store.jobs.stop(number)
    assert not store.jobs.note(number, "embedding", 1, 2, is_new=False)
    store.jobs.end(number, "finished all the same")
    found = store.jobs.newest()[0]
    assert (found.state, found.fault, found.step) == ("failed", "somebody stopped it", "")
    assert not store.jobs.stop(number)


def test_who_asked_and_who_stopped_is_kept_with_the_reasons(store: ArticleStore) -> None:
    number = store.jobs.ask("file", "a1 two words.csv", "Anna", " the  new\narchive ")
    assert store.jobs.waiting_files() == {"a1"}
    assert store.jobs.stop(number, "Boris", "the wrong file")
    found = store.jobs.newest()[0]
    assert (found.by, found.reason, found.subject) == ("Anna", "the new archive", "two words.csv")
    assert (found.stopped_by, found.stop_reason) == ("Boris", "the wrong file")
    assert store.jobs.waiting_files() == frozenset()
    with pytest.raises(BadParameter, match="longer than 500"):
        store.jobs.ask("rebuild", "", "Anna", "x" * 501)


def test_an_address_is_shown_without_its_query() -> None:
    assert job(kind="import", place="https://a.example/?key=secret").subject == "https://a.example/"
    assert job().subject == ""


def test_a_file_is_looked_through_before_its_stories_are_stored() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    file = {"kind": "file", "place": "f1 two words.csv", "begun_at": now}
    assert job(**file, step="two words.csv: looking through it").looks_through
    assert not job(**file, step="two words.csv").looks_through
    assert not job(**file, step="two words.csv", ended_at=now).looks_through
    assert not job(begun_at=now, step="embedding").looks_through


def test_the_time_left_follows_from_what_is_done() -> None:
    begun = datetime(2026, 5, 1, tzinfo=UTC)
    later = begun + timedelta(seconds=30)
    assert job(begun_at=begun, seen_at=later, done=3, total=12).seconds_left == 90
    assert job(begun_at=begun, seen_at=later, done=0, total=12).seconds_left is None
    assert job(begun_at=begun, seen_at=later, done=3, total=0).seconds_left is None
    assert job(done=3, total=12).seconds_left is None


def test_a_job_whose_process_dies_again_and_again_is_given_up(store: ArticleStore) -> None:
    number = store.jobs.ask("rebuild", "", "Anna")
    for times in range(3):
        found = store.jobs.next()
        assert found is not None
        assert found.beginnings == times
        assert store.jobs.begin(found)
    found = store.jobs.next()
    assert found is not None
    assert not store.jobs.begin(found)
    assert store.jobs.next() is None
    ended = store.jobs.newest()[0]
    assert (ended.number, ended.state, ended.fault) == (
        number,
        "failed",
        "its process died 3 times",
    )


def test_a_job_that_must_wait_for_another_process_was_not_begun(store: ArticleStore) -> None:
    store.jobs.ask("rebuild", "", "Anna")
    before = store.jobs.next()
    assert before is not None
    store.jobs.begin(before)
    store.jobs.put_back(before)
    found = store.jobs.next()
    assert found is not None
    assert (found.state, found.beginnings) == ("waiting", 0)


def test_too_much_is_not_asked_for(store: ArticleStore) -> None:
    for number in range(10):
        store.jobs.ask("import", f"https://news.example/{number}", "Anna")
    with pytest.raises(BadParameter, match="10 others wait already"):
        store.jobs.ask("rebuild", "", "Anna")
