"""A post as an article, field by field."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import silent
from recommender.sources.article_ids import wordpress_id
from recommender.sources.source import Gone, Record
from recommender.sources.wordpress import WordPressFile
from recommender.sources.wordpress.checkpoint import ListedPost, listed_post
from recommender.sources.wordpress.posts import read_post
from tests.support.pulled import ids, records

HOME = "https://news.example"
Json = dict[str, Any]


def answer(**fields: object) -> Json:
    """A post as the REST interface answers it with all that is asked for."""
    return {
        "id": 7,
        "status": "publish",
        "type": "post",
        "date_gmt": "2026-03-01T04:30:00",
        "modified_gmt": "2026-03-02T05:00:00",
        "link": "https://news.example/2026/tram/",
        "title": {"rendered": "Tram line opens"},
        "content": {"rendered": "<p>The first tram left at dawn.</p>\n", "protected": False},
        "excerpt": {"rendered": "<p>Ten years late.</p>\n", "protected": False},
        "_embedded": {
            "author": [{"id": 1, "name": "Zarina Desk"}],
            "wp:featuredmedia": [{"id": 9, "source_url": "https://news.example/up/tram.jpg"}],
            "wp:term": [
                [
                    {"id": 5, "taxonomy": "category", "name": "City", "slug": "city"},
                    {"id": 1, "taxonomy": "category", "name": "Sundry", "slug": "uncategorized"},
                ],
                [{"id": 8, "taxonomy": "post_tag", "name": "R&amp;D", "slug": "r-d"}],
            ],
        },
    } | fields


def article_of(**fields: object) -> Article:
    article = read_post(answer(**fields), HOME)
    assert isinstance(article, Article), article
    return article


def fault_of(**fields: object) -> str:
    fault = read_post(answer(**fields), HOME)
    assert isinstance(fault, InvalidArticle), fault
    return str(fault)


def embedded(**groups: object) -> Json:
    return {"_embedded": answer()["_embedded"] | groups}


def test_a_post_becomes_an_article_with_all_fields_that_wordpress_gives() -> None:
    assert article_of().to_document() == {
        "id": "wp:news.example:7",
        "title": "Tram line opens",
        "body_html": "<p>The first tram left at dawn.</p>\n",
        "summary": "Ten years late.",
        "url": "https://news.example/2026/tram/",
        "section": "City",
        "tags": ["R&D"],
        "authors": ["Zarina Desk"],
        "image_url": "https://news.example/up/tram.jpg",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T05:00:00Z",
        "attributes": {"site": "news.example"},
    }


def test_an_id_is_the_home_address_without_scheme_and_the_number() -> None:
    assert wordpress_id("https://News.example/Tj/", 123) == "wp:news.example~2FTj:123"
    assert wordpress_id("http://127.0.0.1:8080", 123) == "wp:127.0.0.1~3A8080:123"
    assert wordpress_id("https://news.example", 123) == "wp:news.example:123"


def test_an_excerpt_that_was_cut_from_the_text_is_no_summary() -> None:
    assert article_of(excerpt={"rendered": "<p>The first tram left [&hellip;]</p>"}).summary == ""


def test_the_section_is_the_oldest_category_but_the_one_for_posts_without() -> None:
    groups = [
        [
            {"id": 9, "taxonomy": "category", "name": "Sport", "slug": "sport"},
            {"id": 4, "taxonomy": "category", "name": "Arts &amp; Books", "slug": "arts"},
            {"id": 1, "taxonomy": "category", "name": "Без рубрики", "slug": "bez-rubriki"},
        ]
    ]
    assert article_of(**embedded(**{"wp:term": groups})).section == "Arts & Books"
    assert article_of(**embedded(**{"wp:term": [groups[0][2:]]})).section is None


def test_several_authors_give_their_display_names_and_no_login() -> None:
    both = [
        {"taxonomy": "author", "name": "Ann Lee", "slug": "ann-lee"},
        {"taxonomy": "author", "name": "Bo Ek", "slug": "bo-ek"},
    ]
    assert article_of(**embedded(**{"wp:term": [both]})).authors == ("Ann Lee", "Bo Ek")
    logins = [{"taxonomy": "author", "name": "zdesk", "slug": "zdesk"}]
    assert article_of(**embedded(**{"wp:term": [logins]})).authors == ("Zarina Desk",)


def test_an_author_or_image_that_the_site_keeps_closed_is_left_out() -> None:
    closed = [{"code": "rest_user_cannot_view", "message": "Sorry", "data": {"status": 401}}]
    article = article_of(**embedded(**{"author": closed, "wp:featuredmedia": closed}))
    assert (article.authors, article.image_url) == ((), None)


@pytest.mark.parametrize("date", ["0000-00-00T00:00:00", "2026-00-12T00:00:00", None, 5, "soon"])
def test_a_time_that_is_none_is_left_out(date: object) -> None:
    article = article_of(date_gmt=date, modified_gmt=date)
    assert (article.published_at, article.updated_at) == (None, None)


def test_a_post_without_a_title_or_without_a_text_is_an_article() -> None:
    assert article_of(title={"rendered": ""}).title == ""
    assert article_of(content={"rendered": "\n"}).body_html == ""


@pytest.mark.parametrize(
    "fields",
    [
        *({"status": one} for one in ("draft", "private", "future", "pending", "trash", "inherit")),
        {"content": {"rendered": "", "protected": True}},
    ],
)
def test_a_post_that_is_not_public_is_gone(fields: Json) -> None:
    assert read_post(answer(**fields), HOME) == Gone("wp:news.example:7")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": {}, "content": {"rendered": ""}}, "a title or a body is required"),
        ({"type": "page"}, "/type: is 'page'; only posts become articles"),
        ({"id": None}, "/id: must be the number of the post"),
        ({"id": True}, "/id: must be the number of the post"),
        ({"id": -1}, "/id: must be the number of the post"),
        (
            {"content": {"rendered": "\u00e9" * 2_097_153}},
            "/body_html: is longer than 4194304 bytes",
        ),
    ],
)
def test_a_record_that_is_no_post_is_refused_with_its_reason(fields: Json, reason: str) -> None:
    assert reason in fault_of(**fields)


def test_other_objects_of_the_interface_are_refused() -> None:
    fault = read_post({"id": 29, "name": "Zarina Desk", "slug": "zarina"}, HOME)
    assert str(fault) == "this is no post; /content: is missing, and so is the title"


@pytest.mark.parametrize("odd", [None, 5, "text", [], {"wp:term": "x"}, {"wp:term": [5, [5]]}])
def test_embedded_values_of_another_shape_are_ignored(odd: object) -> None:
    article = article_of(_embedded=odd)
    assert (article.section, article.tags, article.authors) == (None, (), ())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rendered", "self", "href", "name", "wp:term"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*answer(), "_links", "guid"]), VALUES))
def test_fields_of_any_shape_give_an_article_or_a_reason(odd: Json) -> None:
    assert isinstance(read_post(answer(**odd), HOME), Article | Gone | InvalidArticle)
    assert isinstance(listed_post(answer(**odd)), ListedPost)


# --- posts in a file ---

SELF = "https://news.example/tj/wp-json/wp/v2/posts/7"
SAVED: dict[str, Any] = {
    "id": 7,
    "type": "post",
    "status": "publish",
    "link": "https://news.example/tram/",
    "title": {"rendered": "Tram"},
    "content": {"rendered": "<p>It left.</p>"},
    "_links": {"self": [{"href": SELF}]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "posts.json"


def pull(file: Path, text: str | bytes) -> list[Record]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return records(WordPressFile(file).pull(None, silent))


def test_an_array_gives_each_post_with_the_line_on_which_it_begins(file: Path) -> None:
    text = (
        f'\n[\n{json.dumps(SAVED)},\n\n{json.dumps({"id": 8, "name": "x"}, indent=1)}, "odd"\n]\n'
    )
    found = pull(file, text)
    assert [one.place for one in found] == [f"{file}:3", f"{file}:5", f"{file}:8"]
    assert ids(found) == ["wp:news.example~2Ftj:7"]
    assert str(found[2].content) == "this is no post, but another JSON value"


def test_a_single_post_is_read_and_an_empty_array_gives_nothing(file: Path) -> None:
    """A byte order mark is passed over."""
    assert ids(pull(file, b"\xef\xbb\xbf" + json.dumps(SAVED).encode())) == [
        "wp:news.example~2Ftj:7"
    ]
    assert pull(file, " [ ] ") == []


@pytest.mark.parametrize(
    ("fields", "article_id"),
    [
        ({"_links": {"self": [{"href": SELF}]}}, "wp:news.example~2Ftj:7"),
        ({"_links": {"self": [{"href": "https://a.example/?rest_route=/wp"}]}}, "wp:a.example:7"),
        ({"_links": {}, "guid": {"rendered": "https://a.example/b/?p=7"}}, "wp:a.example~2Fb:7"),
        ({"_links": None}, "wp:news.example:7"),
    ],
)
def test_the_site_is_known_by_the_links_of_a_post(
    file: Path, fields: dict[str, object], article_id: str
) -> None:
    assert ids(pull(file, json.dumps(SAVED | fields))) == [article_id]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[\n{"id": 1,}\n]', "posts.json:2: is not JSON"),
        ("", "posts.json:1: is not JSON"),
        ("[" * 100_000, "posts.json:1: is not JSON"),
        ("[{}\n", "posts.json:2: is not JSON"),
        ("{}\n{}", "posts.json:2: more follows after the end"),
        ("[{}] x", "posts.json:1: more follows after the end"),
        (b"\xff", "is not UTF-8 (byte 0)"),
    ],
)
def test_a_file_that_is_no_json_is_refused_with_its_line(
    file: Path, text: str | bytes, reason: str
) -> None:
    with pytest.raises(BadSource, match=re.escape(reason)):
        pull(file, text)


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(BadSource, match="cannot be read"):
        list(WordPressFile(file).pull(None, silent))
