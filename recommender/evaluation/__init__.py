"""Measures lists against judgments, over the very code that serves them."""

from recommender.evaluation.command import Wanted, evaluate_folder, write_run
from recommender.evaluation.datasets import Dataset, Pair, read_dataset
from recommender.evaluation.live import compare_generations, evaluate_links
from recommender.evaluation.measures import correlate, measure
from recommender.evaluation.runs import Bench, open_bench, run_lists, score_pairs
from recommender.evaluation.scoreboard import Row, Scoreboard, measure_all

__all__ = [
    "Bench",
    "Dataset",
    "Pair",
    "Row",
    "Scoreboard",
    "Wanted",
    "compare_generations",
    "correlate",
    "evaluate_folder",
    "evaluate_links",
    "measure",
    "measure_all",
    "open_bench",
    "read_dataset",
    "run_lists",
    "score_pairs",
    "write_run",
]
