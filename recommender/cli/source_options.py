"""The options of commands that read sources: a login, allowed hosts, types of posts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Final

import click

from recommender.cli.terminal import EXISTING_PATH
from recommender.errors import BadParameter
from recommender.sources.fetching import Fetcher
from recommender.sources.importing import stored_ids
from recommender.sources.registry import is_address
from recommender.sources.wordpress import PullScope
from recommender.store import ArticleStore

__all__ = ["SourceAccess", "check_place", "source_options"]

ALLOW_PRIVATE: Final = "Allow this host in a private network; may be repeated."
POST_TYPES: Final = (
    "Post types of a WordPress site, such as post,page; without it, those of the last import."
)
_POST_TYPE: Final = re.compile(r"[a-z0-9_-]{1,20}")


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """How sources are read.

    Attributes:
        auth: name and password, if there are any.
        private_hosts: hosts of a private network that are allowed.
        post_types: of WordPress sites; empty for those of the last import.
    """

    auth: tuple[str, str] | None
    private_hosts: frozenset[str]
    post_types: tuple[str, ...]

    def fetcher(self) -> Fetcher:
        """A fetcher for one source."""
        return Fetcher(private_hosts=self.private_hosts, auth=self.auth)

    def scope(self, store: ArticleStore | None = None) -> PullScope:
        """What is read of a site; with a store, what is stored of it is compared too."""
        if store is None:
            return PullScope(self.post_types)
        return PullScope(self.post_types, partial(stored_ids, store))


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; they come as its parameter `access`."""

    @click.option(
        "--user", metavar="NAME", help="The name to sign in with; sent to that address only."
    )
    @click.option(
        "--password-file", type=EXISTING_PATH, help="A file with the password in its first line."
    )
    @click.option("--allow-private", metavar="HOST", multiple=True, help=ALLOW_PRIVATE)
    @click.option("--post-types", metavar="NAMES", default="", help=POST_TYPES)
    @wraps(command)
    def read(
        *args: object,
        user: str | None,
        password_file: Path | None,
        allow_private: tuple[str, ...],
        post_types: str,
        **kwargs: object,
    ) -> None:
        auth = _read_credentials(user, password_file)
        access = SourceAccess(auth, frozenset(allow_private), _read_types(post_types))
        command(*args, access=access, **kwargs)

    return read


def check_place(place: str, ctx: click.Context, param: click.Parameter) -> str:
    """Return an address as it is, and a path if something is there.

    Raises:
        click.BadParameter: nothing is there.
    """
    return place if is_address(place) else str(EXISTING_PATH.convert(place, param, ctx))


def _read_types(names: str) -> tuple[str, ...]:
    types = tuple(one for name in names.split(",") if (one := name.strip()))
    wrong = [name for name in types if not _POST_TYPE.fullmatch(name)]
    if wrong:
        raise BadParameter(f"--post-types: {wrong[0]!r} is no name of a type; give post,page")
    return types


def _read_credentials(user: str | None, password_file: Path | None) -> tuple[str, str] | None:
    """Read name and password; spaces in the password count.

    Raises:
        BadParameter: one of them is given without the other, or the file holds none.
    """
    if user is None and password_file is None:
        return None
    if user is None or password_file is None:
        raise BadParameter("--user and --password-file go together; give both")
    password = password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    if not password:
        raise BadParameter(f"{password_file}: its first line is empty; write the password there")
    return user, password
