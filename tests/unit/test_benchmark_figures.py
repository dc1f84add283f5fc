"""Figures and their bars: what meets one, and where they are written."""

import math
from pathlib import Path

import click
import numpy as np
import pytest

from benchmarks.cost import say_bytes
from benchmarks.events import compare
from benchmarks.figures import Figure, report
from benchmarks.relevance import BEGIN, END, write_into


@pytest.mark.parametrize(
    ("side", "value", "met"),
    [
        *(("least", 0.86, True), ("least", 0.8599, False)),
        *(("most", 0.86, True), ("most", 0.8601, False)),
        *(("above", 0.8601, True), ("above", 0.86, False)),
        *((side, math.nan, False) for side in ("least", "most", "above")),
    ],
)
def test_a_bar_is_met_by_its_side_and_never_by_what_was_not_measured(
    side: str, value: float, *, met: bool
) -> None:
    figure = Figure("name", value, 0.86, side)  # type: ignore[arg-type]
    assert figure.met == met
    sign = {"least": ">=", "most": "<=", "above": ">"}[side]
    assert str(figure).endswith(f"({'met' if met else 'MISSED'}: {sign} 0.86)")
    assert report([figure], lambda _: None) == (0 if met else 1)


def test_a_figure_without_a_bar_misses_none() -> None:
    assert Figure("name", math.nan).met
    assert str(Figure("name", 0.5)) == f"{'name':<58}     0.5000"


# Whether fusion is far enough ahead: three percent, or surely at all.


@pytest.mark.parametrize(
    ("ahead", "stories", "met"),
    [
        ([0.03, 0.03, 0.03, 0.03], [0, 1, 2, 3], True),
        ([0.02, 0.02, 0.02, 0.02], [0, 1, 2, 3], True),  # less, but in every story
        ([0.2, -0.02, -0.02, -0.02], [0, 1, 2, 3], True),  # unsure, but enough
        ([0.1, -0.02, -0.02, -0.02], [0, 1, 2, 3], False),
        ([0.1, 0.0, 0.0, 0.0], [0, 1, 2, 3], False),  # an interval from 0 on
        ([0.02, 0.02, 0.02, 0.02], [0, 0, 0, 0], False),  # of one story, so none
        ([0.04, 0.04, 0.04, 0.04], [0, 0, 0, 0], True),
        ([0.0, 0.0, 0.0, 0.0], [0, 1, 2, 3], False),
        ([-0.1, -0.1, -0.1, -0.1], [0, 1, 2, 3], False),
    ],
)
def test_fusion_is_ahead_by_enough_or_surely(
    ahead: list[float], stories: list[int], *, met: bool
) -> None:
    best = np.ones(4)
    figures = compare(best + ahead, best, np.array(stories, np.int64))
    assert [figure.bar is None for figure in figures].count(False) == 1
    assert all(figure.met for figure in figures) == met
    assert figures[0].value == pytest.approx(1 + sum(ahead) / 4)
    assert math.isnan(figures[1].value) == (len(set(stories)) == 1)


# Bytes.


def test_what_does_not_grow_is_not_told_by_the_article(capsys: pytest.CaptureFixture[str]) -> None:
    fixed, growing = {"postings-indptr.npy": 8_000, "labels.json": 50}, {"vectors.faiss": 3_000}
    say_bytes(growing | fixed | {"ids.bin": 500}, 10)
    told = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert told == [
        ["bytes", "an", "article", "350"],
        ["vectors.faiss", "300"],
        ["ids.bin", "50"],
        ["bytes,", "however", "many", "articles", "8,050"],
        ["postings-indptr.npy", "8,000"],
        ["labels.json", "50"],
    ]


# The page they are written to.


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text, "utf-8")
    return path


def test_figures_stand_between_the_marks_of_a_page_instead_of_older_ones(tmp_path: Path) -> None:
    path = page(tmp_path, f"# Größe\n\n{BEGIN}old\n{END}\nafter\n")
    wanted = f"# Größe\n\n{BEGIN}\n```text\na\nb\n```\n\n{END}\nafter\n"
    for text in ("other", "a\nb", "a\nb"):
        write_into(path, text)
    assert path.read_text("utf-8") == wanted


@pytest.mark.parametrize(
    ("text", "mark"),
    [("", BEGIN), ("no marks\n", BEGIN), (END, BEGIN), (BEGIN, END), (f"{END}{BEGIN}", END)],
)
def test_a_page_without_its_marks_is_left_as_it_is(tmp_path: Path, text: str, mark: str) -> None:
    path = page(tmp_path, text)
    with pytest.raises(click.ClickException, match=f"page.md: .*{mark.strip()}"):
        write_into(path, "figures")
    assert path.read_text("utf-8") == text
