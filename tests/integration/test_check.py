"""`read-also check` on archives that are whole, and on archives that were broken on purpose."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from index import Catalog
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import Origin
from recommender.operations.check import gather_facts
from recommender.operations.check_findings import Examples, Facts, Flaw
from recommender.settings import Settings
from recommender.sources import read_jsonl
from recommender.store import LOG_START, ArticleStore, Backlog, QueueLength, open_store
from tests.support.archives import after_announcement, fake_reader, run_command, write

Check = Callable[..., Result]
Execute = Callable[..., None]


@pytest.fixture
def check(own_desk: Settings) -> Check:
    """Runs the command over the desk."""
    return partial(run_command, own_desk, "check")


@pytest.fixture
def execute(desk_store: ArticleStore) -> Execute:
    """Changes the tables behind the store's back."""

    def run(statement: str, *values: object) -> None:
        with desk_store.engine.begin() as connection:
            connection.exec_driver_sql(statement, values)

    return run


def facts_of(settings: Settings, store: ArticleStore, source: Path | None = None) -> Facts:
    records = None if source is None else read_jsonl(source)
    return gather_facts(store, Catalog(settings.data.snapshots), datetime.now(tz=UTC), records)


def write_file(path: Path, *documents: dict[str, Any] | str) -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in documents]
    path.write_text("\n".join(lines))
    return path


def test_an_archive_that_was_just_built_passes(
    check: Check, desk_documents: dict[str, Any]
) -> None:
    result = check()
    assert (result.exit_code, after_announcement(result.stderr)) == (0, "")
    assert result.stdout == f"all is well: {len(desk_documents)} articles, 1 generations\n"


def test_verbose_names_everything_that_was_checked(check: Check, own_desk: Settings) -> None:
    lines = check("--verbose").stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert f"ok live generation {Catalog(own_desk.data.snapshots).live()}: whole" in lines
    assert {f"ok {flaw}: none" for flaw in ("missing", "orphan", "stale")} <= set(lines)


def test_an_empty_archive_passes(bare: Settings) -> None:
    with closing(open_store(bare.database_url)) as store:
        assert facts_of(bare, store) == Facts()


def test_changes_after_the_live_generation_are_no_fault(
    check: Check,
    own_desk: Settings,
    desk_store: ArticleStore,
    make_story: Callable[..., dict[str, Any]],
    index_with_fake: Callable[..., int],
) -> None:
    write(desk_store, make_story("new"), make_story("harbour-2", title="Changed"))
    desk_store.delete("harbour-3")
    index_with_fake(own_desk)
    result = check()
    assert result.exit_code == 0
    assert "note unused features: 2 texts" in result.stdout


def test_features_of_an_earlier_release_are_noted_until_a_rebuild_removes_them(
    check: Check, execute: Execute, desk_store: ArticleStore, own_desk: Settings
) -> None:
    execute(
        "INSERT INTO terms SELECT text_hash, 'earlier', language, buckets, counts, signature "
        "FROM terms"
    )
    execute("INSERT INTO texts SELECT text_hash, 'earlier', 'text' FROM vectors")
    result = check()
    assert result.exit_code == 0
    assert "note outdated features: " in result.stdout
    rebuild(desk_store, Catalog(own_desk.data.snapshots), fake_reader())
    assert check("--verbose").stdout.count("ok outdated features: none") == 1


def test_queued_articles_are_noted_and_fail_the_check_after_an_hour(
    check: Check,
    desk_store: ArticleStore,
    execute: Execute,
    make_story: Callable[..., dict[str, Any]],
) -> None:
    write(desk_store, make_story("new-1"), make_story("new-2"))
    report = check()
    assert report.exit_code == 0
    assert "note queued: 2 articles wait to be analyzed: new-1, new-2" in report.stdout
    hour_ago = datetime.now(tz=UTC).replace(tzinfo=None) - timedelta(hours=1)
    execute("UPDATE changes SET at = ? WHERE article_id = 'new-1'", f"{hour_ago}")
    failed = check()
    assert failed.exit_code == 1
    assert "fault late: 1 articles have waited" in failed.stdout


def test_a_queued_article_whose_log_entry_was_trimmed_is_late_only_after_an_hour(
    check: Check,
    desk_store: ArticleStore,
    execute: Execute,
    make_story: Callable[..., dict[str, Any]],
) -> None:
    write(desk_store, make_story("new"))
    desk_store.delete("harbour-3")
    desk_store.trim(before=desk_store.state().change)
    with desk_store.scan() as scan:
        assert [one.queued_at for one in scan.statuses("", "") if one.id == "new"] == [None]
    assert "note queued: 1 articles wait to be analyzed: new" in check().stdout
    hour_ago = datetime.now(tz=UTC).replace(tzinfo=None) - timedelta(hours=1)
    execute("UPDATE changes SET at = ?", f"{hour_ago}")
    assert "fault late: 1 articles have waited for an hour" in check().stdout


