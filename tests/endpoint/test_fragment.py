"""The list as HTML: what it shows, in which language, and how a page may ask for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from lxml import html

from recommender.api import LAYOUTS
from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings

HOSTILE_URL = "https://news.example/?q=\"><script>alert(3)</script>&b='"
FILLED = "read-also__item read-also__item--fallback"
HOSTILE_TITLE = "<script>alert(\"1\")</script> & 'quotes'"


@dataclass(frozen=True)
class Page:
    """The elements of a page, as a browser parses them."""

    root: Any

    @classmethod
    def of(cls, text: str) -> "Page":
        return cls(html.document_fromstring(text))

    @property
    def texts(self) -> list[str]:
        return [text.strip() for text in self.root.itertext() if text.strip()]

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element with a tag."""
        return [dict(element.attrib) for element in self.root.iter(tag)]


def page_of(client: FlaskClient, path: str, **options: str | int) -> Page:
    response = client.get(path, query_string=options)
    assert response.status_code == 200, response.text
    assert response.content_type == "text/html; charset=utf-8"
    return Page.of(response.text)


@pytest.mark.parametrize("options", [{}, {"limit": 5}, {"mode": "latest"}, {"language": "any"}])
def test_the_fragment_shows_the_items_of_the_json_in_their_order(
    sample_client: FlaskClient, options: dict[str, str | int]
) -> None:
    path = "/v1/articles/guiyang-smart-city/related"
    items = sample_client.get(path, query_string=options).get_json()["items"]
    page = page_of(sample_client, f"{path}.html", **options)
    assert [link["href"] for link in page.all("a")] == [item["url"] for item in items]
    assert [text for text in page.texts if text in {i["title"] for i in items}] == [
        item["title"] for item in items
    ]
    languages = [item.get("lang", page.all("section")[0]["lang"]) for item in page.all("li")]
    assert languages == [item["language"] for item in items]
    assert [t["datetime"] for t in page.all("time")] == [item["published_at"] for item in items]


@pytest.mark.parametrize(
    ("seed", "language", "heading"),
    [
        ("guiyang-smart-city", "en", "Read also"),
        ("tg-chorroha", "tg", "Ҳамчунин хонед"),
    ],
)
def test_the_heading_speaks_the_language_of_the_story(
    sample_client: FlaskClient, seed: str, language: str, heading: str
) -> None:
    page = page_of(sample_client, f"/v1/articles/{seed}/related.html")
    assert page.texts[0] == heading
    assert page.all("section") == [section_of(seed, language, "ltr")]
    assert page.all("h2") == [{"class": "read-also__heading", "id": f"read-also-{seed}"}]


def section_of(seed: str, language: str, direction: str) -> dict[str, str]:
    """The attributes of a section; it is called by its heading."""
    named = {"aria-labelledby": f"read-also-{seed}"}
    return {"class": "read-also", "lang": language, "dir": direction} | named


def test_persian_runs_right_to_left(desk: FlaskClient) -> None:
    page = page_of(desk, "/v1/articles/harbour-fa/related.html")
    assert page.texts[0] == "همچنین بخوانید"
    assert page.all("section") == [section_of("harbour-fa", "fa", "rtl")]
    assert page.all("li") == [{"class": "read-also__item", "lang": "fa-IR"}]


