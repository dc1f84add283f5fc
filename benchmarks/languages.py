"""Measures eight languages: find the translation of a text, and the other half of a text."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.event_news import WORDS
from benchmarks.figures import HALVES, PARALLEL, Figure
from recommender.analysis.embedding import find_model
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, mean_measures, open_bench, read_dataset, run_lists
from recommender.evaluation.measures import measure_queries
from recommender.ranking.policy import RELEVANCE_ONLY, Policy

__all__ = ["measure_halves", "measure_translations"]

LANGUAGES: Final = {
    "en": "eng",
    "ru": "rus",
    "tg": "tgk",
    "zh": "zho",
    "fa": "fas",
    "kk": "kaz",
    "uz": "uzb",
    "ky": "kir",
}
QRELS: Final = "qrels_crosslingual.txt"
TAJIK: Final = 0.94


def measure_translations(folder: Path, cache: Path) -> Iterator[Figure]:
    """Find the translations of a news text among all texts in eight languages."""
    place = folder / PARALLEL
    dataset = read_dataset(place, qrels=place / QRELS)
    model, kept = find_model("multilingual", cache), cache / f"{PARALLEL}-multilingual"
    with open_bench(dataset, model, bar, cache=kept, language="any") as bench:
        mixed = mean_measures(dataset, run_lists(bench, RELEVANCE_ONLY))
        yield Figure(f"{PARALLEL} mixed nDCG@10", mixed["nDCG@10"], 0.95)
        for one in LANGUAGES:
            if one != "en":
                found = measure_pair(bench, place, one, "en")
                bar_of = 0.97 if one == "tg" else None
                yield Figure(f"{PARALLEL} {one} -> en P@1", found, bar_of)


def measure_pair(bench: Bench, place: Path, asked: str, found: str) -> float:
    """P@1 of finding a text in another language."""
    dataset = read_dataset(
        place,
        qrels=place / QRELS,
        queries=place / f"pool-{LANGUAGES[asked]}.txt",
        pool=place / f"pool-{LANGUAGES[found]}.txt",
    )
    return mean_measures(dataset, run_lists(replace(bench, dataset=dataset), RELEVANCE_ONLY))["P@1"]


def measure_halves(folder: Path, cache: Path, name: str) -> Iterator[Figure]:
    """Find the other half of a news text in its language; compare with words alone."""
    place = folder / HALVES
    model, kept = find_model(name, cache), cache / f"{HALVES}-{name}"
    with open_bench(read_dataset(place), model, bar, cache=kept) as bench:
        for language, pool in LANGUAGES.items():
            path = place / f"pool-{pool}.txt"
            one = replace(bench, dataset=read_dataset(place, queries=path, pool=path))
            ours, words = (_right(one, policy) for policy in (RELEVANCE_ONLY, WORDS))
            count = len(one.dataset.queries)
            what = f"{HALVES} {name} {language}"
            yield Figure(f"{what} P@1", ours / count, TAJIK if language == "tg" else None)
            yield Figure(f"{what} queries right beyond TF-IDF's {words}", ours - words, -1.0)


def _right(bench: Bench, policy: Policy) -> int:
    """How many queries have the other half first."""
    return int(measure_queries(bench.dataset, run_lists(bench, policy))["P@1"].sum())