def test_an_article_that_could_not_be_read_fails_with_its_reason(
    check: Check,
    own_desk: Settings,
    desk_store: ArticleStore,
    index_with_fake: Callable[..., int],
) -> None:
    write(desk_store, {"id": "bad", "title": "Bad", "body_html": "<poison>"})
    index_with_fake(own_desk)
    result = check()
    assert result.exit_code == 1
    assert "bad (UnreadableMarkup: took more than 2 s)" in result.stdout


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("UPDATE articles SET change = change - 1 WHERE id = 'harbour-1'", Flaw.STALE),
        ("DELETE FROM articles WHERE id = 'harbour-1'", Flaw.ORPHAN),
        ("UPDATE articles SET id = 'harbour-0' WHERE id = 'harbour-1'", Flaw.MISSING),
        ("UPDATE articles SET document = NULL WHERE id = 'harbour-1'", Flaw.HALF_DELETED),
        ("UPDATE articles SET read_hash = NULL WHERE id = 'harbour-1'", Flaw.FORGOTTEN),
        ("UPDATE terms SET fingerprint = 'older' WHERE text_hash = ?", Flaw.TERMS_MISSING),
        ("UPDATE vectors SET fingerprint = 'older' WHERE text_hash = ?", Flaw.UNEMBEDDED),
    ],
)
def test_damage_made_without_the_store_is_found(
    check: Check,
    own_desk: Settings,
    desk_store: ArticleStore,
    execute: Execute,
    statement: str,
    flaw: Flaw,
) -> None:
    text_hash = desk_store.get("harbour-1").text_hash
    execute(statement, *[text_hash] * statement.count("?"))
    found = facts_of(own_desk, desk_store).flaws[flaw]
    assert found.count == 1
    assert found.shown[0] in {"harbour-0", "harbour-1"}
    assert check().exit_code == 1


def test_a_rebuild_mends_what_the_check_says_it_mends(
    own_desk: Settings,
    desk_store: ArticleStore,
    execute: Execute,
    rebuild_with_fake: Callable[..., Any],
) -> None:
    execute("DELETE FROM articles WHERE id = 'harbour-2'")
    execute("UPDATE articles SET change = change - 1 WHERE id = 'harbour-1'")
    execute("DELETE FROM terms WHERE text_hash = (SELECT max(text_hash) FROM terms)")
    assert set(facts_of(own_desk, desk_store).flaws) == {
        Flaw.ORPHAN,
        Flaw.STALE,
        Flaw.TERMS_MISSING,
    }
    rebuild_with_fake(own_desk)
    assert facts_of(own_desk, desk_store).flaws == {}


