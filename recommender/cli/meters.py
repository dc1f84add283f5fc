"""Progress bars for the terminal, with rate and time left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from recommender.characters import printable
from recommender.progress import Advance

__all__ = ["bar", "warn"]


@contextmanager
def bar(label: str, total: int, unit: str) -> Iterator[Advance]:
    """A bar on standard error; a plain line now and then where that is no terminal."""
    with tqdm(
        total=total,
        desc=printable(label),
        unit=f" {unit}" if unit != "B" else unit,
        unit_scale=unit == "B",
        dynamic_ncols=True,
        mininterval=0.2,
        smoothing=0.1,
    ) as progress:
        yield progress.update


def warn(line: str) -> None:
    """A line on standard error, above a bar that may be there."""
    tqdm.write(printable(line), file=sys.stderr)
