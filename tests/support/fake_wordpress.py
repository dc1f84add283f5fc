"""A small WordPress without a socket: it pages, filters, refuses and fails as the real one does."""

import base64
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from recommender.errors import BadSource
from recommender.sources.fetching import Fetcher, FetchResponse

Json = dict[str, Any]
Reply = tuple[int, Any, Mapping[str, str]]

MOST_A_PAGE = 100


def refuse(status: int, code: str, message: str) -> Reply:
    """A refusal in WordPress's own words."""
    return status, {"code": code, "message": message}, {}


HIDDEN = refuse(401, "rest_forbidden", "Sorry, you are not allowed.")
UNKNOWN = refuse(404, "rest_post_invalid_id", "Invalid post ID.")
PAST_THE_END = refuse(400, "rest_post_invalid_page_number", "Page too large.")
TOO_MANY = refuse(400, "rest_invalid_param", "Invalid parameter(s): per_page")
NO_ROUTE = refuse(404, "rest_no_route", "No route was found.")
TYPES: dict[str, Json] = {
    "post": {"slug": "post", "rest_base": "posts", "taxonomies": ["category", "post_tag"]},
    "page": {"slug": "page", "rest_base": "pages", "taxonomies": []},
    "font": {"slug": "font", "rest_base": "fonts", "rest_namespace": "other/v1", "taxonomies": []},
}
"""What it says of its types; posts of another one, such as `game`, are not in its interface."""


def fake_post(number: int, **fields: object) -> Json:
    """A published post of two months ago, whose text names its number."""
    return {
        "id": number,
        "status": "publish",
        "type": "post",
        "date_gmt": f"2026-08-01T{number // 60 % 24:02}:{number % 60:02}:00",
        "modified_gmt": f"2026-08-02T{number // 60 % 24:02}:{number % 60:02}:00",
        "title": {"rendered": f"Story {number}"},
        "content": {"rendered": f"<p>The text of story {number}.</p>", "protected": False},
        "excerpt": {"rendered": f"<p>The text of story {number}.</p>", "protected": False},
        "author": 1,
        "featured_media": 0,
        "categories": [2],
        "tags": [],
    } | fields


