"""`read-also adapt`: a model is tuned on an archive, and kept only if it wins."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from recommender.analysis.embedding import find_model, tuning
from recommender.api import Override
from recommender.operations import adaptation
from recommender.operations.adaptation import gather_archive
from recommender.progress import silent
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.archives import Document, archive_settings, fill, run_command
from tests.support.tiny_models import WORDS, make_tiny_model

ARTICLES = 60


def paired_story(number: int, **fields: object) -> Document:
    """The title is a word, the body says its partner at the other end of the vocabulary often."""
    draw = Random(number)  # noqa: S311 - texts, not secrets
    at = number % (len(WORDS) // 2)
    noise = draw.sample(WORDS, 4)
    page = {"url": f"https://news.example/{number}", "language": "en"}
    spoken = [*[WORDS[-1 - at]] * 5, *noise]
    body = " ".join(draw.sample(spoken, len(spoken)))
    return {"id": f"story-{number}", "title": WORDS[at], "body": body, **page, **fields}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An archive of short stories, whose model has random weights."""
    monkeypatch.setattr(adaptation, "LEAST_ARTICLES", ARTICLES // 2)
    folder = make_tiny_model(tmp_path / "tiny", "bert")
    head = "language: [en, tg]\nweak_languages: [tg]\nlicense: mit\n"
    (folder / "README.md").write_text(f"---\n{head}---\n# tiny\n")
    settings = replace(archive_settings(tmp_path / "data"), model=str(folder))
    settings.data_dir.mkdir()
    fill(settings, [paired_story(number) for number in range(ARTICLES)])
    return settings


@pytest.mark.long
def test_a_model_that_wins_is_kept_as_a_folder_that_the_settings_can_name(
    archive: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tiny model hardly wins. So the verdict, which has tests of its own, is given here."""
    monkeypatch.setattr(adaptation, "judge_tuning", lambda _: None)
    monkeypatch.setattr(tuning, "LEARNING_RATE", 0.01)
    done = run_command(archive, "adapt")
    assert done.exit_code == 0, done.output
    [folder] = archive.data.models.glob("adapted-*")
    assert f"READ_ALSO_MODEL={folder}\n" in done.stdout
    base, tuned = (find_model(name, archive.data_dir) for name in (archive.model, str(folder)))
    assert tuned.fingerprint != base.fingerprint
    assert tuned.languages == frozenset({"en", "tg"})
    assert tuned.weak_languages == frozenset({"tg"})
    card = (folder / "README.md").read_text()
    assert base.fingerprint in card
    assert "license: mit\n" in card
    assert str(archive.data_dir) not in card
    assert [path.name for path in archive.data.models.iterdir() if path != folder] == [
        ".adapting.lock"
    ]
    rebuilt = run_command(replace(archive, model=str(folder)), "rebuild")
    assert f"{ARTICLES} embedded" in rebuilt.stdout


def test_a_model_that_does_not_win_is_not_kept(archive: Settings) -> None:
    done = run_command(archive, "adapt", "--minutes", "1")
    assert done.exit_code == 0, done.output
    assert "not kept, nothing changes: it does not find the own body" in done.stdout
    assert [path.name for path in archive.data.models.iterdir()] == [".adapting.lock"]


def test_an_interruption_leaves_no_half_made_model(
    archive: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(adaptation, "judge_tuning", interrupt)
    assert run_command(archive, "adapt").exit_code == 130
    names = {path.name for path in archive.data.models.iterdir()}
    assert names == {".adapting.lock", ".adapting"}
    monkeypatch.undo()
    monkeypatch.setattr(adaptation, "LEAST_ARTICLES", ARTICLES // 2)
    assert run_command(archive, "adapt").exit_code == 0


def test_a_small_archive_is_refused(archive: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "LEAST_ARTICLES", ARTICLES + 1)
    done = run_command(archive, "adapt")
    assert done.exit_code == 65
    assert f"only {ARTICLES} articles" in done.stderr


def test_only_articles_that_can_teach_are_taken_with_their_links_and_pins(
    archive: Settings,
) -> None:
    first = paired_story(0)
    linking = {"body": None, "body_html": f'<p>{first["body"]}</p><a href="/3">x</a>'}
    fill(
        archive,
        [
            paired_story(0, **linking),
            paired_story(90, id="reprint", title=first["title"], body=first["body"]),
            paired_story(91, id="russian", language="ru"),
            paired_story(92, id="untitled", title=""),
            paired_story(93, id="empty", body=""),
        ],
    )
    model = find_model(archive.model, archive.data_dir)
    with closing(open_store(archive.database_url)) as store:
        store.overrides.put("story-5", "pins", (Override(id="story-6"),), "me")
        found = gather_archive(store, model, silent)
    parts = found.parts
    ids = [one.id for part in (parts.tests, parts.checks, parts.training) for one in part]
    assert len(ids) == ARTICLES
    assert {*ids} - {f"story-{number}" for number in range(1, ARTICLES)} <= {"story-0", "reprint"}
    assert found.related == {"story-0": ["story-3"], "story-5": ["story-6"]}


@pytest.mark.long
def test_the_bundled_model_is_tuned_on_the_sample(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "LEAST_ARTICLES", 50)
    monkeypatch.setattr(adaptation, "PASSES", 1)
    settings = archive_settings(tmp_path)
    lines = (sample / "articles.jsonl").read_text("utf-8").splitlines()
    fill(settings, [json.loads(line) for line in lines if line.strip()])
    done = run_command(settings, "adapt", "--minutes", "10")
    assert done.exit_code == 0, done.output
    kept = list(settings.data.models.glob("adapted-*"))
    assert len(kept) == ("not kept" not in done.stdout)
    for folder in kept:
        assert find_model(str(folder), tmp_path).languages == frozenset({"en"})
