"""`read-also evaluate` over the sample's judgments, against measures worked out here."""

import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from recommender.cli import main
from recommender.settings import Settings

Qrels = dict[str, dict[str, int]]
PAIRS = [
    ("guiyang-smart-city", "gui-an-data-halls", "2.5"),
    ("guiyang-smart-city", "potato-chips-factory", "0.5"),
    ("rail-financing-signed", "rail-tunnel-flood", "3"),
    ("rail-financing-signed", "rail-financing-signed", "4"),
    ("ru-arpa-gruzy", "zh-arpa-suidao", "1"),
]


@dataclass(frozen=True)
class Evaluated:
    """One run of the command, and the files it wrote."""

    result: Result
    run: list[list[str]]
    scores: list[list[str]]
    report: str

    def line(self, name: str) -> str:
        """The first printed line that begins so."""
        return next(s for s in self.result.stdout.splitlines() if s.startswith(f"{name} "))

    def row(self, name: str) -> dict[str, float]:
        """One printed row of measures."""
        line = self.line(name)
        return {m: float(v) for m, v in re.findall(r"([A-Za-z@0-9]+) (-?\d\.\d{4})", line[9:])}

    def lists(self) -> dict[str, list[str]]:
        """The relevance run: by seed the ids in order."""
        found: dict[str, list[str]] = {}
        for seed, _, other, *_ in self.run:
            found.setdefault(seed, []).append(other)
        return found


@pytest.fixture(scope="module")
def qrels(sample: Path) -> Qrels:
    judged: Qrels = {}
    for line in (sample / "qrels.txt").read_text("utf-8").splitlines():
        seed, _, other, gain = line.split()
        judged.setdefault(seed, {})[other] = int(gain)
    return judged


@pytest.fixture(scope="module")
def vectors(sample_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that knows the sample's vectors already, from the store that they were made in."""
    folder = tmp_path_factory.mktemp("cache")
    shutil.copy(sample_settings.data_dir / "read-also.db", folder / "evaluation.db")
    return folder


@pytest.fixture(scope="module")
def evaluate(vectors: Path) -> Callable[..., Result]:
    def invoke(folder: Path, *options: str | Path) -> Result:
        arguments = ["evaluate", str(folder), "--cache", str(vectors), *map(str, options)]
        return CliRunner().invoke(main, arguments)

    return invoke


@pytest.fixture(scope="module")
def evaluated(
    sample: Path, evaluate: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory
) -> Evaluated:
    """The sample, with a few pairs in addition to its judgments."""
    folder = tmp_path_factory.mktemp("evaluated")
    for name in ("articles.jsonl", "qrels.txt"):
        shutil.copy(sample / name, folder)
    (folder / "pairs.tsv").write_text("".join("\t".join(pair) + "\n" for pair in PAIRS), "utf-8")
    files = ("--run", folder / "run.txt", "--scores", folder / "scores.tsv")
    result = evaluate(folder, *files, "--report", folder / "report.html")
    assert result.exit_code == 0, result.output
    return Evaluated(
        result,
        [line.split(" ") for line in (folder / "run.txt").read_text("utf-8").splitlines()],
        [line.split("\t") for line in (folder / "scores.tsv").read_text("utf-8").splitlines()],
        (folder / "report.html").read_text("utf-8"),
    )


def ndcg(gains: list[int], judged: list[int], depth: int) -> float:
    """Järvelin and Kekäläinen's, with the gain as it is and the logarithm of the rank plus one."""

    def dcg(values: list[int]) -> float:
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(values[:depth], 1))

    return dcg(gains) / dcg(sorted(judged, reverse=True))


@pytest.mark.long
def test_evaluate_prints_what_it_measured_on(evaluated: Evaluated, qrels: Qrels) -> None:
    queries = [seed for seed, judged in qrels.items() if max(judged.values()) > 0]
    first = evaluated.result.stdout.splitlines()[0]
    assert first.endswith(f": 137 articles, {len(queries)} queries, 5 pairs")


def test_evaluate_prints_a_row_for_relevance_and_one_for_served_lists(evaluated: Evaluated) -> None:
    for name in ("relevance", "served"):
        row = evaluated.row(name)
        assert list(row) == ["nDCG@5", "nDCG@10", "P@1", "RR", "R@10", "R@100"]
        assert all(0 <= value <= 1 for value in row.values())
    assert list(evaluated.row("pairs")) == ["Pearson", "Spearman", "AUC"]


def test_every_measure_has_its_interval_around_it(evaluated: Evaluated) -> None:
    names = ("relevance", "served", "latest", "tags", "bm25", "dense", "pairs")
    for name in names:
        found = re.findall(r"(\d\.\d{4}) \[(-?\d\.\d{4}), (\d\.\d{4})\]", evaluated.line(name))
        assert len(found) == (3 if name == "pairs" else 6)
        assert all(float(low) <= float(value) <= float(high) for value, low, high in found)


def test_relevance_is_compared_with_the_baselines(evaluated: Evaluated) -> None:
    relevance = evaluated.row("relevance")["nDCG@5"]
    for name in ("served", "latest", "tags", "bm25", "dense"):
        ahead = float(evaluated.line(f"of {name}").split()[2])
        assert ahead == pytest.approx(relevance - evaluated.row(name)["nDCG@5"], abs=1.1e-4)
    assert evaluated.row("latest")["nDCG@5"] < relevance


def test_served_lists_have_no_duplicates_and_reach_many_articles(evaluated: Evaluated) -> None:
    lines = evaluated.result.stdout.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("beyond accuracy"))
    names = lines[start + 1].split()
    served = dict(zip(names, map(float, lines[start + 2].split()[1:]), strict=True))
    assert names == ["likeness", "coverage", "short", "age", "repeats", "reach"]
    assert served["repeats"] == 0
    assert served["coverage"] > 0.9