@dataclass
class FakeWordPress:
    """Its posts, names and behaviour may be changed between requests, and during a crawl."""

    posts: list[Json]
    names: dict[str, dict[int, str]] = field(
        default_factory=lambda: {
            "categories": {1: "Uncategorized", 2: "City"},
            "tags": {3: "port", 4: "tram"},
            "users": {1: "Zarina Desk"},
        }
    )
    taxonomies: dict[str, str] = field(
        default_factory=lambda: {"category": "categories", "post_tag": "tags"}
    )
    """By the name of each taxonomy of its posts the collection of its terms."""
    now: datetime = datetime(2026, 10, 20, 12, tzinfo=UTC)
    login: tuple[str, str] = ("editor", "abcd efgh ijkl")
    is_pretty: bool = True
    is_linked: bool = True
    closed: frozenset[str] = frozenset()
    """Collections that visitors may not read."""
    spoil: Callable[[str, Mapping[str, str]], Reply | None] = lambda _route, _parameters: None
    """Called with each route and its parameters before it is answered; may answer in its place."""
    base: str = "http://blog.example:8080"
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def post(self, number: int) -> Json:
        """A post that may be changed in place."""
        return next(post for post in self.posts if post["id"] == number)

    def remove(self, number: int) -> None:
        """Delete a post for good."""
        self.posts = [post for post in self.posts if post["id"] != number]

    def edit(self, number: int, **fields: object) -> None:
        """Change a post, as an editor does now."""
        modified = self.now.strftime("%Y-%m-%dT%H:%M:%S")
        self.post(number).update({"modified_gmt": modified} | fields)

    # --- answering ---

    @property
    def root(self) -> str:
        """The address that its pages name as that of its REST interface."""
        return self.base + ("/wp-json/" if self.is_pretty else "/index.php?rest_route=/")

    def answer(self, address: str, authorization: str) -> Reply:
        """Status, body and headers for an address."""
        parts = urlsplit(address)
        parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
        route = parameters.pop("rest_route", "")
        if parts.path.startswith("/wp-json/") and self.is_pretty:
            route = parts.path.removeprefix("/wp-json")
        self.asked.append((route, parameters))
        spoiled = self.spoil(route, parameters)
        return spoiled or self._route(route, parameters, authorization)

    def _route(self, route: str, parameters: Mapping[str, str], authorization: str) -> Reply:
        known = _encoded(self.login)
        if not route:
            return self._shown(parameters) or self._page()
        if route == "/":
            return 200, {"name": "Test", "home": self.base, "namespaces": ["wp/v2"]}, {}
        if route == "/wp/v2/users/me":
            return (200, {"id": 1}, {}) if authorization == f"Basic {known}" else HIDDEN
        what = route.removeprefix("/wp/v2/").partition("/")[0]
        if what in self.closed and authorization != f"Basic {known}":
            return HIDDEN
        return self._collection(what, route.rpartition("/")[2], parameters)

    def _collection(self, what: str, last: str, parameters: Mapping[str, str]) -> Reply:
        if what == "types":
            chosen = parameters.get("_fields", ",".join(TYPES)).split(",")
            types = TYPES | {"post": TYPES["post"] | {"taxonomies": list(self.taxonomies)}}
            return 200, {name: one for name, one in types.items() if name in chosen} or [], {}
        if what == "taxonomies":
            rows = self.taxonomies.items()
            return 200, {name: {"slug": name, "rest_base": base} for name, base in rows}, {}
        of_route = [name for name, one in TYPES.items() if one["rest_base"] == what]
        if of_route and last != what:
            return self._single(of_route[0], int(last), parameters)
        if of_route:
            return self._listing(of_route[0], parameters)
        return self._terms(what, parameters) if what in self.names else NO_ROUTE

    def _page(self) -> Reply:
        link = f"<link rel='https://api.w.org/' href='{self.root}' />" if self.is_linked else ""
        return 200, f"<html><head>{link}</head><body>Hello</body></html>", {}

    def _shown(self, parameters: Mapping[str, str]) -> Reply | None:
        """The page of a post by its number: public ones are there, whatever their type."""
        if "p" not in parameters:
            return None
        shown = {post["id"] for post in self.posts if post["status"] == "publish"}
        return None if int(parameters["p"]) in shown else (404, "<html>Not found</html>", {})

    def _single(self, name: str, number: int, parameters: Mapping[str, str]) -> Reply:
        found = [post for post in self.posts if (post["type"], post["id"]) == (name, number)]
        if not found:
            return UNKNOWN
        is_public = found[0]["status"] == "publish"
        return (200, self._dressed(found[0], parameters), {}) if is_public else HIDDEN

    def _listing(self, name: str, parameters: Mapping[str, str]) -> Reply:
        of_type = [post for post in self.posts if post["type"] == name]
        bases = self.taxonomies.values()
        chosen = [post for post in of_type if _passes(post, parameters, bases)]
        if parameters.get("orderby") == "id":
            chosen.sort(key=lambda post: int(post["id"]))
        else:  # equal times come in whatever order the database has them
            random.shuffle(chosen)
        return _paged([self._dressed(post, parameters) for post in chosen], parameters)

    def _terms(self, what: str, parameters: Mapping[str, str]) -> Reply:
        named = sorted(self.names[what].items())
        return _paged([{"id": number, "name": name} for number, name in named], parameters)

    def _dressed(self, post: Json, parameters: Mapping[str, str]) -> Json:
        wanted = parameters.get("_fields", "").split(",")
        whole: Json = {"link": f"{self.base}/story-{post['id']}/"} | post
        if "_embed" in parameters:
            whole["_embedded"] = self._embedded(post)
        return {name: value for name, value in whole.items() if name in wanted}

    def _embedded(self, post: Json) -> Json:
        def terms(names: str, taxonomy: str) -> list[Json]:
            named = ((n, self.names[names][n]) for n in post.get(names, ()))
            return [{"id": n, "name": name, "taxonomy": taxonomy} for n, name in named]

        author = {"id": post["author"], "name": self.names["users"][post["author"]]}
        groups = [terms(names, taxonomy) for taxonomy, names in self.taxonomies.items()]
        return {"author": [author], "wp:term": groups}


def _passes(post: Json, parameters: Mapping[str, str], bases: Iterable[str]) -> bool:
    def among(name: str, values: Sequence[int]) -> bool:
        numbers = {int(number) for number in parameters.get(name, "").split(",") if number}
        return not numbers or bool(numbers & set(values))

    return (
        post["status"] == parameters.get("status", "publish")
        and among("include", [post["id"]])
        and all(among(base, post.get(base, ())) for base in bases)
        and among("author", [post["author"]])
        and f"{post['modified_gmt']}Z" > parameters.get("modified_after", "")
        and f"{post['date_gmt']}Z" > parameters.get("after", "")
    )


def _paged(rows: list[Json], parameters: Mapping[str, str]) -> Reply:
    size, page = int(parameters.get("per_page", "10")), int(parameters.get("page", "1"))
    if size > MOST_A_PAGE:
        return TOO_MANY
    pages = -(-len(rows) // size)
    if page > pages and rows:
        return PAST_THE_END
    totals = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(pages)}
    return 200, rows[(page - 1) * size : page * size], totals


class DirectFetcher(Fetcher):
    """Asks a fake site without a socket."""

    def __init__(self, site: FakeWordPress, auth: tuple[str, str] | None = None) -> None:
        super().__init__(auth=auth)
        self._site = site
        self._authorization = f"Basic {_encoded(auth)}" if auth else ""

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - of a fetcher
        *,
        accept: frozenset[int] = frozenset({200}),
    ) -> FetchResponse:
        """The site's answer."""
        self.requests += 1
        status, content, given = self._site.answer(
            url.removeprefix(self._site.base), self._authorization
        )
        if status not in accept:
            raise BadSource(f"{url}: answers {status}")
        kept = {name.lower(): value for name, value in given.items()}
        dated = {"date": format_datetime(self._site.now, usegmt=True)}
        body = content if isinstance(content, str) else json.dumps(content)
        return FetchResponse(url, status, dated | kept, body.encode())


def _encoded(login: tuple[str, str]) -> str:
    return base64.b64encode(":".join(login).encode()).decode()
