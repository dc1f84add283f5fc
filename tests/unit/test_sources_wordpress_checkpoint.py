"""The checkpoint that a pull of a WordPress site leaves to the next pull."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.sources.wordpress.checkpoint import (
    KnownNames,
    KnownPost,
    ListedPost,
    WordPressCheckpoint,
    changed_after,
    is_full_sweep_due,
    listed_post,
    numbers_to_read,
)
from recommender.sources.wordpress.taxonomies import Taxonomies

HOME = "https://news.example"
NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
CHECKSUMS = st.integers(0, 2**32 - 1)
NUMBERS = st.integers(1, 2**63 - 1)
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0))
CHECKPOINTS = st.builds(
    WordPressCheckpoint,
    st.just(HOME),
    st.dictionaries(NUMBERS, st.builds(KnownPost, CHECKSUMS, st.booleans())),
    st.dictionaries(
        st.sampled_from(["tags", "users"]),
        st.builds(KnownNames, st.dictionaries(NUMBERS, CHECKSUMS), st.integers(1, 99)),
    ),
    MOMENTS,
    st.sampled_from(["", "2026-10-20T12:00:00Z"]),
    MOMENTS,
    st.sampled_from([("post",), ("page", "news")]),
    st.sampled_from([Taxonomies(), Taxonomies("desk", ("place", "post_tag"))]),
)


@given(CHECKPOINTS)
def test_a_memory_survives_as_json(checkpoint: WordPressCheckpoint) -> None:
    assert WordPressCheckpoint.of(json.loads(json.dumps(checkpoint.to_json())), HOME) == checkpoint


def test_without_a_cursor_or_with_one_of_another_format_nothing_is_remembered() -> None:
    assert WordPressCheckpoint.of(None, HOME) == WordPressCheckpoint(HOME)
    assert WordPressCheckpoint.of({"format": 0, "pages": 3}, HOME) == WordPressCheckpoint(HOME)


def test_a_checkpoint_from_before_there_were_taxonomies_read_categories_and_tags() -> None:
    written = {**WordPressCheckpoint(HOME).to_json()}
    del written["taxonomies"]
    assert WordPressCheckpoint.of(written, HOME).taxonomies == Taxonomies("category", ("post_tag",))


def test_a_hundred_thousand_posts_are_remembered_in_two_megabytes() -> None:
    posts = {n * 3: KnownPost(n * 40_000, is_article=True) for n in range(1, 100_001)}
    assert len(json.dumps(WordPressCheckpoint(HOME, posts).to_json())) < 2_000_000


POST = {
    "id": 7,
    "modified_gmt": "2026-10-20T11:00:00",
    "link": "https://news.example/tram/",
    "categories": [2, 1],
    "tags": [3],
    "author": 1,
    "featured_media": 0,
}


@pytest.mark.parametrize(
    "changed",
    [
        *({"modified_gmt": "2026-10-20T11:00:01"}, {"link": "https://news.example/2026/tram/"}),
        *({"categories": [2]}, {"tags": []}, {"author": 2}, {"featured_media": 9}),
    ],
)
def test_a_checksum_shows_what_changes_without_a_save(changed: dict[str, object]) -> None:
    assert listed_post(POST | changed).checksum != listed_post(POST).checksum


def test_a_checksum_is_the_same_for_the_whole_post_and_whatever_the_order_of_terms() -> None:
    whole = POST | {"title": {"rendered": "Tram"}, "categories": [1, 2]}
    assert listed_post(whole) == listed_post(POST)
    assert listed_post(POST).modified == "2026-10-20T11:00:00Z"


def test_new_and_changed_posts_and_posts_modified_while_read_are_read() -> None:
    old, other = ListedPost("2026-10-20T10:00:00Z", 1), ListedPost("2026-10-20T10:00:00Z", 2)
    as_read = ListedPost("2026-10-20T12:00:00Z", 1)
    checkpoint = WordPressCheckpoint(
        HOME, {n: KnownPost(1, is_article=True) for n in (1, 2, 3, 9)}, since=NOON
    )
    assert numbers_to_read({1: old, 2: other, 3: as_read, 4: old}, checkpoint) == {2, 3, 4}


@pytest.mark.parametrize(
    ("posts", "swept", "now", "due"),
    [
        *((5_000, NOON, NOON, True), (5_001, NOON, NOON, False)),
        (20_000, NOON, NOON + timedelta(hours=0.3), False),
        (20_000, NOON, NOON + timedelta(hours=0.4), True),
        # The clock was put back; it never was swept; it does not give the time.
        *((20_000, NOON, NOON - timedelta(hours=1), True), (9_000, None, NOON, True)),
        (9_000, NOON, None, True),
    ],
)
def test_a_large_site_is_swept_at_ten_pages_a_minute_on_average(
    posts: int, swept: datetime | None, now: datetime | None, *, due: bool
) -> None:
    known = {n: KnownPost(1, is_article=True) for n in range(1, posts + 1)}
    checkpoint = WordPressCheckpoint(HOME, known, since=NOON, swept=swept)
    assert is_full_sweep_due(checkpoint, now) == due


def test_late_posts_are_requested_from_a_second_before_the_last_pull_or_newest_post() -> None:
    assert changed_after(WordPressCheckpoint(HOME, since=NOON)) == "2026-10-20T11:59:59Z"
    before = WordPressCheckpoint(HOME, since=NOON, newest="2026-10-20T11:00:00Z")
    assert changed_after(before) == "2026-10-20T10:59:59Z"


def test_a_site_whose_posts_are_of_the_first_second_of_all_has_no_second_before() -> None:
    first = datetime.min.replace(tzinfo=UTC)
    checkpoint = WordPressCheckpoint(
        HOME, {1: KnownPost(1, is_article=True)}, since=first, newest="0001-01-01T00:00:00Z"
    )
    assert changed_after(checkpoint) == "0001-01-01T00:00:00Z"
    assert numbers_to_read({1: ListedPost("0001-01-01T00:00:00Z", 1)}, checkpoint) == {1}