def test_an_altered_generation_fails_the_check_and_articles_are_not_compared(
    check: Check, own_desk: Settings, desk_store: ArticleStore
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    display_file = catalog.folder / catalog.live() / "display.bin"
    data = bytearray(display_file.read_bytes())
    data[7] ^= 1
    display_file.write_bytes(data)
    facts = facts_of(own_desk, desk_store)
    assert not facts.compared
    assert "altered: its SHA-256 is another" in str(facts.generations[0].damage)
    assert check().exit_code == 1


def test_a_pointer_that_cannot_be_followed_fails_the_check(
    check: Check, own_desk: Settings
) -> None:
    (own_desk.data.snapshots / "live").write_text("nonsense\n")
    result = check()
    assert result.exit_code == 1
    assert "fault live generation: " in result.stdout


def test_a_generation_of_another_store_fails_the_check(
    check: Check, execute: Execute, own_desk: Settings, desk_store: ArticleStore
) -> None:
    execute("UPDATE store_facts SET value = 'another' WHERE name = 'epoch'")
    assert "built from another store" in check().stdout
    facts = facts_of(own_desk, desk_store)
    assert (facts.generations[0].same_store, facts.compared) == (False, False)


def test_a_store_put_back_from_a_backup_fails_the_check(check: Check, execute: Execute) -> None:
    last = "SELECT max(number) FROM changes WHERE kind <> 'published'"
    execute(f"UPDATE changes SET at = '2020-01-01' WHERE number = ({last})")  # noqa: S608
    result = check()
    assert result.exit_code == 1
    assert "its last change is not in the store's log" in result.stdout


def test_texts_read_by_another_release_fail_the_check(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.operations.check.ANALYZER_VERSION", "the next release's")
    result = check()
    assert result.exit_code == 1
    assert "another release analyzed its texts; run: read-also rebuild" in result.stdout


def test_a_damaged_database_fails_the_check_and_generations_are_still_checked(
    check: Check, own_desk: Settings, desk_store: ArticleStore
) -> None:
    with desk_store.engine.begin() as connection:
        root = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_articles_touched'"
        page = connection.exec_driver_sql(root).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    desk_store.close()
    with (own_desk.data_dir / "read-also.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    result = check()
    assert result.exit_code == 1
    assert "fault store: the database is damaged; restore a backup" in result.stdout


def test_a_source_equal_to_the_import_agrees(
    check: Check, tmp_path: Path, desk_documents: dict[str, Any]
) -> None:
    source = write_file(tmp_path / "a.jsonl", *desk_documents.values())
    assert check("--against", str(source)).exit_code == 0


def test_drift_against_a_source_is_found_both_ways(
    check: Check,
    own_desk: Settings,
    desk_store: ArticleStore,
    tmp_path: Path,
    desk_documents: dict[str, Any],
) -> None:
    given = dict(desk_documents)
    del given["harbour-1"]
    given["harbour-2"] = given["harbour-2"] | {"body": "Other words."}
    given["harbour-4"] = given["harbour-4"] | {"status": "withheld"}
    twice = given["harbour-5"] | {"title": "An older version"}
    source = write_file(
        tmp_path / "a.jsonl", twice, *given.values(), {"id": "new", "title": "New"}, '{"id": "b"'
    )
    facts = facts_of(own_desk, desk_store, source)
    assert facts.flaws == {
        Flaw.UNSOURCED: Examples(1, ("harbour-1",)),
        Flaw.OTHER_TEXT: Examples(1, ("harbour-2",)),
        Flaw.OTHER_FIELDS: Examples(1, ("harbour-4",)),
        Flaw.UNSTORED: Examples(1, ("new",)),
    }
    assert facts.bad_records is not None
    assert facts.bad_records.count == 1
    assert facts.bad_records.shown[0].startswith(f"{source}:{len(given) + 3}: ")
    assert check("--against", str(source)).exit_code == 1


def test_findings_count_all_articles_and_name_ten(
    own_desk: Settings, desk_store: ArticleStore, tmp_path: Path, desk_documents: dict[str, Any]
) -> None:
    found = facts_of(own_desk, desk_store, write_file(tmp_path / "none.jsonl")).flaws
    assert found[Flaw.UNSOURCED] == Examples(
        len(desk_documents), tuple(sorted(desk_documents)[:10])
    )


def test_the_backlog_counts_what_the_live_generation_does_not_know(
    own_desk: Settings,
    desk_store: ArticleStore,
    execute: Execute,
    make_story: Callable[..., dict[str, Any]],
    desk_documents: dict[str, Any],
) -> None:
    origin = Origin.of(Catalog(own_desk.data.snapshots).open_live().manifest)
    position, epoch = origin.point, origin.epoch
    published = position.number + 1
    nothing = Backlog(QueueLength(0, 0, 0), drift=0, change=published)
    assert desk_store.backlog(position, epoch) == nothing
    write(desk_store, make_story("new-1"), make_story("new-2"))
    desk_store.delete("harbour-1")
    execute("UPDATE pending SET attempts = 3 WHERE article_id = 'new-1'")
    queue, change = QueueLength(0, 1, 1), published + 3
    assert desk_store.backlog(position, epoch) == Backlog(queue, drift=3, change=change)
    everything = Backlog(queue, drift=len(desk_documents) + 2, change=change)
    assert desk_store.backlog(LOG_START, "") == everything
    execute("UPDATE store_facts SET value = 'another' WHERE name = 'epoch'")
    assert desk_store.backlog(position, epoch) == everything


def test_a_store_on_any_database_can_be_checked(
    store_of_desk: ArticleStore, own_desk: Settings, desk_documents: dict[str, Any]
) -> None:
    """The text read last is in use as long as a newer one waits."""
    shutil.rmtree(own_desk.data.snapshots)
    rebuild(store_of_desk, Catalog(own_desk.data.snapshots), fake_reader())
    assert facts_of(own_desk, store_of_desk).flaws == {}
    write(store_of_desk, {"id": "new", "title": "New"})
    write(store_of_desk, desk_documents["harbour-2"] | {"title": "Edited"})
    store_of_desk.delete("harbour-1")
    facts = facts_of(own_desk, store_of_desk)
    assert facts.flaws == {Flaw.QUEUED: Examples(2, ("harbour-2", "new"))}
    assert (facts.compared, facts.unused_texts, facts.damage) == (True, 1, ())


@pytest.fixture
def store_of_desk(address: str, desk_documents: dict[str, Any]) -> Iterator[ArticleStore]:
    """The desk's articles on every database there is."""
    with closing(open_store(address)) as opened:
        write(opened, *desk_documents.values())
        yield opened
