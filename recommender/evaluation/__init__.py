"""Measures lists against judgments, over the very code that serves them."""

from recommender.evaluation.command import evaluate_folder, write_run
from recommender.evaluation.datasets import Dataset, Pair, read_dataset
from recommender.evaluation.measures import correlate, measure
from recommender.evaluation.runs import Bench, open_bench, run_lists, score_pairs

__all__ = [
    "Bench",
    "Dataset",
    "Pair",
    "correlate",
    "evaluate_folder",
    "measure",
    "open_bench",
    "read_dataset",
    "run_lists",
    "score_pairs",
    "write_run",
]
