"""Reads articles with human judgments from a folder."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recommender.articles import Article
from recommender.errors import BadSource
from recommender.sources import read_jsonl

__all__ = ["Dataset", "Pair", "Qrels", "read_dataset"]

Qrels = dict[str, dict[str, int]]
"""By seed id, the gain of each judged article: 0 is not related."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two articles and how similar people found them."""

    a: str
    b: str
    human: float


@dataclass(frozen=True, slots=True)
class Dataset:
    """Articles and judgments. `pool` holds the ids that lists may show; None means all."""

    articles: tuple[Article, ...]
    distractors: tuple[Article, ...]
    qrels: Qrels
    pairs: tuple[Pair, ...]
    pool: frozenset[str] | None

    @property
    def queries(self) -> tuple[str, ...]:
        """The seeds with a relevant article in the pool, ascending."""
        return tuple(
            sorted(seed for seed in self.qrels if max(self.judged(seed).values(), default=0) > 0)
        )

    def judged(self, seed: str) -> dict[str, int]:
        """The judgments of a seed that count: of articles in the pool other than the seed."""
        pool = self.pool
        return {
            other: gain
            for other, gain in self.qrels[seed].items()
            if other != seed and (pool is None or other in pool)
        }


def read_dataset(
    folder: Path,
    *,
    qrels: Path | None = None,
    queries: Path | None = None,
    pool: Path | None = None,
    distractors: Path | None = None,
) -> Dataset:
    """Read `articles.jsonl` with `qrels.txt` and/or `pairs.tsv`, `queries.txt`, `pool.txt`.

    A file that is given here is read instead of the one in the folder.

    Raises:
        BadSource: a file is missing or malformed; the message names the file and the line.
    """
    judgments = _read_qrels(qrels or _if_there(folder, "qrels.txt"))
    wanted = _read_ids(queries or _if_there(folder, "queries.txt"))
    if wanted is not None:
        judgments = {seed: gains for seed, gains in judgments.items() if seed in wanted}
    dataset = Dataset(
        articles=tuple(_articles(folder / "articles.jsonl")),
        distractors=tuple(_articles(distractors)) if distractors else (),
        qrels=judgments,
        pairs=tuple(_read_pairs(_if_there(folder, "pairs.tsv"))),
        pool=_read_ids(pool or _if_there(folder, "pool.txt")),
    )
    _check(dataset, folder)
    return dataset


def _check(dataset: Dataset, folder: Path) -> None:
    known = {article.id for article in dataset.articles}
    named = set(dataset.qrels) | {id_ for pair in dataset.pairs for id_ in (pair.a, pair.b)}
    if missing := sorted(named - known):
        raise BadSource(f"{folder}: judged but not in articles.jsonl: {', '.join(missing[:5])}")
    if not dataset.queries and not dataset.pairs:
        raise BadSource(f"{folder}: no qrels.txt or pairs.tsv with anything to measure")
    if both := sorted(known & {article.id for article in dataset.distractors}):
        raise BadSource(f"{folder}: distractors repeat ids: {', '.join(both[:5])}")


def _if_there(folder: Path, name: str) -> Path | None:
    path = folder / name
    return path if path.exists() else None


def _articles(path: Path) -> Iterator[Article]:
    for record in read_jsonl(path):
        if not isinstance(record.content, Article):
            raise BadSource(f"{record.place}: {record.content}")
        yield record.content


def _rows(
    path: Path | None, split: Callable[[str], list[str]], columns: int
) -> Iterator[list[str]]:
    if path is None:
        return
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSource(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            fields = split(line)
            if len(fields) != columns:
                raise BadSource(f"{path}:{number}: {len(fields)} columns, expected {columns}")
            yield [f"{path}:{number}", *fields]


def _read_qrels(path: Path | None) -> Qrels:
    qrels: Qrels = {}
    for place, seed, _, other, gain in _rows(path, str.split, 4):
        qrels.setdefault(seed, {})[other] = _whole(gain, place)
    return qrels


def _read_pairs(path: Path | None) -> Iterator[Pair]:
    for place, a, b, human in _rows(path, lambda line: line.split("\t"), 3):
        yield Pair(a, b, _number(human, place))


def _read_ids(path: Path | None) -> frozenset[str] | None:
    return None if path is None else frozenset(row[1] for row in _rows(path, str.split, 1))


def _whole(text: str, place: str) -> int:
    value = _number(text, place)
    if value != int(value):
        raise BadSource(f"{place}: {text!r} is not a whole gain")
    return int(value)


def _number(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadSource(f"{place}: {text!r} is not a number")
    return value
