"""Ratios that no change may let fall, measured in two minutes: `make bench-guard`.

Each is a ratio of CPU or memory in one run, so that it is much the same on every machine. A bar
stands far from what is measured: noise does not reach it, and what makes something half as fast
does. What we want is more, and stands in docs/performance.md.
"""

import sys
from typing import Final

import click

from benchmarks import build_cost
from benchmarks.figures import Figure, report
from benchmarks.request_cost import measure_lists

ARTICLES: Final = 3_000
REQUESTS: Final = 60
SIZES: Final = (20_000, 40_000)


def list_figures() -> list[Figure]:
    """What lists cost beside a bare Flask view of the same bytes."""
    costs = measure_lists(ARTICLES, None, REQUESTS)
    bare = costs["bare view"]
    return [
        Figure("rate of a list given again / bare view", bare / costs["given again"], 0.7),
        Figure("CPU of a list made anew / bare view", costs["made anew"] / bare, 30, "most"),
    ]


def build_figures() -> list[Figure]:
    """How a build grows when the archive doubles."""
    less, more = (build_cost.measure(size, None, centred=False) for size in SIZES)
    return [
        Figure("CPU of a build of twice as many articles", more.seconds / less.seconds, 3, "most"),
        Figure("memory of a build of twice as many articles", more.peak / less.peak, 1.9, "most"),
    ]


@click.command(help=__doc__)
def main() -> None:
    """Print the ratios; 1 if one has fallen."""
    sys.exit(report([*list_figures(), *build_figures()], click.echo))


if __name__ == "__main__":
    main()