def test_items_and_language_come_from_one_view(
    client: FlaskClient, make_story: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if a new view replaces it while the list is made."""
    follower = client.application.extensions["read-also"].follower
    follower.refresh()
    before = follower.current()
    client.put("/v1/articles/harbour-2", json=make_story("harbour-2", language="fa"))
    follower.refresh()
    after = follower.current()
    views = iter([before])
    monkeypatch.setattr(follower, "current", lambda: next(views, after))
    path = "/v1/articles/harbour-2/related.html"
    for language, direction in [("en", "ltr"), ("fa", "rtl")]:
        section = section_of("harbour-2", language, direction)
        assert page_of(client, path, language="any").all("section") == [section]


def test_a_language_without_a_heading_has_the_english_one(
    client: FlaskClient, make_story: Callable[..., dict[str, Any]]
) -> None:
    """It declares the language, so a screen reader speaks it in English."""
    client.put("/v1/articles/seed", json=make_story("seed", language="eo"))
    page = page_of(client, "/v1/articles/seed/related.html", language="en")
    assert page.texts[0] == "Read also"
    assert [heading["lang"] for heading in page.all("h2")] == ["en"]


@pytest.mark.parametrize(
    ("language", "presentation"),
    [
        ("fa", {"direction": "rtl", "heading": "همچنین بخوانید"}),
        ("eo", {"direction": "ltr", "heading": "Read also", "heading_language": "en"}),
        ("tg-Arab-AF", {"direction": "rtl", "heading": "Read also", "heading_language": "en"}),
    ],
)
def test_json_says_how_to_show_the_list_as_the_fragment_does(
    client: FlaskClient,
    make_story: Callable[..., dict[str, Any]],
    language: str,
    presentation: dict[str, str],
) -> None:
    client.put("/v1/articles/seed", json=make_story("seed", language=language))
    path = "/v1/articles/seed/related"
    plain = client.get(path, query_string={"language": "any"}).get_json()
    shown = client.get(path, query_string={"language": "any", "presentation": "1"}).get_json()
    found = shown.pop("presentation")
    assert shown == plain
    assert len(found.pop("items")) == shown["returned"]
    assert found == {"language": language} | presentation
    page = page_of(client, f"{path}.html", language="any")
    assert page.all("section") == [section_of("seed", language, presentation["direction"])]
    assert page.texts[0] == presentation["heading"]


@pytest.mark.parametrize(
    "options", [{}, {"dates": "long", "time_zone": "Asia/Dushanbe"}, {"dates": "iso"}]
)
@pytest.mark.parametrize("seed", ["guiyang-smart-city", "ru-arpa-sboyka", "tg-chorroha"])
def test_json_says_dates_and_labels_as_a_layout_does(
    sample_client: FlaskClient, seed: str, options: dict[str, str]
) -> None:
    path, query = f"/v1/articles/{seed}/related", {"language": "any", "limit": "40"} | options
    answer = sample_client.get(path, query_string=query | {"presentation": "1"}).get_json()
    page = page_of(sample_client, f"{path}.html", **query, layout="cards", labels="1")
    for item, said, shown in zip(
        answer["items"], answer["presentation"]["items"], page.root.iter("li"), strict=True
    ):
        assert said["day"]["moment"] == item["published_at"]
        (day,) = shown.iter("time")
        names = {"datetime": "moment", "lang": "language", "dir": "direction"}
        told = {name: said["day"][key] for name, key in names.items() if key in said["day"]}
        assert (day.text, dict(day.attrib)) == (said["day"]["text"], LOOK | told)
        labels = [
            (one.get("class").rpartition("--")[2], one.text, one.get("lang"))
            for one in shown.iter("span")
            if "read-also__label" in one.get("class")
        ]
        assert labels == [
            (one["kind"], one["text"], one.get("language")) for one in said.get("labels", ())
        ]
    assert any(said.get("labels") for said in answer["presentation"]["items"])


LOOK = {"class": "read-also__time"}


def test_an_item_has_a_direction_where_the_section_has_another(
    client: FlaskClient, make_story: Callable[..., dict[str, Any]]
) -> None:
    client.put("/v1/articles/seed", json=make_story("seed", language="tg-Arab-AF"))
    page = page_of(client, "/v1/articles/seed/related.html", limit=1)
    assert page.all("section") == [section_of("seed", "tg-Arab-AF", "rtl")]
    assert page.all("li") == [{"class": FILLED, "lang": "tg", "dir": "ltr"}]


def test_an_article_without_an_address_is_no_link(desk: FlaskClient) -> None:
    page = page_of(desk, "/v1/articles/harbour-2/related.html", section="farm", limit=1)
    assert page.all("a") == []
    assert page.all("span") == [{"class": "read-also__title", "dir": "auto"}]


def test_an_empty_list_has_an_empty_body(desk: FlaskClient) -> None:
    """With an empty body the include disappears with its heading."""
    for path in ("harbour-silent/related.html", "harbour-2/related.html?section=nowhere"):
        response = desk.get(f"/v1/articles/{path}")
        assert (response.status_code, response.text.strip()) == (200, "")


def test_hostile_titles_and_addresses_stay_text(desk: FlaskClient) -> None:
    page = page_of(desk, "/v1/articles/harbour-2/related.html", section="hostile")
    tags = [element.tag for element in page.root.find("body").iterdescendants()]
    assert tags == ["section", "h2", "ul", "li", "a", "span"]
    assert page.all("a") == [{"class": "read-also__link", "href": HOSTILE_URL}]
    assert HOSTILE_TITLE in page.texts


def test_a_hostile_story_stays_text_on_its_page(desk: FlaskClient) -> None:
    response = desk.get("/read/hostile")
    page = Page.of(response.text)
    assert [page.all(tag) for tag in ("script", "b")] == [[], []]
    drawings = ("/pictures/", "http://localhost/pictures/")
    assert all(image["src"].startswith(drawings) for image in page.all("img"))
    assert "'unsafe" not in response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "<b>Bold</b>" in page.texts
    assert HOSTILE_TITLE in page.texts


def test_the_page_shows_the_story_over_its_list(
    sample_client: FlaskClient, sample_articles: dict[str, dict[str, Any]]
) -> None:
    story = sample_articles["guiyang-smart-city"]
    page = page_of(sample_client, "/read/guiyang-smart-city")
    assert page.all("html") == [{"lang": "en", "dir": "ltr"}]
    assert story["title"] in page.texts
    paragraphs = [" ".join(part.split()) for part in story["body"].split("\n\n")]
    assert [text for text in page.texts if " ".join(text.split()) in paragraphs] == paragraphs
    items = sample_client.get("/v1/articles/guiyang-smart-city/related").get_json()["items"]
    listed = [a["href"] for a in page.all("a") if a.get("class") == "read-also__link"]
    assert listed == [f"http://localhost/read/{item['id']}" for item in items]


def test_the_page_finds_its_style(desk: FlaskClient) -> None:
    links = page_of(desk, "/read/harbour-2").all("link")
    assert [link["rel"] for link in links] == ["icon", "stylesheet", "stylesheet"]
    for link in links:
        response = desk.get(str(link["href"]))
        kind = "text/css" if link["rel"] == "stylesheet" else "image/svg+xml"
        assert (response.status_code, response.mimetype) == (200, kind)
        response.close()


def test_html_carries_no_explanation(desk: FlaskClient) -> None:
    for path in ("/v1/articles/harbour-2/related.html", "/read/harbour-2"):
        response = desk.get(path, query_string={"explain": "1"})
        assert response.status_code == 400
        assert response.content_type == "application/problem+json"


def test_unknown_and_deleted_stories_are_problems_here_too(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Callable[..., Rebuilt]
) -> None:
    client.delete("/v1/articles/harbour-2")
    rebuild_with_fake(own_desk)
    for path in ("/v1/articles/{}/related.html", "/read/{}"):
        for story, status in (("nobody", 404), ("harbour-2", 410)):
            response = client.get(path.format(story))
            assert (response.status_code, response.get_json()["status"]) == (status, status)


LIST = "/v1/articles/harbour-2/related"
PATHS = [f"{LIST}.html", "/read/harbour-2"]
DESCRIBED = "/v1/articles/{article_id}/related.html"
UNSEEN = ["\u200b", "\u00ad \u200e", "\u3164", "\u115f\u1160", "\u2800", "\ufeff", "\uffa0"]


def shown(client: FlaskClient, **query: str) -> str:
    response = client.get(f"{LIST}.html", query_string=query)
    assert response.status_code == 200, response.text
    return response.text


def test_a_page_may_choose_its_heading(desk: FlaskClient) -> None:
    for heading in ("More", "می‌خوانید؟", "x" * 100, "Mehr & mehr"):
        escaped = heading.replace("&", "&amp;")
        assert f'id="read-also-harbour-2">{escaped}</h2>' in shown(desk, heading=heading)


def test_a_heading_is_text_whatever_it_holds(desk: FlaskClient) -> None:
    text = shown(desk, heading="</h2><script>alert('1')</script>\"")
    assert "&lt;/h2&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#34;</h2>" in text
    assert "<script" not in text


@pytest.mark.parametrize("level", [2, 6])
def test_a_page_may_choose_the_level_of_the_heading(desk: FlaskClient, level: int) -> None:
    text = shown(desk, heading_level=str(level))
    assert f'<h{level} class="read-also__heading"' in text
    assert f"Read also</h{level}>" in text


def test_images_are_shown_if_requested(client: FlaskClient) -> None:
    article = client.get("/v1/articles/harbour-4").get_json()
    client.put("/v1/articles/harbour-4", json=article | {"image_url": "https://i.example/4?a&b"})
    image = (
        '<img class="read-also__image" src="https://i.example/4?a&amp;b" '
        'alt="" loading="lazy" decoding="async" referrerpolicy="no-referrer">'
    )
    assert shown(client, images="1", limit="40").count(image) == 1
    assert shown(client, images="1", limit="40").count("<img") == 1
    assert "<img" not in shown(client, images="0") + shown(client)


def test_other_sizes_of_an_image_are_offered_to_the_browser(client: FlaskClient) -> None:
    srcset = "https://i.example/a,b-300.jpg 300w, https://i.example/4.jpg?w=600&h=4 600w"
    image = {"image_url": "https://i.example/4.jpg", "image_srcset": srcset}
    assert client.patch("/v1/articles/harbour-4", json=image).status_code == 200
    for query in ({"layout": "list-thumbs"}, {"layout": "cards"}):
        (found,) = Page.of(shown(client, limit="40", **query)).all("img")
        assert (found["src"], found["srcset"]) == (image["image_url"], srcset)
        assert found["sizes"].startswith("auto, ")
    assert "<img" not in shown(client, limit="40", layout="cards", images="0")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("heading", value) for value in ("", " ", "\t", "a\nb", "a\x00b", "a\u2028b", "x" * 101)),
        *(("heading", value) for value in UNSEEN),
        *(("heading_level", value) for value in ("", "1", "7", "02", "٣", "2.0", "+2", "h2")),
        *(("images", value) for value in ("", "2", "true", "yes", "\u0660")),
        *(("layout", value) for value in ("", "grid", "Cards", "list,cards")),
        *(("labels", value) for value in ("", "2", "all")),
        *(("stylesheet", value) for value in ("", "2", "no", "none")),
        *(("dates", value) for value in ("", "short", "Relative")),
        *(("time_zone", value) for value in ("", "Dushanbe", "Asia", "+05:00", "../../etc/passwd")),
        *(("explain", value) for value in ("1", "all")),
        ("theme", "dark"),
        ("fields", "image"),
    ],
)
def test_a_bad_option_is_refused_by_name(
    desk: FlaskClient, path: str, name: str, value: str
) -> None:
    response = desk.get(path, query_string={name: value, "limit": "1"})
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [f"/{name}"]


def test_the_document_describes_which_headings_are_taken(desk: FlaskClient) -> None:
    """As far as a pattern can: it has no character classes of Unicode."""
    parameters = desk.get("/openapi.json").get_json()["paths"][DESCRIBED]["get"]["parameters"]
    (heading,) = [one for one in parameters if one["name"] == "heading"]
    allowed = re.compile(heading["schema"]["pattern"])
    assert [value for value in UNSEEN if allowed.search(value)] == []
    for value in ("More", "\u200fقراءة", "می‌خوانید؟", "…", "☂", "\u1161", "船"):  # noqa: RUF001
        assert allowed.search(value)
        assert shown(desk, heading=value)


@pytest.mark.parametrize("value", ["\u0301", "\ufe0f\u0488", "\U000e0041", "\ue000", "\uffff"])
def test_a_heading_of_marks_alone_is_refused(desk: FlaskClient, value: str) -> None:
    assert desk.get(f"{LIST}.html", query_string={"heading": value}).status_code == 400


def test_every_bad_option_is_named_at_once(desk: FlaskClient) -> None:
    faults = desk.get(f"{LIST}.html?images=x&limit=0&heading_level=9").get_json()["errors"]
    assert {fault["pointer"] for fault in faults} == {"/images", "/limit", "/heading_level"}


def test_a_refused_option_says_what_there_is(desk: FlaskClient) -> None:
    faults = desk.get(f"{LIST}.html?layout=grid&time_zone=Dushanbe").get_json()["errors"]
    assert "'list', 'list-thumbs', 'cards' or 'compact'" in faults[0]["detail"]
    assert faults[1]["detail"].endswith("write one as in Asia/Dushanbe or UTC")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_adds_classes_and_keeps_those_that_there_are(
    desk: FlaskClient, layout: str
) -> None:
    plain, dressed = (Page.of(shown(desk, limit="4", **more)) for more in ({}, {"layout": layout}))
    assert [one["class"] for one in dressed.all("section")] == [f"read-also read-also--{layout}"]
    for tag in ("h2", "ul", "li", "a"):
        assert dressed.all(tag) == plain.all(tag)
    titles = [one for one in dressed.all("span") if one["class"] == "read-also__title"]
    assert titles == plain.all("span")


def test_a_layout_shows_department_and_age(client: FlaskClient) -> None:
    story = client.get("/v1/articles/harbour-6").get_json()
    moment = "2026-10-18T08:00:00Z"
    client.put("/v1/articles/harbour-6", json=story | {"published_at": moment, "section": "A & B"})
    meta = (
        '<span class="read-also__meta"><span class="read-also__section" dir="auto">A &amp; B</span>'
        f' <time class="read-also__time" datetime="{moment}">2 days ago</time></span></li>'
    )
    assert meta in shown(client, layout="cards", limit="40")
    assert "read-also__meta" not in shown(client, layout="compact", limit="40")


def test_dates_are_those_of_the_settings_or_of_the_parameter(
    lasting_client_of: Callable[..., FlaskClient], desk_settings: Settings
) -> None:
    settings = replace(desk_settings, time_zone="Pacific/Kiritimati", public_reads=True)
    client = lasting_client_of(settings, None)
    for zone, more in (
        ("Pacific/Kiritimati", {}),
        ("America/Adak", {"time_zone": "America/Adak"}),
    ):
        days = Page.of(shown(client, **more)).root.iter("time")
        for day in days:
            moment = datetime.fromisoformat(day.attrib["datetime"])
            assert day.text == str(moment.astimezone(ZoneInfo(zone)).date())


def test_a_compact_list_has_three_items_unless_more_are_asked_for(desk: FlaskClient) -> None:
    for query, count in (({}, 3), ({"limit": "5"}, 5)):
        assert shown(desk, layout="compact", **query).count("<li") == count


def test_a_pin_is_labelled_in_the_language_of_the_list(client: FlaskClient) -> None:
    client.put("/v1/articles/harbour-2/pins", json={"pins": [{"id": "harbour-fa"}]})
    label = (
        '<span class="read-also__label read-also__label--pinned" lang="en">Editors’ pick</span> '  # noqa: RUF001 - as it is written
        '<span class="read-also__label read-also__label--language">فارسی</span>'
    )
    assert label in shown(client, labels="1")
    assert label in shown(client, labels="1", layout="list")
    assert "__label" not in shown(client, layout="list")


@pytest.fixture(scope="module")
def public(lasting_client_of: Callable[..., FlaskClient], desk_settings: Settings) -> FlaskClient:
    """Asks a service that knows where browsers find it: under a path of the newsroom's host."""
    address = "https://news.example/related"
    return lasting_client_of(replace(desk_settings, public_url=address, public_reads=True), None)


STYLE = "https://news.example/related/v1/read-also.css"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_loads_its_stylesheet_from_where_browsers_find_the_service(
    public: FlaskClient, layout: str
) -> None:
    bare = shown(public, layout=layout, stylesheet="0")
    assert "<link" not in bare
    assert shown(public, layout=layout) == f'<link rel="stylesheet" href="{STYLE}">\n{bare}'
    assert shown(public, layout=layout, stylesheet="1") == shown(public, layout=layout)


def test_no_header_of_a_request_changes_where_the_stylesheet_is(public: FlaskClient) -> None:
    """A shared cache gives the answer to everybody."""
    names = ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded")
    query = {"layout": "cards"}
    for name in names:
        answer = public.get(f"{LIST}.html", query_string=query, headers={name: "evil.example"})
        assert answer.text == shown(public, layout="cards")


def test_there_is_no_link_without_a_layout_a_list_or_an_address(
    public: FlaskClient, desk: FlaskClient
) -> None:
    for stylesheet in ("0", "1"):
        assert shown(public, stylesheet=stylesheet) == shown(desk)
    assert shown(public, layout="cards", section="nowhere") == ""
    assert "<link" not in shown(desk, layout="cards")


def test_a_fragment_that_is_opened_as_a_page_may_load_that_stylesheet_alone(
    public: FlaskClient,
) -> None:
    for query, allowed in (("layout=cards", [STYLE]), ("layout=cards&stylesheet=0", []), ("", [])):
        policy = public.get(f"{LIST}.html?{query}").headers["Content-Security-Policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == "'none'"
        assert [rules[name] for name in rules if name == "style-src"] == allowed


def test_options_of_html_are_refused_by_the_json_list(desk: FlaskClient) -> None:
    for name in ("heading", "heading_level", "layout", "stylesheet", "images", "labels"):
        assert desk.get(f"{LIST}?{name}=2").status_code == 400
