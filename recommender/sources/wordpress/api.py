"""The REST interface of a WordPress site: finds it, signs in, reads pages of its collections.

Sites answer in many ways that the standard does not know: notices of PHP before the JSON, pages of
a firewall, codes of plugins that close the interface.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urljoin

from recommender.articles import is_web_address
from recommender.errors import BadSource, SourceAway
from recommender.sources.article_fields import first_text
from recommender.sources.dates import parse_mail_date
from recommender.sources.fetching import Fetcher, FetchResponse

__all__ = [
    "ApiPage",
    "Parameters",
    "WordPressSite",
    "find_root",
    "find_site",
    "page_of",
    "parse_json_response",
    "post_of",
    "root_in",
]

Parameters = Mapping[str, object]

STATUSES: Final = frozenset({200, 400, 401, 403, 404, 410, 413, 414, 500})
"""What WordPress answers with a reason in the body."""
CLOSED: Final = frozenset({401, 403})
NOT_SHOWN: Final = frozenset({"rest_post_invalid_id", "rest_forbidden"})
"""WordPress's codes for a post that does not exist, and for one that visitors may not read."""
MOST_TRIES: Final = 20
LONGEST_MESSAGE: Final = 200  # characters of a site's own message
_PAGE_STATUSES: Final = frozenset({200, 401, 403, 404})
_GONE: Final = frozenset({404, 410})
_INDEX: Final = {"_fields": "name,home,url,namespaces"}
_COLLECTIONS: Final = "wp/v2/"
_JSON_BEGINS: Final = re.compile(r'[\[{]\s*[\[{"\]}]')
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_LINK_HEADER: Final = re.compile(r'<([^<>]*)>\s*;[^<>,]*\brel="?https://api\.w\.org/"?')
_LINK_TAG: Final = re.compile(r"<link\b[^<>]*\bhttps://api\.w\.org/[^<>]*>", re.IGNORECASE)
_HREF: Final = re.compile(r"""\bhref\s*=\s*["']([^"'<>]*)["']""", re.IGNORECASE)
_ROUTE: Final = re.compile(r"([?&]rest_route=)(?:/|%2F)?.*", re.IGNORECASE | re.DOTALL)
_PRETTY: Final = re.compile(r"(/wp-json)(?:/.*|[?#].*)?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ApiPage:
    """A page of a collection; the numbers of all rows and pages, if the site gives them."""

    rows: tuple[Mapping[str, object], ...] = ()
    total: int | None = None
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class WordPressSite:
    """A site whose REST interface was found.

    Attributes:
        fetcher: for its requests.
        root: the address that routes are added to.
        home: the address of the front page; ids of articles are made of it.
        time: the time by the site's own clock; None if it does not give it.
    """

    fetcher: Fetcher
    root: str
    home: str
    time: datetime | None

    @property
    def host(self) -> str:
        """The home address without its scheme."""
        return self.home.partition("://")[2]

    def page(self, collection: str, parameters: Parameters) -> ApiPage:
        """Read a page of `posts`, `pages`, `categories` or the like; one past the end is empty.

        Raises:
            SourceAway: the site does not answer now.
            BadSource: there is no such collection, or it is closed.
        """
        return page_of(self._get(_COLLECTIONS + collection, parameters))

    def post(self, route: str, number: int, parameters: Parameters) -> Mapping[str, object] | None:
        """Read a post by its collection and number; None if WordPress says that it shows none.

        Raises:
            SourceAway: the site does not answer now.
            BadSource: it does not say whether there is such a post.
        """
        return post_of(self._get(f"{_COLLECTIONS}{route}/{number}", parameters), number)

    def kinds(self, of: str) -> tuple[object, ...]:
        """Read what the site says of its post types, `types`, or of its `taxonomies`.

        Raises:
            SourceAway: the site does not answer now.
            BadSource: it does not list them.
        """
        response = self._get(_COLLECTIONS + of, {})  # `_fields` would choose among them
        found = parse_json_response(response)
        if response.status != HTTPStatus.OK or not isinstance(found, Mapping):
            raise _fault(response, _refusal(found, f"list of {of}")[1])
        return tuple(found.values())

    def denies(self, number: int) -> bool:
        """Whether the site itself, beside its REST interface, says that it shows no such post.

        Raises:
            SourceAway: the site does not answer now.
            BadSource: it answers in another way.
        """
        address = f"{self.home}/?{urlencode({'p': number})}"
        return self.fetcher.get(address, accept=_PAGE_STATUSES | _GONE).status in _GONE

    def _get(self, route: str, parameters: Parameters) -> FetchResponse:
        return self.fetcher.get(_address(self.root, route, parameters), accept=STATUSES)


def find_site(address: str, fetcher: Fetcher) -> WordPressSite:
    """Find the REST interface: by the address itself, by a page's link, or at the usual places.

    Raises:
        SourceAway: the site does not answer now.
        BadSource: there is none, it is closed, or it does not accept the name and password.
    """
    last: FetchResponse | None = None
    for root in _roots(address, fetcher):
        if fetcher.has_credentials:
            _sign_in(root, fetcher)
        response = fetcher.get(_address(root, "", _INDEX), accept=STATUSES)
        home = _home(response)
        if home is not None:
            time = parse_mail_date(response.headers.get("date", ""))
            return WordPressSite(fetcher, root, home, time)
        last = response
    raise _not_found(address, last)


def _not_found(address: str, last: FetchResponse | None) -> BadSource:
    kind = SourceAway if last and last.is_server_trouble else BadSource
    status = last and last.status
    closed = "; it may be closed to visitors: give --user and --password-file"
    return kind(
        f"{address}: no REST interface of WordPress was found there (the last address tried "
        f"answers {status}); give the address of the front page or of /wp-json/"
        f"{closed if status in CLOSED else ''}"
    )


def _roots(address: str, fetcher: Fetcher) -> Iterator[str]:
    named = root_in(address)
    if named is not None:
        yield named
        return
    response = fetcher.get(address, accept=_PAGE_STATUSES)
    found = find_root(response)
    if found is not None:
        yield found
        return
    front = response.url.partition("#")[0].partition("?")[0].rstrip("/")
    yield f"{front}/wp-json/"
    yield f"{front}/?rest_route=/"


def _sign_in(root: str, fetcher: Fetcher) -> None:
    """Check name and password: if they are wrong, WordPress answers everything as to a visitor.

    Raises:
        BadSource: the site does not accept them.
    """
    response = fetcher.get(_address(root, "wp/v2/users/me", {"_fields": "id"}), accept=STATUSES)
    if response.status in CLOSED:
        raise BadSource(
            f"{response.url}: the name and password are not accepted; make an application password "
            "in WordPress under Users > Profile (it is not the one used to log in), give the "
            "address that the site is at, as they are sent to no other, and see that the web "
            "server passes the header Authorization on to PHP"
        )


def _home(response: FetchResponse) -> str | None:
    """The home address in the index of a REST interface; None if this is no such index."""
    try:
        index = parse_json_response(response)
    except BadSource:  # a page, as sites show for an unknown address
        return None
    spaces = index.get("namespaces") if isinstance(index, Mapping) else None
    home = index.get("home") if isinstance(index, Mapping) else None
    is_known = isinstance(spaces, list) and "wp/v2" in spaces
    if not is_known or not isinstance(home, str) or not is_web_address(home):
        return None
    return home.rstrip("/")


def _address(root: str, route: str, parameters: Parameters) -> str:
    query = urlencode(dict(parameters), safe=",:")
    return f"{root}{route}{'&' if '?' in root else '?'}{query}"


def root_in(address: str) -> str | None:
    """The root of the REST interface that an address itself names; None if it names none."""
    if _ROUTE.search(address):
        return _ROUTE.sub(r"\1/", address)
    found = _PRETTY.search(address)
    return f"{address[: found.start()]}/wp-json/" if found else None


def find_root(response: FetchResponse) -> str | None:
    """The root of the REST interface that a page of the site links to, in its head or header."""
    link = _LINK_HEADER.search(response.headers.get("link", ""))
    if link:
        return _root(urljoin(response.url, link[1]))
    tag = _LINK_TAG.search(response.body.decode("latin-1"))
    href = _HREF.search(tag[0]) if tag else None
    return _root(urljoin(response.url, html.unescape(href[1]))) if href else None


def _root(address: str) -> str:
    """The root; a site may use another name than wp-json."""
    return root_in(address) or address.rstrip("/") + "/"


def parse_json_response(response: FetchResponse) -> object:
    """The JSON of a response; notices that PHP printed before it are ignored.

    Raises:
        SourceAway: there is none, and the status says that the site has trouble.
        BadSource: there is none.
    """
    try:
        return json.loads(response.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        found = _after_notices(response.body.decode("utf-8", "replace"))
    if found is None:
        raise _fault(response, f" with {_kind_of_body(response)}, not JSON")
    return found


def _after_notices(body: str) -> object:
    """The first JSON text that goes on to the end; None if there is none."""
    decoder = json.JSONDecoder()
    for _, begin in zip(range(MOST_TRIES), _JSON_BEGINS.finditer(body), strict=False):
        try:
            found, end = decoder.raw_decode(body, begin.start())
        except (ValueError, RecursionError):  # a bracket in a notice: try the next one
            continue
        if not body[end:].strip():
            return found
    return None


def _kind_of_body(response: FetchResponse) -> str:
    begin = response.body[:1000].lstrip().lower()
    is_page = begin.startswith((b"<!doctype html", b"<html")) or b"<body" in begin
    return "a web page" if is_page else "something else"


def page_of(response: FetchResponse) -> ApiPage:
    """A page of a collection; one past the end is empty.

    Raises:
        SourceAway: the site has trouble.
        BadSource: it refuses, or answers something that is not a collection.
    """
    found = parse_json_response(response)
    if response.status == HTTPStatus.OK and isinstance(found, list):
        rows = tuple(row for row in found if isinstance(row, Mapping))
        if len(rows) == len(found):
            total, pages = (_count(response, f"x-wp-total{end}") for end in ("", "pages"))
            return ApiPage(rows, total, pages)
    code, message = _refusal(found, "list of posts")
    if code.endswith("invalid_page_number"):
        return ApiPage()
    remedy = "; if it is closed, give --user and --password-file" * (response.status in CLOSED)
    raise _fault(response, message + remedy)


def post_of(response: FetchResponse, number: int) -> Mapping[str, object] | None:
    """The post with that number; None if the site does not show it.

    Only WordPress's own codes count for that. A firewall answers with a page, and a plugin that
    closes the interface with a code of its own: they say nothing about the post.

    Raises:
        SourceAway: the site has trouble.
        BadSource: it does not say whether there is such a post.
    """
    found = parse_json_response(response)
    is_ok = response.status == HTTPStatus.OK
    if is_ok and isinstance(found, Mapping) and found.get("id") == number:
        return found
    code, message = _refusal(found, "post")
    if code in NOT_SHOWN:
        return None
    raise _fault(response, message)


def _refusal(found: object, wanted: str) -> tuple[str, str]:
    """The code of a refusal, and the site's own message."""
    code = first_text(found, "code") if isinstance(found, Mapping) else ""
    if not isinstance(found, Mapping) or not code:
        return "", f" with something that is no {wanted}"
    message = html.unescape(first_text(found, "message"))[:LONGEST_MESSAGE]
    return code, f": {message} ({code[:60]})"


def _fault(response: FetchResponse, message: str) -> BadSource:
    kind = SourceAway if response.is_server_trouble else BadSource
    return kind(f"{response.url}: answers {response.status}{message}")


def _count(response: FetchResponse, header: str) -> int | None:
    value = response.headers.get(header, "").strip()
    return int(value) if _COUNT.fullmatch(value) else None
