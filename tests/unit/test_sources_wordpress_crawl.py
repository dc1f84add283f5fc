"""Pulling a WordPress site, with a small fake that fails as real ones do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

import pytest

from recommender.articles import Article
from recommender.errors import BadSource, SourceAway
from recommender.progress import silent
from recommender.sources import CheckpointJson, Mark, Pulled
from recommender.sources.article_ids import wordpress_id
from recommender.sources.wordpress import EVERYTHING_NEW, PullScope, WordPress
from tests.support.fake_wordpress import (
    NO_ROUTE,
    PAST_THE_END,
    DirectFetcher,
    FakeWordPress,
    Reply,
    fake_post,
    refuse,
)
from tests.support.pulled import articles, gone_ids, ids, last_cursor, left_out, records, refusals

WEB_PAGE: Reply = (200, "<!DOCTYPE html><html><body>Back soon</body></html>", {})
OUT_OF_MEMORY = refuse(500, "internal_server_error", "Memory")
NOTHING: Reply = (200, [], {"X-WP-Total": "0", "X-WP-TotalPages": "0"})


@pytest.fixture
def blog() -> FakeWordPress:
    """A site of 230 posts, in pages of 100, 100 and 30."""
    return FakeWordPress([fake_post(number) for number in range(1, 231)])


@dataclass(frozen=True)
class Pull:
    """What a pull gave, and the requests that it took."""

    given: Sequence[Pulled]
    requests: int

    @property
    def articles(self) -> list[int]:
        """The numbers of the posts that came as articles, in order."""
        return list(map(number_of, ids(self.given)))

    @property
    def gone(self) -> list[int]:
        return list(map(number_of, gone_ids(self.given)))

    @property
    def cursor(self) -> CheckpointJson | None:
        return last_cursor(self.given)

    def article(self, number: int) -> Article:
        return next(one for one in articles(self.given) if number_of(one.id) == number)


def number_of(article_id: str) -> int:
    return int(article_id.rpartition(":")[2])


def pull(
    blog: FakeWordPress,
    cursor: CheckpointJson | None = None,
    *,
    most: int | None = None,
    path: str = "/",
    auth: tuple[str, str] | None = None,
    scope: PullScope = EVERYTHING_NEW,
    stored: Sequence[int] = (),
) -> Pull:
    """Pull all, or the first things only, as if it was interrupted then.

    Args:
        blog: the site.
        cursor: where the last pull left it.
        most: how many things.
        path: of the address.
        auth: name and password.
        scope: the types and taxonomies that are named.
        stored: numbers of posts whose articles are in the store.
    """
    fetcher = DirectFetcher(blog, auth)
    ids = [wordpress_id(blog.base, number) for number in stored]

    def among(prefix: str) -> list[str]:
        return [one for one in ids if one.startswith(prefix)]

    source = WordPress(blog.base + path, fetcher, replace(scope, stored_ids=among))
    given = list(islice(source.pull(cursor, silent), most))
    return Pull(given, fetcher.requests)


def is_sweep(parameters: Mapping[str, str]) -> bool:
    return "include" not in parameters


def is_reading(parameters: Mapping[str, str]) -> bool:
    return "_embed" in parameters


POSTS = "/wp/v2/posts"


# --- all of it ---


def test_the_first_pull_gives_every_post_once_the_newest_first(blog: FakeWordPress) -> None:
    first = pull(blog)
    assert first.articles == list(range(230, 0, -1))
    assert first.article(17).title == "Story 17"
    assert first.article(17).section == "City"
    assert first.article(17).authors == ("Zarina Desk",)


def test_a_second_pull_gives_nothing_and_asks_once_a_hundred_posts(blog: FakeWordPress) -> None:
    second = pull(blog, pull(blog).cursor)
    assert records(second.given) == []
    assert second.requests == 8  # front page, index, three pages of ids, three kinds of names
    orders = {asked.get("orderby") for route, asked in blog.asked if route == POSTS}
    assert orders == {"id"}  # and never by time


def test_marks_come_after_each_hundred_posts_and_at_the_end(blog: FakeWordPress) -> None:
    kinds = "".join("M" if isinstance(one, Mark) else "r" for one in pull(blog).given)
    assert kinds == "r" * 100 + "M" + "r" * 100 + "M" + "r" * 30 + "MM"


def test_an_interrupted_pull_continues_and_misses_no_new_post(
    blog: FakeWordPress,
) -> None:
    begun = pull(blog, most=201 + 1)  # two hundred posts, and both marks
    blog.posts.append(fake_post(231))
    blog.remove(5)
    rest = pull(blog, begun.cursor)
    assert begun.articles == list(range(230, 30, -1))
    assert rest.articles == [231, *range(30, 5, -1), *range(4, 0, -1)]
    assert records(pull(blog, rest.cursor).given) == []


def test_an_empty_site_gives_a_mark_alone(blog: FakeWordPress) -> None:
    blog.posts = []
    assert [type(one) for one in pull(blog).given] == [Mark]


# --- what changes ---


@pytest.fixture
def known(blog: FakeWordPress) -> CheckpointJson:
    """Where a first pull left the site; an hour has passed since."""
    cursor = pull(blog).cursor
    assert cursor is not None
    blog.now += timedelta(hours=1)
    return cursor


@pytest.mark.parametrize("status", ["draft", "private", None])
def test_a_post_that_is_withdrawn_or_deleted_is_gone_once_and_read_when_it_returns(
    blog: FakeWordPress, known: CheckpointJson, status: str | None
) -> None:
    if status:
        blog.post(40)["status"] = status  # some plugins leave the time of modification as it is
    else:
        blog.remove(40)
    second = pull(blog, known)
    assert (second.gone, second.articles) == ([40], [])
    third = pull(blog, second.cursor)
    assert records(third.given) == []
    blog.remove(40)
    blog.posts.append(fake_post(40))
    assert pull(blog, third.cursor).articles == [40]


def test_a_password_takes_an_article_away_and_its_end_brings_it_back(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    blog.edit(40, content={"rendered": "", "protected": True})
    second = pull(blog, known)
    assert second.gone == [40]
    third = pull(blog, second.cursor)
    blog.now += timedelta(minutes=1)
    blog.edit(40, content={"rendered": "<p>Open again.</p>", "protected": False})
    assert (records(third.given), pull(blog, third.cursor).articles) == ([], [40])


def test_a_post_behind_a_password_from_the_first_is_never_reported(blog: FakeWordPress) -> None:
    blog.edit(40, content={"rendered": "", "protected": True})
    first = pull(blog)
    blog.remove(40)
    assert 40 not in first.articles
    assert left_out(first.given) == ["password"]
    assert records(pull(blog, first.cursor).given) == []


@pytest.mark.parametrize(
    ("collection", "number", "field"),
    [("categories", 2, "section"), ("tags", 3, "tags"), ("users", 1, "authors")],
)
def test_a_changed_name_reaches_every_article_that_has_it(
    blog: FakeWordPress, collection: str, number: int, field: str
) -> None:
    blog.posts = [fake_post(n, tags=[3] if n < 5 else [4]) for n in range(1, 8)]
    first = pull(blog)
    blog.names[collection][number] = "Renamed"
    second = pull(blog, first.cursor)
    having = [4, 3, 2, 1] if collection == "tags" else [7, 6, 5, 4, 3, 2, 1]
    assert second.articles == having
    assert {str(getattr(second.article(n), field)) for n in having} <= {"Renamed", "('Renamed',)"}
    assert records(pull(blog, second.cursor).given) == []


def test_a_pull_that_stops_before_the_renamed_are_read_does_not_forget_them(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    blog.names["categories"][2] = "Town"
    begun = pull(blog, known, most=101)
    assert len(pull(blog, begun.cursor).articles) == 230


def test_a_post_edited_in_the_second_in_which_it_was_read_is_read_again(
    blog: FakeWordPress,
) -> None:
    blog.edit(40, title={"rendered": "First"})
    first = pull(blog)
    blog.edit(40, title={"rendered": "Second"})
    blog.now += timedelta(minutes=1)
    second = pull(blog, first.cursor)
    assert second.article(40).title == "Second"
    assert records(pull(blog, second.cursor).given) == []


# --- a large site ---


@pytest.fixture
def large(blog: FakeWordPress, monkeypatch: pytest.MonkeyPatch) -> FakeWordPress:
    """The same site, where 230 posts are many."""
    monkeypatch.setattr("recommender.sources.wordpress.checkpoint.ALWAYS_SWEPT", 200)
    monkeypatch.setattr("recommender.sources.wordpress.checkpoint.SWEEP_REST_SECONDS", 3_600)
    return blog


def test_only_late_posts_of_a_large_site_are_requested(
    large: FakeWordPress, known: CheckpointJson
) -> None:
    large.edit(40)
    late = f"{large.now:%Y-%m-%dT%H:%M:%S}"
    large.posts.append(fake_post(500, date_gmt=late, modified_gmt="2026-07-01T00:00:00"))
    large.remove(41)
    second = pull(large, known)
    assert (second.articles, second.gone) == ([500, 40], [])
    assert second.requests == 5  # front page, index, modified, published, the two posts


def test_a_large_site_is_compared_whole_after_a_while(
    large: FakeWordPress, known: CheckpointJson
) -> None:
    large.remove(41)
    second = pull(large, known)
    large.now += timedelta(hours=3)
    assert (second.gone, pull(large, second.cursor).gone) == ([], [41])


def test_many_names_are_compared_in_turns(blog: FakeWordPress) -> None:
    blog.names["tags"] = {number: f"tag {number}" for number in range(1, 451)}
    first = pull(blog)
    blog.posts[0]["tags"] = [450]
    blog.names["tags"][450] = "renamed"
    cursor, found = first.cursor, []
    for _ in range(3):
        pulled = pull(blog, cursor)
        cursor = pulled.cursor
        found.append([pulled.article(n).tags for n in pulled.articles])
    assert found == [[("renamed",)], [], [("renamed",)]]


# --- traps ---


def test_a_post_withdrawn_in_the_middle_of_a_crawl_hides_no_other(blog: FakeWordPress) -> None:
    def withdraw(_route: str, parameters: Mapping[str, str]) -> None:
        if parameters.get("page") == "2":
            blog.remove(7)

    blog.spoil = withdraw
    assert sorted(pull(blog).articles) == [n for n in range(1, 231) if n != 7]


def test_a_post_that_a_crawl_misses_is_not_taken_for_gone(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    rows = [fake_post(n, link=f"{blog.base}/story-{n}/") for n in range(1, 100)]
    short: Reply = (200, rows, {"X-WP-Total": "230", "X-WP-TotalPages": "3"})
    blog.spoil = lambda route, asked: short if route == POSTS and asked.get("page") == "1" else None
    assert records(pull(blog, known).given) == []


def test_posts_that_a_list_omits_but_the_site_shows_are_not_removed(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    blog.spoil = lambda route, _asked: NOTHING if route == POSTS else None
    second = pull(blog, known)
    assert (records(second.given), left_out(second.given)) == ([], ["unlisted"] * 230)
    blog.spoil = FakeWordPress.spoil
    blog.edit(40)
    assert pull(blog, second.cursor).articles == [40]


REFUSALS: Mapping[str, Reply] = {
    "a firewall's page": (403, "<html><body>Forbidden</body></html>", {}),
    "a page that is not found": (404, "<html><body>Not found</body></html>", {}),
    "a closed route": NO_ROUTE,
    "a plugin": refuse(401, "rest_cannot_access", "Members only."),
    "another post": (200, {"id": 4_000, "status": "publish"}, {}),
    "no code": (403, {"error": "blocked"}, {}),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_that_is_not_by_wordpress_removes_no_post(
    blog: FakeWordPress, known: CheckpointJson, refusal: Reply
) -> None:
    def forget(route: str, parameters: Mapping[str, str]) -> Reply | None:
        if "/posts/" in route:
            return refusal
        is_missing = "40" in parameters.get("include", "").split(",") or is_sweep(parameters)
        return NOTHING if route == POSTS and is_missing else None

    blog.spoil = forget
    second = pull(blog, known)
    faults = refusals(second.given)
    assert (second.gone, second.articles, len(faults)) == ([], [], 100)
    assert f": the post cannot be read: {blog.base}/wp-json/" in faults[0]
    blog.spoil = FakeWordPress.spoil
    blog.remove(40)
    assert pull(blog, second.cursor).gone == [40]


def test_a_pull_asks_for_few_posts_of_a_site_that_goes_away(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    answers = {POSTS: NOTHING} | {f"{POSTS}/{number}": OUT_OF_MEMORY for number in range(1, 231)}
    blog.spoil = lambda route, _asked: answers.get(route)
    second = pull(blog, known)
    asked = [route for route, _ in blog.asked if "/posts/" in route]
    assert (second.gone, len(refusals(second.given))) == ([], 230)
    assert asked == [f"{POSTS}/{n}" for at in (1, 101, 201) for n in range(at, at + 5)]


@pytest.mark.parametrize("cap", [1, 50, 99])
def test_a_site_that_answers_with_fewer_posts_than_requested_loses_none(
    blog: FakeWordPress, cap: int
) -> None:
    def cut(_route: str, parameters: Mapping[str, str]) -> Reply | None:
        if is_reading(parameters) and int(parameters["per_page"]) > cap:
            return blog._listing("post", {**parameters, "per_page": str(cap)})  # noqa: SLF001 - its own
        return None

    blog.spoil = cut
    first = pull(blog)
    assert sorted(first.articles) == list(range(1, 231))
    blog.now += timedelta(hours=1)
    for number in range(1, 131):
        blog.edit(number)
    second = pull(blog, first.cursor)
    assert (sorted(second.articles), second.gone) == (list(range(1, 131)), [])


def test_posts_that_an_empty_answer_hides_are_read_by_their_own_addresses(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    for number in range(1, 31):
        blog.edit(number, title={"rendered": f"Story {number}, corrected"})

    def hide(route: str, parameters: Mapping[str, str]) -> Reply | None:
        if route != POSTS or not is_reading(parameters):
            return None
        blog.remove(5)
        blog.post(6)["status"] = "draft"
        return NOTHING

    blog.spoil = hide
    second = pull(blog, known)
    assert sorted(second.articles) == [1, 2, 3, 4, *range(7, 31)]
    assert second.article(7).title == "Story 7, corrected"
    assert second.article(7).section == "City"
    assert second.gone == [6, 5]


@pytest.mark.parametrize("headers", [{}, {"X-WP-Total": "9000", "X-WP-TotalPages": "900"}])
def test_wrong_or_missing_totals_end_at_the_last_post(
    blog: FakeWordPress, headers: dict[str, str]
) -> None:
    def miscount(_route: str, parameters: Mapping[str, str]) -> Reply | None:
        if not is_sweep(parameters) or "page" not in parameters or "orderby" not in parameters:
            return None
        begin = 100 * (int(parameters["page"]) - 1)
        rows = [post | {"link": ""} for post in blog.posts[begin : begin + 100]]
        return (200, rows, headers) if rows else PAST_THE_END

    blog.spoil = miscount
    assert len(pull(blog).articles) == 230


def test_a_pull_ends_if_every_page_is_answered_with_the_first(blog: FakeWordPress) -> None:
    first: Reply = (200, [fake_post(n) for n in range(1, 101)], {"X-WP-TotalPages": "9000"})
    blog.spoil = lambda route, asked: first if route == POSTS and is_sweep(asked) else None
    assert len(pull(blog).articles) == 100


@pytest.mark.parametrize(
    ("most", "is_too_heavy"),
    [
        (50, lambda route, asked: is_sweep(asked) and route == POSTS),
        (20, lambda _route, asked: is_reading(asked)),
    ],
    ids=["ids", "posts"],
)
def test_a_list_that_is_too_heavy_is_read_in_smaller_pages(
    blog: FakeWordPress, most: int, is_too_heavy: Callable[[str, Mapping[str, str]], bool]
) -> None:
    def overload(route: str, parameters: Mapping[str, str]) -> Reply | None:
        is_large = int(parameters.get("per_page", "0")) > most
        return OUT_OF_MEMORY if is_large and is_too_heavy(route, parameters) else None

    blog.spoil = overload
    assert pull(blog).articles == list(range(230, 0, -1))


def test_a_post_that_fails_alone_is_reported_and_tried_again_the_next_time(
    blog: FakeWordPress,
) -> None:
    blog.spoil = lambda _route, asked: (
        WEB_PAGE if is_reading(asked) and "40" in asked.get("include", "").split(",") else None
    )
    first = pull(blog)
    (fault,) = refusals(first.given)
    assert "answers 200 with a web page, not JSON" in fault
    assert len(first.articles) == 229
    blog.spoil = FakeWordPress.spoil
    assert pull(blog, first.cursor).articles == [40]


@pytest.mark.parametrize(
    "odd", ["[" * 100_000, '{"a":' * 50_000, "", "null", "[5]", '[{"id":' + "9" * 5_000 + "}]"]
)
def test_answers_that_are_no_list_of_posts_end_in_an_error(blog: FakeWordPress, odd: str) -> None:
    blog.spoil = lambda route, _asked: (200, odd, {}) if route == POSTS else None
    with pytest.raises(BadSource, match="answers 200"):
        pull(blog)


# --- where it is, and who asks ---


@pytest.mark.parametrize(
    ("path", "is_pretty", "is_linked"),
    [
        *(("", True, True), ("/", True, False), ("/wp-json/wp/v2/posts?page=2", True, True)),
        *(("/", False, True), ("/", False, False), ("/?rest_route=/", False, True)),
        ("/index.php?rest_route=/wp/v2/posts", False, False),
    ],
)
def test_a_site_is_found_by_its_page_or_its_interface(
    blog: FakeWordPress, path: str, *, is_pretty: bool, is_linked: bool
) -> None:
    blog.is_pretty, blog.is_linked = is_pretty, is_linked
    assert len(pull(blog, path=path).articles) == 230


def test_a_site_in_trouble_is_distinguished_from_one_that_is_none(blog: FakeWordPress) -> None:
    """Its page is there, and no interface answers; the other has trouble in the middle."""
    blog.spoil = lambda route, _asked: (500, "<html>Error</html>", {}) if route else None
    with pytest.raises(SourceAway, match="no REST interface"):
        pull(blog)
    blog.spoil = lambda route, _asked: OUT_OF_MEMORY if route == POSTS else None
    with pytest.raises(SourceAway, match="answers 500: Memory"):
        pull(blog)


def test_another_kind_of_site_is_refused_with_what_to_give(blog: FakeWordPress) -> None:
    blog.spoil = lambda _route, _asked: WEB_PAGE
    with pytest.raises(BadSource, match=r"no REST interface.*front page or of /wp-json/$"):
        pull(blog)


def test_a_site_that_moved_is_refused_before_ids_change(
    blog: FakeWordPress, known: CheckpointJson
) -> None:
    with pytest.raises(BadSource, match=r"was https://old\.example.*--again"):
        pull(blog, {**known, "home": "https://old.example"})


def test_a_closed_site_opens_to_an_application_password(blog: FakeWordPress) -> None:
    blog.closed = frozenset({"posts", "users"})
    with pytest.raises(BadSource, match="answers 401: Sorry, you are not allowed"):
        pull(blog)
    assert len(pull(blog, auth=blog.login).articles) == 230


def test_a_pull_checks_the_user_first_so_a_wrong_password_is_an_error(
    blog: FakeWordPress,
) -> None:
    pull(blog, auth=blog.login)
    assert [route for route, _ in blog.asked[:3]] == ["", "/wp/v2/users/me", "/"]
    with pytest.raises(BadSource, match="application password"):
        pull(blog, auth=("editor", "wrong"))


def test_a_site_with_hidden_authors_is_pulled(blog: FakeWordPress) -> None:
    blog.closed = frozenset({"users"})
    first = pull(blog)
    assert len(first.articles) == 230
    assert records(pull(blog, first.cursor).given) == []


# --- what is stored of the site ---


def test_an_article_whose_post_was_deleted_before_any_pull_is_gone(blog: FakeWordPress) -> None:
    blog.remove(7)
    found = pull(blog, stored=[6, 7, 999])
    assert found.gone == [7, 999]
    assert 6 in found.articles
    again = pull(blog, found.cursor, stored=[6])
    assert (again.gone, again.requests) == ([], 8)  # what a pull without a store asks


def test_a_later_pull_finds_it_too(blog: FakeWordPress, known: CheckpointJson) -> None:
    assert pull(blog, known, stored=[999]).gone == [999]


@pytest.mark.parametrize("kind", ["page", "game"])
def test_an_article_of_a_type_that_is_not_read_stays_while_the_site_shows_it(
    blog: FakeWordPress, kind: str
) -> None:
    """A plugin pushed it; `game` is in no list of the REST interface."""
    blog.posts.append(fake_post(300, type=kind))
    first = pull(blog, stored=[300])
    assert (first.gone, left_out(first.given)) == ([], ["stored before"])
    blog.post(300)["status"] = "draft"
    assert pull(blog, first.cursor, stored=[300]).gone == [300]


@pytest.mark.parametrize("status", [200, 403, 500])
def test_nothing_is_gone_while_the_site_does_not_say_so(blog: FakeWordPress, status: int) -> None:
    blog.spoil = lambda route, parameters: (
        (status, "<html>Wait</html>", {}) if not route and "p" in parameters else None
    )
    assert pull(blog, stored=[999]).gone == []


def test_ids_that_name_no_post_are_left_alone(blog: FakeWordPress) -> None:
    ids = ["wp:blog.example~3A8080:x", "wp:blog.example~3A8080:", "wp:blog.example~3A8080:~~1f"]
    scope = PullScope((), lambda _prefix: ids)
    given = list(WordPress(blog.base, DirectFetcher(blog), scope).pull(None, silent))
    assert gone_ids(given) == []


# --- types of posts ---


def test_pages_are_read_where_they_are_asked_for(blog: FakeWordPress) -> None:
    blog.posts += [fake_post(300, type="page"), fake_post(301, type="game")]
    both = pull(blog, scope=PullScope(("post", "page")))
    assert sorted(both.articles) == [*range(1, 231), 300]
    assert both.article(300).title == "Story 300"


def test_the_types_of_the_last_pull_are_read_again(blog: FakeWordPress) -> None:
    cursor = pull(blog, scope=PullScope(("post", "page"))).cursor
    blog.now += timedelta(hours=1)
    blog.posts.append(fake_post(300, type="page"))
    blog.edit(9)
    assert sorted(pull(blog, cursor).articles) == [9, 300]


def test_a_type_that_is_asked_for_no_longer_is_removed_and_a_new_one_is_read(
    blog: FakeWordPress,
) -> None:
    blog.posts.append(fake_post(300, type="page"))
    only_posts = pull(blog)
    more = pull(blog, only_posts.cursor, scope=PullScope(("post", "page")))
    assert (more.articles, more.gone) == ([300], [])
    fewer = pull(blog, more.cursor, scope=PullScope(("post",)))
    assert (fewer.articles, fewer.gone) == ([], [300])


def test_a_page_that_is_trashed_is_gone(blog: FakeWordPress) -> None:
    blog.posts.append(fake_post(300, type="page"))
    first = pull(blog, scope=PullScope(("post", "page")))
    blog.post(300)["status"] = "trash"
    blog.post(12)["status"] = "trash"
    assert pull(blog, first.cursor).gone == [12, 300]


def test_a_renamed_category_reads_no_page_again(blog: FakeWordPress) -> None:
    blog.posts.append(fake_post(300, type="page", categories=[]))
    first = pull(blog, scope=PullScope(("page", "post")))
    blog.names["categories"][2] = "Town"
    blog.now += timedelta(hours=1)
    assert pull(blog, first.cursor).articles == list(range(230, 0, -1))


@pytest.mark.parametrize("name", ["game", "font"])
def test_a_type_that_the_interface_does_not_show_is_refused(blog: FakeWordPress, name: str) -> None:
    with pytest.raises(BadSource, match=f"shows no post type '{name}'; it shows page, post"):
        pull(blog, scope=PullScope(("post", name)))


# --- taxonomies ---

SECTIONS = PullScope(section_taxonomy="desk")
DESKS = replace(SECTIONS, tag_taxonomies=("place", "post_tag"))


@pytest.fixture
def desks(blog: FakeWordPress) -> FakeWordPress:
    """Seven posts of a site that has desks and places beside categories and tags."""
    blog.taxonomies |= {"place": "places", "desk": "desks"}
    blog.names |= {"desks": {5: "Sport", 6: "Harbour"}, "places": {7: "Osh", 8: "Khujand"}}
    blog.posts = [fake_post(n, desks=[6, 5], places=[7], tags=[3]) for n in range(1, 7)]
    blog.posts.append(fake_post(7))
    return blog


def test_sections_and_tags_are_read_of_the_taxonomies_asked_for(desks: FakeWordPress) -> None:
    first = pull(desks, scope=DESKS)
    assert (first.article(1).section, first.article(1).tags) == ("Sport", ("Osh", "port"))
    assert (first.article(7).section, first.article(7).tags) == (None, ())


def test_the_taxonomies_of_the_last_pull_are_read_again(desks: FakeWordPress) -> None:
    first = pull(desks, scope=replace(DESKS, tag_taxonomies=("place",)))
    desks.now += timedelta(hours=1)
    desks.post(2)["desks"] = [6]  # without a save
    desks.names["places"][8] = "Khujand and around"
    second = pull(desks, first.cursor)
    assert [(n, second.article(n).section) for n in second.articles] == [(2, "Harbour")]
    desks.post(3)["places"] = [8]
    desks.names["desks"][5] = "Sports"
    third = pull(desks, second.cursor)
    assert third.articles == [6, 5, 4, 3, 1]
    assert third.article(3).tags == ("Khujand and around",)
    assert third.article(1).section == "Sports"
    assert records(pull(desks, third.cursor).given) == []


def test_for_other_taxonomies_every_post_is_read_once_more(desks: FakeWordPress) -> None:
    first = pull(desks)
    assert first.article(1).section == "City"
    begun = pull(desks, first.cursor, scope=SECTIONS, most=3)
    assert begun.articles == [7, 6, 5]
    other = pull(desks, first.cursor, scope=SECTIONS)
    assert other.articles == [7, 6, 5, 4, 3, 2, 1]
    assert other.article(1).tags == ("port",)
    assert records(pull(desks, other.cursor).given) == []
    assert (
        len(
            pull(desks, other.cursor, scope=replace(SECTIONS, section_taxonomy="category")).articles
        )
        == 7
    )


def test_a_taxonomy_that_the_interface_does_not_show_is_refused(desks: FakeWordPress) -> None:
    shown = "shows no taxonomy 'mood'; it shows category, desk, place, post_tag"
    with pytest.raises(BadSource, match=shown):
        pull(desks, scope=PullScope(tag_taxonomies=("mood",)))
