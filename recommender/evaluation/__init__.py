"""Measures lists against judgments, with the code that serves lists."""

from recommender.evaluation.command import OutputFiles, evaluate_folder, evaluate_links, write_run
from recommender.evaluation.comparison import compare_generations
from recommender.evaluation.datasets import Dataset, Pair, read_dataset
from recommender.evaluation.measures import compare_correlations, correlate, mean_measures
from recommender.evaluation.runs import Bench, open_bench, run_lists, score_pairs
from recommender.evaluation.scoreboard import Scoreboard, ScoreRow, measure_lists

__all__ = [
    "Bench",
    "Dataset",
    "OutputFiles",
    "Pair",
    "ScoreRow",
    "Scoreboard",
    "compare_correlations",
    "compare_generations",
    "correlate",
    "evaluate_folder",
    "evaluate_links",
    "mean_measures",
    "measure_lists",
    "open_bench",
    "read_dataset",
    "run_lists",
    "score_pairs",
    "write_run",
]
