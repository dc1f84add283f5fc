"""The findings of a check, decided on plain values."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recommender.articles import Article, parse_article
from recommender.operations.check_findings import (
    Examples,
    Facts,
    Finding,
    Flaw,
    GenerationFacts,
    Level,
    SourceEntry,
    compare_with_snapshot,
    compare_with_source,
    find_flaws,
    judge,
)
from recommender.store import ArticleStatus

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
JUST_NOW = NOW - timedelta(minutes=59)
LONG_AGO = NOW - timedelta(hours=1)
BUILT_AT = 10


def article(**fields: object) -> Article:
    return parse_article(json.dumps({"id": "a", "title": "T", "body": "B"} | fields))


SOUND = ArticleStatus(
    id="a",
    change=7,
    touched=8,
    deleted=False,
    has_document=True,
    outline=article().to_outline(),
    text_hash=article().text_hash,
    read_hash=article().text_hash,
    is_queued=False,
    is_dead_letter=False,
    queued_at=None,
    has_terms=True,
    has_vector=True,
)
UNREAD = replace(SOUND, read_hash=None, has_terms=False, has_vector=False)
WAITING = replace(UNREAD, is_queued=True, queued_at=JUST_NOW)
TOMBSTONE = replace(UNREAD, deleted=True, has_document=False, outline=None, text_hash=None)


@pytest.mark.parametrize(
    ("status", "flaws"),
    [
        (SOUND, set()),
        (TOMBSTONE, set()),
        (WAITING, {Flaw.QUEUED}),
        (replace(SOUND, text_hash="0", is_queued=True, queued_at=JUST_NOW), {Flaw.QUEUED}),
        (replace(WAITING, queued_at=LONG_AGO), {Flaw.LATE}),
        (replace(WAITING, queued_at=None), {Flaw.QUEUED}),
        (replace(WAITING, is_dead_letter=True, queued_at=LONG_AGO), {Flaw.DEAD_LETTER}),
        (UNREAD, {Flaw.FORGOTTEN}),
        (replace(SOUND, text_hash="0"), {Flaw.FORGOTTEN}),
        (replace(SOUND, has_terms=False), {Flaw.TERMS_MISSING}),
        (replace(SOUND, has_vector=False), {Flaw.UNEMBEDDED}),
        (replace(SOUND, has_terms=False, has_vector=False), {Flaw.TERMS_MISSING, Flaw.UNEMBEDDED}),
        (replace(TOMBSTONE, has_document=True), {Flaw.HALF_DELETED}),
        (replace(SOUND, has_document=False), {Flaw.HALF_DELETED}),
    ],
)
def test_an_article_is_sound_if_it_is_whole_and_read_or_waits(
    status: ArticleStatus, flaws: set[Flaw]
) -> None:
    assert set(find_flaws(status, NOW, has_live=True)) == flaws


@pytest.mark.parametrize(
    ("log_begins", "flaw"), [(JUST_NOW, Flaw.QUEUED), (LONG_AGO, Flaw.LATE), (None, Flaw.QUEUED)]
)
def test_a_text_whose_log_entry_was_trimmed_is_late_once_the_oldest_kept_entry_is(
    log_begins: datetime | None, flaw: Flaw
) -> None:
    trimmed = replace(WAITING, queued_at=None)
    assert list(find_flaws(trimmed, NOW, has_live=True, log_begins=log_begins)) == [flaw]
    known = replace(WAITING, queued_at=JUST_NOW)
    assert list(find_flaws(known, NOW, has_live=True, log_begins=log_begins)) == [Flaw.QUEUED]


def test_without_a_live_generation_no_vector_is_wanted() -> None:
    assert list(find_flaws(replace(SOUND, has_vector=False), NOW, has_live=False)) == []


@pytest.mark.parametrize(
    ("status", "change", "flaw"),
    [
        (SOUND, 7, None),
        (SOUND, 6, Flaw.STALE),
        (SOUND, 8, Flaw.STALE),
        (SOUND, None, Flaw.MISSING),
        (replace(SOUND, touched=10), None, Flaw.MISSING),
        (replace(SOUND, touched=11), None, None),
        (replace(SOUND, touched=11), 6, None),
        (WAITING, None, None),
        (TOMBSTONE, None, None),
        (TOMBSTONE, 6, Flaw.ORPHAN),
        (replace(TOMBSTONE, touched=11), 6, None),
        (None, 6, Flaw.ORPHAN),
    ],
)
def test_an_article_unchanged_since_the_build_must_be_in_the_generation(
    status: ArticleStatus | None, change: int | None, flaw: Flaw | None
) -> None:
    assert compare_with_snapshot(status, change, BUILT_AT) is flaw


@pytest.mark.parametrize(
    ("status", "given", "flaw"),
    [
        (SOUND, article(), None),
        (SOUND, article(body="C"), Flaw.OTHER_TEXT),
        (SOUND, article(summary="C"), Flaw.OTHER_TEXT),
        (SOUND, article(status="withheld"), Flaw.OTHER_FIELDS),
        (SOUND, None, Flaw.UNSOURCED),
        (None, article(), Flaw.UNSTORED),
        (TOMBSTONE, article(), Flaw.UNSTORED),
        (TOMBSTONE, None, None),
    ],
)
def test_store_and_source_agree_on_every_field_of_what_is_in_both(
    status: ArticleStatus | None, given: Article | None, flaw: Flaw | None
) -> None:
    assert compare_with_source(status, None if given is None else SourceEntry.of(given)) is flaw


@pytest.mark.parametrize(
    ("earlier", "later", "counts"),
    [(None, None, True), (1, 2, True), (2, 2, True), (2, 1, False), (2, None, True)],
)
def test_the_line_that_an_import_would_keep_counts_of_two_about_one_article(
    earlier: int | None, later: int | None, *, counts: bool
) -> None:
    lines = [SourceEntry.of(article(version=version)) for version in (earlier, later)]
    assert lines[0].is_replaced_by(lines[1]) is counts


FIRST, LIVE = GenerationFacts("g1"), GenerationFacts("g2")
GOOD = Facts(articles=3, live="g2", generations=(FIRST, LIVE), compared=True)


def older(**facts: Any) -> Facts:
    """A finding about the generation before the live one."""
    return replace(GOOD, generations=(replace(FIRST, **facts), LIVE))


def live(**facts: Any) -> Facts:
    return replace(GOOD, generations=(FIRST, replace(LIVE, **facts)))


def test_every_finding_about_an_intact_archive_is_ok() -> None:
    findings = judge(GOOD)
    assert {finding.level for finding in findings} == {Level.OK}
    named = [finding.check for finding in findings]
    assert named[:3] == ["store", "generation g1", "live generation g2"]
    assert {"missing", "orphan", "stale", "dead letter", "queued"} <= set(named)
    assert "unstored" not in named


def test_queued_articles_are_a_note_and_every_other_flaw_is_a_fault() -> None:
    everything = replace(
        GOOD, flaws={flaw: Examples(1, ("a",)) for flaw in Flaw}, bad_records=Examples()
    )
    levels = {f.check: f.level for f in judge(everything)}
    assert {flaw: levels[flaw] for flaw in Flaw} == {
        flaw: Level.NOTE if flaw is Flaw.QUEUED else Level.FAULT for flaw in Flaw
    }


@pytest.mark.parametrize(
    ("facts", "level", "check"),
    [
        (replace(GOOD, live=None), Level.NOTE, "live generation"),
        (replace(GOOD, live=None, pointer_fault="names g9"), Level.FAULT, "live generation"),
        (older(damage="altered"), Level.FAULT, "generation g1"),
        (older(damage="m; r", other_format="m"), Level.NOTE, "generation g1"),
        (live(damage="m; r", other_format="m"), Level.FAULT, "live generation g2"),
        (older(same_store=False), Level.NOTE, "generation g1"),
        (live(same_store=False, in_log=False), Level.FAULT, "live generation g2"),
        (older(in_log=False), Level.FAULT, "generation g1"),
        (older(same_analyzer=False), Level.NOTE, "generation g1"),
        (live(same_analyzer=False), Level.FAULT, "live generation g2"),
        (replace(GOOD, unused_texts=4), Level.NOTE, "unused features"),
        (replace(GOOD, outdated_rows=4), Level.NOTE, "outdated features"),
        (replace(GOOD, bad_records=Examples(1, ("f:3: no",))), Level.FAULT, "source"),
    ],
)
def test_faults_fail_a_check_and_notes_do_not(facts: Facts, level: Level, check: str) -> None:
    odd = [finding for finding in judge(facts) if finding.level is not Level.OK]
    assert [(finding.level, finding.check) for finding in odd] == [(level, check)]


def test_a_damaged_store_has_no_findings_about_articles() -> None:
    facts = Facts(damage=("row 3 missing from index x",), live="g1", generations=GOOD.generations)
    assert [str(finding) for finding in judge(facts)] == [
        "fault store: the database is damaged; restore a backup: row 3 missing from index x",
        "ok live generation g1: whole",
        "ok generation g2: whole",
    ]


def test_articles_are_not_said_to_agree_with_a_generation_they_were_not_compared_with() -> None:
    named = {finding.check for finding in judge(replace(GOOD, compared=False))}
    assert not named & {"missing", "orphan", "stale", "unembedded"}


def test_a_finding_counts_all_and_names_the_first_few() -> None:
    finding = Finding(Level.FAULT, "stale", "12 articles", Examples(12, ("a", "b")))
    assert str(finding) == "fault stale: 12 articles: a, b, ..."


def test_a_dead_letter_is_named_with_what_is_wrong_in_short() -> None:
    facts = replace(
        GOOD,
        flaws={Flaw.DEAD_LETTER: Examples(2, ("a", "b"))},
        reasons={"a": "Fault: " + "long " * 90},
    )
    line = next(str(f) for f in judge(facts) if f.check == "dead letter")
    assert line.startswith("fault dead letter: 2 articles could not be analyzed")
    assert "a (Fault: long long" in line
    assert line.endswith("...), b")
    assert len(line) < 300
