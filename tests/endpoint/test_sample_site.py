"""The pages of the sample's newspaper, as the demonstration serves them."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient
from lxml import html

from recommender.articles import article_of
from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings
from recommender.store import open_store

EDITIONS = ["en", "ru", "tg", "zh"]
STORY = "guiyang-smart-city"


def page_at(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return html.document_fromstring(answer.text)


def stories_on(page: Any) -> list[str]:
    """The ids of the stories that a page leads to, each once."""
    links = (link.removeprefix("/read/") for link in page.xpath("//main//a/@href"))
    return list(dict.fromkeys(link for link in links if "/" not in link))


@pytest.mark.parametrize("language", EDITIONS)
def test_a_front_page_has_the_newest_stories_of_its_language(
    sample_client: FlaskClient, sample_articles: dict[str, dict[str, Any]], language: str
) -> None:
    page = page_at(sample_client, f"/news/{language}")
    assert page.get("lang") == language
    own = [one for one in sample_articles.values() if one["language"] == language]
    newest = max(own, key=lambda one: one["published_at"])["id"]
    found = stories_on(page)
    assert found[0] == newest
    assert "guiyang-parking-audit" not in found  # it is withheld
    current = page.xpath("//nav[@class='editions']/a[@aria-current]/@lang")
    assert current == [language]
    others = {sample_articles[one]["language"] for one in found} - {language}
    assert others == set(EDITIONS) - {language}
    if language != "en":  # a small edition shows all that it has
        assert {one["id"] for one in own} <= set(found)


def test_the_front_page_is_the_first_edition(sample_client: FlaskClient) -> None:
    assert sample_client.get("/").text == sample_client.get("/news/en").text


def test_every_section_shows_all_its_stories(
    sample_client: FlaskClient, sample_articles: dict[str, dict[str, Any]]
) -> None:
    page = page_at(sample_client, "/news/en")
    links = page.xpath("//nav[@class='sections']/a/@href")[1:]
    assert sorted(links) == sorted(
        {f"/news/en/{one['section']}" for one in sample_articles.values()}
    )
    found = {story for link in links for story in stories_on(page_at(sample_client, link))}
    english = {name for name, one in sample_articles.items() if one["language"] == "en"}
    assert found == english - {"guiyang-parking-audit"}


def test_days_are_written_as_people_of_the_language_write_them(sample_client: FlaskClient) -> None:
    written = {
        language: page_at(sample_client, f"/news/{language}").xpath("//time/text()")[0]
        for language in EDITIONS
    }
    assert written == {
        "en": "6 October 2026",
        "ru": "19 сентября 2026",
        "tg": "27 майи 2026",
        "zh": "2026年9月19日",
    }


def test_the_addresses_that_the_sample_was_imported_with_are_served(
    sample_client: FlaskClient,
) -> None:
    items = sample_client.get(f"/v1/articles/{STORY}/related").get_json()["items"]
    for item in items[:2]:
        for address in (item["url"], item["image_url"]):
            assert address.startswith("http://127.0.0.1:8080/")
            assert (
                sample_client.get(address.removeprefix("http://127.0.0.1:8080")).status_code == 200
            )


def test_a_story_leads_to_its_translations_and_to_the_reasons(sample_client: FlaskClient) -> None:
    page = page_at(sample_client, f"/read/{STORY}")
    assert page.xpath("//p[@class='translations']/a/@href") == ["/read/zh-guiyang-smart-city"]
    assert f"/why/{STORY}" in page.xpath("//a/@href")
    assert page.xpath("//section/@class") == ["read-also read-also--cards"]
    pictures = page.xpath("//section//img/@src")
    assert len(pictures) == len(page.xpath("//section//li")) == 12
    assert all(one.startswith("http://localhost/pictures/") for one in pictures)


def test_another_look_of_the_list_may_be_asked_for(sample_client: FlaskClient) -> None:
    page = page_at(sample_client, f"/read/{STORY}?layout=compact")
    assert page.xpath("//section/@class") == ["read-also read-also--compact"]
    assert len(page.xpath("//li")) == 3
    for query in ("images=0", "layout=list"):
        page = page_at(sample_client, f"/read/{STORY}?{query}")
        assert page.xpath("//section//img") == []


@pytest.mark.parametrize("story", [STORY, "tg-chorroha", "zh-guian-jifang", "ru-arpa-sboyka"])
def test_reasons_are_given_in_the_words_of_readers(sample_client: FlaskClient, story: str) -> None:
    page = page_at(sample_client, f"/why/{story}")
    listed = [
        item["id"]
        for item in sample_client.get(f"/v1/articles/{story}/related").get_json()["items"]
    ]
    assert [link.rpartition("/")[2] for link in page.xpath("//li/h2/a/@href")] == listed
    reasons = [" ".join(one.itertext()) for one in page.xpath("//li[@class='reason']/p")]
    assert len(reasons) == len(listed)
    for reason in reasons:
        assert not re.search(r"\d\.\d|vector|cosine|lexical|score|semantic", reason), reason


def test_an_article_that_was_pushed_is_readable_here_whatever_its_address(
    client_of: Callable[..., FlaskClient],
    own_desk: Settings,
    rebuild_with_fake: Callable[..., Rebuilt],
) -> None:
    client = client_of(own_desk)
    story = {"title": "<b>Trams</b>", "body": "One.\n\nTwo.", "language": "en", "section": "a/b"}
    elsewhere = {"url": "https://dead.example/x", "image_url": "https://dead.example/x.jpg"}
    elsewhere["image_srcset"] = "https://dead.example/x.jpg 480w"
    assert client.put("/v1/articles/trams", json=story | elsewhere).status_code == 201
    rebuild_with_fake(own_desk)
    front = client.get("/")
    assert "&lt;b&gt;Trams&lt;/b&gt;" in front.text
    for path in ("/news/en/a/b", "/read/trams", "/pictures/a/b/trams.svg"):
        assert client.get(path).status_code == 200
    for answer in (front, client.get("/read/harbour-2"), client.get("/why/harbour-2")):
        assert "dead.example" not in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self';")


def test_what_readers_may_not_see_is_on_no_page(
    client_of: Callable[..., FlaskClient], own_desk: Settings
) -> None:
    client = client_of(replace(own_desk, public_reads=True), None)
    front = client.get("/").text
    for name in ("draft", "withheld", "expired"):
        assert f"harbour-{name}" not in front
        assert client.get(f"/why/harbour-{name}").status_code == 404


@pytest.mark.parametrize("path", ["/news/xx", "/news/en/nothing", "/why/nobody", "/news"])
def test_where_there_is_nothing_the_answer_is_404(desk: FlaskClient, path: str) -> None:
    assert desk.get(path).status_code == 404


LEAD: dict[str, Any] = {
    "id": "lead",
    "title": "Trams",
    "body": "Secret words.\n\nMore.",
    "language": "en",
}
DAY = "2026-11-01T08:00:00Z"


@pytest.fixture
def led_desk(own_desk: Settings, rebuild_with_fake: Callable[..., Rebuilt]) -> Settings:
    """A desk that readers may read; the front page begins with the story `lead`."""
    store = open_store(own_desk.database_url)
    store.put(article_of(LEAD | {"published_at": DAY}))
    store.close()
    rebuild_with_fake(own_desk)
    return replace(own_desk, public_reads=True)


@pytest.mark.long
@pytest.mark.parametrize("change", ["embargo", "deletion", "absence"])
def test_the_first_story_has_no_first_words_that_the_store_does_not_give(
    client_of: Callable[..., FlaskClient],
    led_desk: Settings,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    """The headlines are those of the moment before the change."""
    client = client_of(led_desk, None)
    assert "Secret words." in client.get("/").text
    follower = client.application.extensions["read-also"].follower
    before = follower.current()
    monkeypatch.setattr(type(follower), "current", lambda _follower: before)
    store = open_store(led_desk.database_url)
    if change == "embargo":
        store.patch("lead", {"embargoed_until": "2126-01-01T00:00:00Z"})
    elif change == "deletion":
        store.delete("lead")
    store.close()
    if change == "absence":
        led_desk.data.database.unlink()
        client = client_of(led_desk, None)
    front = client.get("/")
    assert front.status_code == 200
    assert "Secret words." not in front.text


def test_sections_whose_names_change_an_address_have_no_page(
    client_of: Callable[..., FlaskClient],
    own_desk: Settings,
    rebuild_with_fake: Callable[..., Rebuilt],
) -> None:
    store = open_store(own_desk.database_url)
    for place, section in enumerate(["/lead", "..", ".", "a//b", "a/", "a/../b", "a\nb", "a b/c"]):
        story = LEAD | {"id": f"story-{place}", "section": section, "published_at": DAY}
        store.put(article_of(story))
    store.close()
    rebuild_with_fake(own_desk)
    client = client_of(own_desk)
    page = page_at(client, "/")
    links = page.xpath("//nav[@class='sections']/a/@href | //h2[@class='block__name']/a/@href")
    assert "/news/en/a%20b/c" in links
    pictures = page.xpath("//img/@src")
    assert "/pictures/other/story-1.svg" in pictures
    for link in [*links, *pictures]:
        assert urljoin("http://a.example/", link) == f"http://a.example{link}"
        assert client.get(link).status_code == 200, link
    for name in ("story-0", "story-1"):
        assert f"/pictures/other/{name}.svg" in page_at(client, f"/read/{name}").xpath("//@src")


def test_an_edition_without_words_of_its_own_links_to_itself(
    client_of: Callable[..., FlaskClient],
    own_desk: Settings,
    rebuild_with_fake: Callable[..., Rebuilt],
) -> None:
    store = open_store(own_desk.database_url)
    for place in range(20):
        german = {"language": "de", "section": "hafen", "published_at": DAY}
        store.put(article_of(LEAD | {"id": f"german-{place}"} | german))
    store.close()
    rebuild_with_fake(own_desk)
    client = client_of(own_desk)
    for path in ("/news/de", "/news/de/hafen"):
        page = page_at(client, path)
        links = page.xpath(
            "//nav[@class='sections']/a/@href | //h2/a[contains(@href, 'news')]/@href"
        )
        assert set(links) == {"/news/de", "/news/de/hafen"}
    assert client.get("/news/de/hafen").status_code == 200
