"""With which code a command leaves, and how it says what went wrong."""

from typing import Any, Final

import click

from index import IndexFault, Locked, NoSnapshot
from recommender.errors import (
    BadInput,
    BadParameter,
    BadSettings,
    PartMissing,
    ReadAlsoError,
    SourceAway,
    StoreUnusable,
)

__all__ = ["EXIT_CODES", "Commands", "leave"]

EXIT_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (BadParameter, 2),
    (BadSettings, 2),
    (SourceAway, 69),
    (BadInput, 65),
    (PartMissing, 69),
    (NoSnapshot, 69),
    (StoreUnusable, 69),
    (OSError, 73),
    (Locked, 75),
    (ReadAlsoError, 1),
    (IndexFault, 1),
)
"""The first kind that fits gives the exit code."""


class Commands(click.Group):
    """Errors of the house become one line and an exit code; others keep their trace."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except tuple(kind for kind, _ in EXIT_CODES) as error:
            click.echo(f"read-also: {error}", err=True)
            ctx.exit(_code_of(type(error)))
        except KeyboardInterrupt:
            click.echo("read-also: interrupted; what was done is kept, run it again", err=True)
            ctx.exit(130)


def leave(kind: type[Exception]) -> None:
    """Leave with the code of a kind of failure that was told of already."""
    raise SystemExit(_code_of(kind))


def _code_of(kind: type[Exception]) -> int:
    return next(code for base, code in EXIT_CODES if issubclass(kind, base))
