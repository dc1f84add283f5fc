"""Measures eight languages: find the translation of a text, and the other half of a text."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.dev_sets import PARALLEL
from benchmarks.figures import Figure
from benchmarks.signal_weights import Trials
from recommender.articles import primary_language
from recommender.evaluation import Bench, mean_measures, read_dataset, run_lists
from recommender.ranking.policy import RELEVANCE_ONLY

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


def measure_translations(bench: Bench, folder: Path) -> Iterator[Figure]:
    """Find the English translation of a news text in each other language."""
    for one in LANGUAGES:
        if one != "en":
            found = measure_pair(bench, folder / PARALLEL, one, "en")
            yield Figure(f"{PARALLEL} {one} -> en P@1", found, 0.97 if one == "tg" else None)


def measure_pair(bench: Bench, place: Path, asked: str, found: str) -> float:
    """P@1 of finding a text in another language."""
    dataset = read_dataset(
        place,
        qrels=place / QRELS,
        queries=place / f"pool-{LANGUAGES[asked]}.txt",
        pool=place / f"pool-{LANGUAGES[found]}.txt",
    )
    return mean_measures(dataset, run_lists(replace(bench, dataset=dataset), RELEVANCE_ONLY))["P@1"]


def measure_halves(trials: Trials, bench: Bench) -> Iterator[Figure]:
    """Find the other half of a news text in its language; compare with words alone.

    Lists hold articles in the language of the seed only, so all languages are measured at once.
    """
    named = {article.id: primary_language(article.language) for article in bench.dataset.articles}
    languages = np.array([named[query] for query in bench.dataset.queries])
    for language in LANGUAGES:
        ours, words = (trials.each_of(name)[languages == language] for name in ("shipped", "words"))
        what, right = f"{trials.dev_set.name} {language}", words.sum()
        yield Figure(f"{what} P@1", float(ours.mean()), TAJIK if language == "tg" else None)
        beyond = f"{what} queries right beyond TF-IDF's {right:.0f}"
        yield Figure(beyond, float(ours.sum() - right), -1.0)
