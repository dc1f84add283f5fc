"""The options of commands that read sources: a login, allowed hosts, what of a WordPress site."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
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
SECTIONS: Final = "The taxonomy of a WordPress site whose terms are sections, such as desk."
TAGS: Final = "Taxonomies of a WordPress site whose terms are tags, such as post_tag,place."
_NAME: Final = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """How sources are read.

    Attributes:
        auth: name and password, if there are any.
        private_hosts: hosts of a private network that are allowed.
        wordpress: what is read of WordPress sites.
    """

    auth: tuple[str, str] | None
    private_hosts: frozenset[str]
    wordpress: PullScope

    def fetcher(self) -> Fetcher:
        """A fetcher for one source."""
        return Fetcher(private_hosts=self.private_hosts, auth=self.auth)

    def scope(self, store: ArticleStore | None = None) -> PullScope:
        """What is read of a site; with a store, what is stored of it is compared too."""
        if store is None:
            return self.wordpress
        return replace(self.wordpress, stored_ids=partial(stored_ids, store))


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; they come as its parameter `access`."""

    @click.option(
        "--user", metavar="NAME", help="The name to sign in with; sent to that address only."
    )
    @click.option(
        "--password-file", type=EXISTING_PATH, help="A file with the password in its first line."
    )
    @click.option("--allow-private", metavar="HOST", multiple=True, help=ALLOW_PRIVATE)
    @_scope_options
    @wraps(command)
    def read(
        *args: object,
        user: str | None,
        password_file: Path | None,
        allow_private: tuple[str, ...],
        scope: PullScope,
        **kwargs: object,
    ) -> None:
        auth = _read_credentials(user, password_file)
        command(*args, access=SourceAccess(auth, frozenset(allow_private), scope), **kwargs)

    return read


def _scope_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add those that name what is read of a WordPress site; they come as its parameter `scope`."""

    @click.option("--post-types", metavar="NAMES", callback=_read_names, help=POST_TYPES)
    @click.option("--section-taxonomy", metavar="NAME", callback=_read_names, help=SECTIONS)
    @click.option("--tag-taxonomies", metavar="NAMES", callback=_read_names, help=TAGS)
    @wraps(command)
    def read(
        *args: object,
        post_types: tuple[str, ...],
        section_taxonomy: tuple[str, ...],
        tag_taxonomies: tuple[str, ...],
        **kwargs: object,
    ) -> None:
        if len(section_taxonomy) > 1:
            raise BadParameter("--section-taxonomy: an article has one section; name one taxonomy")
        section = "".join(section_taxonomy)
        scope = PullScope(post_types, section_taxonomy=section, tag_taxonomies=tag_taxonomies)
        command(*args, scope=scope, **kwargs)

    return read


def check_place(place: str, ctx: click.Context, param: click.Parameter) -> str:
    """Return an address as it is, and a path if something is there.

    Raises:
        click.BadParameter: nothing is there.
    """
    return place if is_address(place) else str(EXISTING_PATH.convert(place, param, ctx))


def _read_names(_: click.Context, param: click.Parameter, given: str | None) -> tuple[str, ...]:
    """Names of types or taxonomies; WordPress writes them in these letters."""
    names = tuple(one for name in (given or "").split(",") if (one := name.strip()))
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        raise BadParameter(
            f"{param.opts[0]}: {wrong[0]!r} is no name; WordPress has names such as post, post_tag"
        )
    return names


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