def test_a_report_shows_lists_and_pairs(evaluated: Evaluated) -> None:
    assert evaluated.report.count("<table>") == 4
    assert evaluated.report.count("<svg") == 4
    assert evaluated.report.count("<article>") == 20
    shown = f"{evaluated.row('relevance')['nDCG@5']:.4f}<small>"
    assert f'<th scope="row">relevance</th><td>{shown}' in evaluated.report


def test_the_run_is_trec_with_values_that_descend(evaluated: Evaluated, qrels: Qrels) -> None:
    assert all(len(line) == 6 for line in evaluated.run)
    assert {(line[1], line[5]) for line in evaluated.run} == {("Q0", "read-also")}
    by_seed: dict[str, list[tuple[int, float, str]]] = {}
    for seed, _, other, rank, value, _ in evaluated.run:
        by_seed.setdefault(seed, []).append((int(rank), float(value), other))
    assert set(by_seed) == {seed for seed, judged in qrels.items() if max(judged.values()) > 0}
    for seed, lines in by_seed.items():
        assert [rank for rank, _, _ in lines] == list(range(1, len(lines) + 1))
        assert len(lines) <= 100
        values = [value for _, value, _ in lines]
        assert values == sorted(values, reverse=True)
        assert seed not in {other for _, _, other in lines}


def test_measures_are_those_worked_out_by_hand(evaluated: Evaluated, qrels: Qrels) -> None:
    by_hand: dict[str, list[float]] = {name: [] for name in ("nDCG@5", "nDCG@10", "RR", "R@10")}
    for seed, listed in evaluated.lists().items():
        gains = [qrels[seed].get(other, 0) for other in listed]
        judged = list(qrels[seed].values())
        by_hand["nDCG@5"].append(ndcg(gains, judged, 5))
        by_hand["nDCG@10"].append(ndcg(gains, judged, 10))
        by_hand["RR"].append(next((1 / rank for rank, gain in enumerate(gains, 1) if gain > 0), 0))
        good = sum(gain > 0 for gain in judged)
        by_hand["R@10"].append(sum(gain > 0 for gain in gains[:10]) / good)
    row = evaluated.row("relevance")
    for name, values in by_hand.items():
        assert row[name] == pytest.approx(np.mean(values), abs=1e-4), name


def test_served_lists_lose_little_relevance(evaluated: Evaluated) -> None:
    lost = evaluated.row("relevance")["nDCG@5"] - evaluated.row("served")["nDCG@5"]
    assert lost <= 0.015


def test_the_score_of_each_pair_is_written_in_order(evaluated: Evaluated) -> None:
    assert [line[:2] for line in evaluated.scores] == [list(pair[:2]) for pair in PAIRS]
    values = [float(line[2]) for line in evaluated.scores]
    assert all(0 <= value <= 1 for value in values)
    assert values[3] == pytest.approx(1, abs=1e-3)
    assert values[0] > values[1]


def test_correlation_is_the_one_of_numpy(evaluated: Evaluated) -> None:
    human = [float(pair[2]) for pair in PAIRS]
    ours = [float(line[2]) for line in evaluated.scores]
    expected = np.corrcoef(human, ours)[0, 1]
    assert evaluated.row("pairs")["Pearson"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.long
def test_queries_and_pool_narrow_seeds_and_candidates(
    sample: Path, evaluate: Callable[..., Result], tmp_path: Path
) -> None:
    queries, pool, run = tmp_path / "q.txt", tmp_path / "p.txt", tmp_path / "run.txt"
    queries.write_text("guiyang-smart-city\n", "utf-8")
    pool.write_text("gui-an-data-halls\nguiyang-sour-fish\n", "utf-8")
    result = evaluate(sample, "--queries", queries, "--pool", pool, "--run", run)
    assert result.exit_code == 0, result.output
    found = [line.split()[:3] for line in run.read_text("utf-8").splitlines()]
    assert {line[0] for line in found} == {"guiyang-smart-city"}
    assert {line[2] for line in found} <= {"gui-an-data-halls", "guiyang-sour-fish"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("qrels.txt", "a 0 b\n", "qrels.txt:1: 3 columns, expected 4"),
        ("qrels.txt", "\na 0 b high\n", "qrels.txt:2: 'high' is not a number"),
        ("qrels.txt", "a 0 b nan\n", "qrels.txt:1: 'nan' is not a number"),
        ("qrels.txt", "nobody 0 a 1\n", "judged but not in articles.jsonl: nobody"),
        ("qrels.txt", "a 0 b 0\n", "no qrels.txt or pairs.tsv with anything to measure"),
        ("pairs.tsv", "a b 1\n", "pairs.tsv:1: 1 columns, expected 3"),
        ("pairs.tsv", "a\tb\tinf\n", "pairs.tsv:1: 'inf' is not a number"),
        ("qrels.txt", "", "no qrels.txt or pairs.tsv with anything to measure"),
        ("articles.jsonl", "{}\n", "articles.jsonl:1: "),
    ],
)
def test_bad_judgments_are_65_and_named_by_line(
    evaluate: Callable[..., Result], tmp_path: Path, name: str, content: str, said: str
) -> None:
    lines = '{"id": "a", "title": "A"}\n{"id": "b", "title": "B"}\n'
    (tmp_path / "articles.jsonl").write_text(lines, "utf-8")
    (tmp_path / name).write_text(content, "utf-8")
    result = evaluate(tmp_path)
    assert result.exit_code == 65
    assert said in result.stderr
