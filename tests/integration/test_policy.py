"""`read-also policy`: what an operator sets, sees, and is refused."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from index import Catalog
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.indexing.gate import GateCandidate
from recommender.indexing.rebuild import Rebuilt
from recommender.ranking.policy import Policy, parse_policy
from recommender.ranking.vector_share import USUAL_SHARE
from recommender.settings import Settings
from recommender.store import ArticleStore
from tests.support.archives import after_announcement, run_command

Run = Callable[..., Result]
Rebuild = Callable[..., Rebuilt]
SEED = "harbour-2"
PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")


@pytest.fixture
def run(own_desk: Settings) -> Run:
    """Runs a command over the desk: `run("policy", "show")`."""
    return partial(run_command, own_desk)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str | bytes], str]:
    """Writes a policy to a file; the file's path."""
    path = tmp_path / "policy.json"

    def write(document: str | bytes) -> str:
        path.write_bytes(document if isinstance(document, bytes) else document.encode())
        return str(path)

    return write


File = Callable[[str | bytes], str]


def shown(run: Run, *options: str) -> dict[str, Any]:
    result = run("policy", "show", *options)
    assert (result.exit_code, after_announcement(result.stderr)) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_at_first_the_defaults_are_shown(run: Run) -> None:
    assert shown(run) == {
        "version": 0,
        "change": 0,
        "set_at": None,
        "policy": Policy().to_document(full=True),
        "differs": {},
        "measured": {  # the titles of the desk are drawn
            "en": {
                "reports": {
                    "share": USUAL_SHARE,
                    "measured": None,
                    "titles": 33,
                    "meaning": "33 titles were compared with their bodies and did not find their "
                    "own, so vectors count 0.55, words 0.45, as usual",
                }
            }
        },
    }
    assert shown(run, "--differences") == {}


def test_the_policy_that_was_set_is_shown_with_the_defaults(
    run: Run, file: File, desk_store: ArticleStore
) -> None:
    change = desk_store.state().change + 1
    document = {"threshold": 0.25, "half_lives": {"спорт": 7}, "diversity": Policy().diversity}
    result = run("policy", "set", file(json.dumps(document)))
    assert result.stdout == f"created: policy version 1, change {change}\n"
    found = shown(run)
    assert (found["version"], found["change"]) == (1, change)
    assert datetime.fromisoformat(found["set_at"]).utcoffset() == timedelta(0)
    assert found["policy"] == Policy().to_document(full=True) | document
    assert found["differs"] == {
        "threshold": {"value": 0.25, "default": Policy().threshold},
        "half_lives": {"value": {"спорт": 7.0}, "default": {}},
    }
    assert "спорт" in run("policy", "show").stdout


def test_the_shown_policy_can_be_set_again(run: Run, file: File) -> None:
    run("policy", "set", file('{"threshold": 0.25, "half_lives": {"city": 7}, "untitled": true}'))
    differences = run("policy", "show", "--differences").stdout
    run("policy", "set", file("{}"))
    assert run("policy", "set", file(differences)).stdout.startswith("created: policy version 3,")
    assert run("policy", "show", "--differences").stdout == differences


def test_the_same_policy_makes_no_new_version(
    run: Run, file: File, desk_store: ArticleStore
) -> None:
    assert run("policy", "set", file("{}")).stdout == "unchanged: policy version 0, change 0\n"
    run("policy", "set", file('{"threshold": 0.5, "diversity": 0}'))
    state = desk_store.state()
    result = run("policy", "set", file(' {"diversity": 0.0,\n"threshold": 0.5} '))
    assert result.stdout == f"unchanged: policy version 1, change {state.change}\n"
    assert desk_store.state() == state
    back = run("policy", "set", file("{}"))
    assert back.stdout == f"created: policy version 2, change {state.change + 1}\n"
    assert shown(run)["policy"] == Policy().to_document(full=True)
    assert [one.document for one in desk_store.policies.history()] == [
        "{}",
        '{"diversity": 0.0, "threshold": 0.5}',
    ]


def test_the_examples_of_the_docs_can_be_set(
    run: Run, file: File, desk_store: ArticleStore
) -> None:
    """Each is set in place of the one before, so the rules of that one are removed."""
    examples = re.findall(r"<!-- policy: ([^>]+) -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 3
    names: list[str] = []
    for at, (_, document) in enumerate(examples, 1):
        result = run("policy", "set", file(document))
        assert result.stdout.startswith(f"created: policy version {at}, change ")
        rules = shown(run, "--differences")["rules"]
        assert [rule["name"] for rule in rules] == [
            rule.name for rule in parse_policy(document).rules
        ]
        new = [rule["name"] for rule in rules]
        logged = [(one.action, one.subject) for one in desk_store.audit_log.entries()]
        added = len(names) + len(new) + 1
        removed = [("rule.remove", name) for name in names]
        assert logged[-added:] == [("policy.set", ""), *removed, *[("rule.set", n) for n in new]]
        names = new


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('{"threshold": 2}', "/threshold: Input should be less than or equal to 1"),
        ('{"thresold": 0.2}', "/thresold: unknown; did you mean 'threshold'?"),
        (b"\xff", "/: is not UTF-8 at byte 0"),
    ],
)
def test_a_bad_policy_is_refused_with_file_and_field_and_nothing_is_set(
    run: Run, file: File, desk_store: ArticleStore, document: str | bytes, said: str
) -> None:
    before, path = desk_store.state(), file(document)
    result = run("policy", "set", path)
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr == f"read-also: {path}: the policy is not acceptable; {said}\n"
    assert (desk_store.state(), desk_store.policies.history()) == (before, ())


