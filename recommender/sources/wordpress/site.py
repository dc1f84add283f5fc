"""The REST interface of a WordPress site: where it is, who asks, and pages of its collections."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from recommender.articles import is_web_address
from recommender.errors import BadSource, SourceAway
from recommender.sources.fetching import Answer, Fetcher
from recommender.sources.wordpress.answers import (
    Page,
    find_root,
    moment_of,
    page_of,
    post_of,
    read_json,
    root_in,
)

__all__ = ["Parameters", "Site", "find_site"]

Parameters = Mapping[str, object]

REFUSALS: Final = frozenset({200, 400, 401, 403, 404, 410, 413, 414, 500})
"""What WordPress answers with reasons; they are read here."""
_ANY_PAGE: Final = frozenset({200, 401, 403, 404})
_INDEX: Final = {"_fields": "name,home,url,namespaces"}
_COLLECTIONS: Final = "wp/v2/"


@dataclass(frozen=True, slots=True)
class Site:
    """A site that was found.

    `root` is the address that routes are put to; `home` the front page's, which ids are made of;
    `asked_at` the time by the site's own clock, if it tells.
    """

    fetcher: Fetcher
    root: str
    home: str
    asked_at: datetime | None

    @property
    def host(self) -> str:
        """Its home address as people say it."""
        return self.home.partition("://")[2]

    def page(self, collection: str, parameters: Parameters) -> Page:
        """A page of `posts`, `categories`, `tags` or `users`; past the end an empty one.

        Raises:
            SourceAway: the site does not answer, or not now.
            BadSource: there is none to be had.
        """
        return page_of(self._ask(_COLLECTIONS + collection, parameters))

    def post(self, number: int, parameters: Parameters) -> Mapping[str, object] | None:
        """A post by its own address; None where WordPress says that it does not show it.

        Raises:
            SourceAway: the site does not answer, or not now.
            BadSource: it does not say.
        """
        return post_of(self._ask(f"{_COLLECTIONS}posts/{number}", parameters), number)

    def _ask(self, route: str, parameters: Parameters) -> Answer:
        return self.fetcher.get(_address(self.root, route, parameters), accept=REFUSALS)


def find_site(address: str, fetcher: Fetcher) -> Site:
    """Find the REST interface: named by the address, by its page, or where it usually is.

    Raises:
        SourceAway: the site does not answer, or not now.
        BadSource: it is not there, is closed, or does not take the name and password given.
    """
    last: Answer | None = None
    for root in _roots(address, fetcher):
        if fetcher.has_credentials:
            _sign_in(root, fetcher)
        answer = fetcher.get(_address(root, "", _INDEX), accept=REFUSALS)
        home = _home(answer)
        if home is not None:
            return Site(fetcher, root, home, moment_of(answer))
        last = answer
    raise _not_found(address, last)


def _not_found(address: str, last: Answer | None) -> BadSource:
    kind = SourceAway if last and last.is_trouble else BadSource
    status = last and last.status
    closed = "; it may be closed to visitors: give --user and --password-file"
    return kind(
        f"{address}: no REST interface of WordPress was found there (the last place asked answers "
        f"{status}); give the address of the front page or of /wp-json/"
        f"{closed if status in {401, 403} else ''}"
    )


def _roots(address: str, fetcher: Fetcher) -> Iterator[str]:
    named = root_in(address)
    if named is not None:
        yield named
        return
    answer = fetcher.get(address, accept=_ANY_PAGE)
    found = find_root(answer)
    if found is not None:
        yield found
        return
    front = answer.url.partition("#")[0].partition("?")[0].rstrip("/")
    yield f"{front}/wp-json/"
    yield f"{front}/?rest_route=/"


def _sign_in(root: str, fetcher: Fetcher) -> None:
    """Ask who we are: with a wrong password WordPress answers all else as to a visitor.

    Raises:
        BadSource: the site does not know the name and password.
    """
    answer = fetcher.get(_address(root, "wp/v2/users/me", {"_fields": "id"}), accept=REFUSALS)
    if answer.status in {401, 403}:
        raise BadSource(
            f"{answer.url}: the name and password are not accepted; make an application password "
            "in WordPress under Users > Profile (it is not the one used to log in), give the "
            "address that the site is at, as they are sent to no other, and see that the web "
            "server passes the header Authorization on to PHP"
        )


def _home(answer: Answer) -> str | None:
    """The home address that the index of a REST interface tells; None if it is no such index."""
    try:
        index = read_json(answer)
    except BadSource:  # a page of the site's own, as an unknown address gives: not found here
        return None
    spaces = index.get("namespaces") if isinstance(index, Mapping) else None
    home = index.get("home") if isinstance(index, Mapping) else None
    known = isinstance(spaces, list) and "wp/v2" in spaces
    return home.rstrip("/") if known and isinstance(home, str) and is_web_address(home) else None


def _address(root: str, route: str, parameters: Parameters) -> str:
    query = urlencode(dict(parameters), safe=",:")
    return f"{root}{route}{'&' if '?' in root else '?'}{query}"
