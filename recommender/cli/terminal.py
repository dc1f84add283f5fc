"""Shared by all commands: paths and moments as arguments, progress bars, warnings, exit codes."""

import os
import pwd
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import click
from tqdm import tqdm

from index import IndexFault, Locked, NoSnapshot
from index.errors import EngineAway
from recommender.characters import printable
from recommender.errors import (
    BadInput,
    BadParameter,
    BadSettings,
    ClusterAway,
    EncoderAway,
    PartMissing,
    ReadAlsoError,
    ReceiverAway,
    SourceAway,
    StoreUnusable,
)
from recommender.progress import Advance
from recommender.store import Actor

__all__ = [
    "ANY_PATH",
    "EXISTING_FOLDER",
    "EXISTING_PATH",
    "EXIT_CODES",
    "bar",
    "current_actor",
    "exit_code_of",
    "leave",
    "read_moment",
    "warn",
]

HOURS: Final = {"h": 1, "d": 24}
_SPAN: Final = re.compile(r"([0-9]{1,5})([hd])")
ANY_PATH: Final = click.Path(path_type=Path)
EXISTING_PATH: Final = click.Path(exists=True, path_type=Path)
EXISTING_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
EXIT_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (BadParameter, 2),
    (BadSettings, 2),
    (SourceAway, 69),
    (BadInput, 65),
    (PartMissing, 69),
    (NoSnapshot, 69),
    (EngineAway, 69),
    (StoreUnusable, 69),
    (EncoderAway, 69),
    (ClusterAway, 69),
    (ReceiverAway, 69),
    (OSError, 73),
    (Locked, 75),
    (ReadAlsoError, 1),
    (IndexFault, 1),
)
"""The exit code of an error: that of the first class it is an instance of."""


def exit_code_of(kind: type[Exception]) -> int | None:
    """Return the exit code of a kind of error; None for an unexpected one."""
    return next((code for base, code in EXIT_CODES if issubclass(kind, base)), None)


def leave(kind: type[Exception]) -> NoReturn:
    """End with the exit code of a kind of error that was printed already."""
    raise SystemExit(exit_code_of(kind))


def current_actor() -> Actor:
    """Who runs this command, for the audit log: the user of this process."""
    user = os.getuid()
    try:
        return Actor(f"cli:{pwd.getpwuid(user).pw_name}")
    except KeyError:  # a container may run as a number that has no name
        return Actor(f"cli:{user}")


@contextmanager
def bar(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Show a progress bar on standard error, with rate and time left; nothing on a pipe."""
    with tqdm(
        total=total or None,
        desc=printable(label),
        unit=f" {unit}" if unit != "B" else unit,
        unit_scale=unit == "B",
        dynamic_ncols=True,
        mininterval=0.2,
        smoothing=0.1,
        disable=None,
    ) as progress:
        yield progress.update


def warn(line: str) -> None:
    """Print a line on standard error, above a progress bar."""
    tqdm.write(printable(line), file=sys.stderr)


def read_moment(text: str, *, sign: int = 1) -> datetime:
    """Read a moment: a span from now such as `90d` or `12h`, a day in UTC, or RFC 3339.

    Args:
        text: what was typed.
        sign: 1 for a span into the future, -1 for one into the past.

    Raises:
        click.BadParameter: it is none of them.
    """
    try:
        if span := _SPAN.fullmatch(text):
            hours = int(span[1]) * HOURS[span[2]]
            return datetime.now(tz=UTC) + sign * timedelta(hours=hours)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is neither a span (90d, 12h), nor a day, nor an RFC 3339 time"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