def test_a_missing_file_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("policy", "set", str(tmp_path / "none.json")).exit_code == 2
    assert run("policy", "set").exit_code == 2


def test_a_policy_that_cannot_be_read_is_reported_with_the_active_one(
    run: Run, file: File, desk_store: ArticleStore
) -> None:
    run("policy", "set", file('{"threshold": 0.25}'))
    desk_store.policies.put('{"of a newer program": 1}')
    result = run("policy", "show")
    assert result.exit_code == 0
    assert after_announcement(result.stderr) == (
        "not active: version 2 cannot be read: the policy is not acceptable; "
        "/of a newer program: unknown\n"
    )
    assert json.loads(result.stdout)["version"] == 1
    assert run("policy", "set", file('{"threshold": 0.25}')).stdout.startswith("created")
    assert shown(run)["version"] == 3


def test_the_list_in_the_terminal_is_made_by_the_policy(
    run: Run, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch, fake_model: Model
) -> None:
    monkeypatch.setattr("recommender.indexing.archive_model.find_model", lambda *_: fake_model)
    policy = Policy(threshold=0.3, dense_weight=0.3, passage_weight=0.25)
    desk_store.policies.set(policy)
    before = json.loads(run("related", SEED, "--json", "-n", "20").stdout)["items"]
    assert {item["reason"] for item in before} > {"semantic"}
    desk_store.policies.set(replace(policy, fallback=False))
    after = json.loads(run("related", SEED, "--json", "-n", "20").stdout)["items"]
    assert after == [item for item in before if item["reason"] == "semantic"]


def test_the_gate_judges_by_the_policy(
    own_desk: Settings,
    desk_store: ArticleStore,
    rebuild_with_fake: Rebuild,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged: list[GateCandidate] = []

    def note(*candidates: Any, **_: Any) -> None:
        judged.extend(candidates[:2])

    monkeypatch.setattr("recommender.indexing.rebuild.admit", note)
    rebuild_with_fake(own_desk)
    desk_store.policies.set(Policy(threshold=1.0, words_threshold=1.0, fallback=False))
    rebuild_with_fake(own_desk)
    lengths = [len(one.list_for(SEED)) for one in judged]
    assert lengths[:2] == [12, 12]
    assert lengths[2:] == [0, 0]


def test_a_policy_that_lists_little_does_not_fail_the_gate(
    own_desk: Settings, desk_store: ArticleStore, rebuild_with_fake: Rebuild
) -> None:
    desk_store.policies.set(Policy(threshold=1.0, words_threshold=1.0, fallback=False))
    desk_store.put(Article(id="x", title="One more"))
    built = rebuild_with_fake(own_desk)
    assert Catalog(own_desk.data.snapshots).live() == built.generation
    assert built.change == desk_store.state().change - 1  # the last is that it was published


def test_export_and_check_know_of_no_policy_and_a_backup_keeps_it(
    run: Run, desk_store: ArticleStore, tmp_path: Path
) -> None:
    desk_store.policies.set(Policy(threshold=0.25))
    desk_store.policies.set(Policy(threshold=0.5))
    assert run("export", str(tmp_path / "out.jsonl")).exit_code == 0
    with desk_store.scan() as view:
        stored = [one.article.id for one in view]
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == stored
    checked = run("check")
    assert checked.stdout.startswith("all is well")
    assert run("backup", str(tmp_path / "copy.db")).exit_code == 0
    desk_store.policies.set(Policy())
    desk_store.close()
    assert run("restore", str(tmp_path / "copy.db"), "--yes").exit_code == 0
    found = shown(run)
    assert (found["version"], found["policy"]["threshold"]) == (2, 0.5)


def test_erasing_an_article_leaves_the_policy(
    run: Run, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch, fake_model: Model
) -> None:
    monkeypatch.setattr("recommender.cli.maintenance.model_in_use", lambda *_: fake_model)
    desk_store.policies.set(Policy(half_lives={"harbour-4": 7.0}))
    kept = desk_store.policies.history()
    assert run("erase", "harbour-4", "--yes").exit_code == 0
    assert desk_store.policies.history() == kept
    desk_store.policies.set(Policy())
    assert len(desk_store.policies.history()) == 2
