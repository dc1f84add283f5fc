"""How far a write has come, from what the store and the workers say."""

from datetime import UTC, datetime

import pytest

from recommender.articles import Article
from recommender.ranking.filters import hidden_because
from recommender.store import WriteProgress
from recommender.web.status_routes import REMEDY, describe_progress

WRITTEN_AT = datetime(2026, 10, 20, 9, 30, tzinfo=UTC)
READ_AT = datetime(2026, 10, 20, 9, 31, tzinfo=UTC)
NOW = READ_AT.timestamp()


def progress(*, read_change: int | None = None, attempts: int | None = None) -> WriteProgress:
    """A write with the change 7; with `attempts`, its text is still in the queue."""
    return WriteProgress(
        outline=Article(id="a", title="T"),
        change=7,
        written_at=WRITTEN_AT,
        read_change=read_change,
        read_at=None if read_change is None else READ_AT,
        is_queued=attempts is not None,
        attempts=attempts or 0,
        fault="broken" if attempts else None,
        waiting=4,
    )


@pytest.mark.parametrize(
    ("attempts", "read_change", "shown", "workers", "expected"),
    [
        (0, None, 7, [7, 7], ("received", "indexer")),
        (2, None, 7, [7, 7], ("received", "indexer")),
        (3, None, 7, [7, 7], ("parked", "another_text")),
        (None, 9, 8, [8, 9], ("read", "workers")),
        (None, 9, 9, [8, 9], ("indexed", "workers")),
        (None, 9, 9, [9, 12], ("visible", None)),
        (None, None, 6, [6, 6], ("read", "workers")),  # it brought no new text
        (None, None, 7, [7, 7], ("visible", None)),
        (None, 9, 9, [], ("visible", None)),
    ],
)
def test_a_write_goes_on_from_the_store_to_the_last_worker(
    attempts: int | None,
    read_change: int | None,
    shown: int,
    workers: list[int],
    expected: tuple[str, str | None],
) -> None:
    one = progress(read_change=read_change, attempts=attempts)
    found = describe_progress(one, shown, workers, NOW)
    assert (found.state, found.waits_for) == expected
    assert (found.shown_change, found.workers) == (min(workers, default=shown), len(workers))
    assert (found.change, found.read_change) == (7, read_change)
    assert (found.written_at, found.read_at) == (WRITTEN_AT, READ_AT if read_change else None)
    assert found.error == ("broken" if attempts else None)
    assert found.remedy == (REMEDY if found.state == "parked" else None)
    assert (found.attempts, found.waiting, found.hidden_because) == (attempts or 0, 4, None)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, None),
        ({"status": "draft"}, "not_published"),
        ({"status": "withheld", "expires_at": WRITTEN_AT}, "not_published"),
        ({"published_at": datetime(2026, 10, 21, tzinfo=UTC)}, "embargoed"),
        ({"expires_at": READ_AT}, "expired"),
        ({"never_recommend": True, "title": " ", "body": "B"}, "never_recommend"),
        ({"title": " ", "body": "B"}, "untitled"),
    ],
)
def test_what_keeps_an_article_out_of_every_list_is_named(
    fields: dict[str, object], rule: str | None
) -> None:
    article = Article.model_validate({"id": "a", "title": "T"} | fields)
    assert hidden_because(article, NOW) == rule
