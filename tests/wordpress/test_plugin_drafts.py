"""The list of a draft: what the panel beside a post is told, and in which words."""

from typing import Any

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import (
    NO_CHOICES,
    article_of,
    chosen,
    comes_true,
    configure,
    publish,
    save,
)
from tests.wordpress.service import HTML, PLUGIN_KEY, PROBLEM, Answer, Service, Stage
from tests.wordpress.site import Site


def listed(site: Site, post: int, login: str = "editor", **body: object) -> dict[str, Any]:
    with site.client(login) as client:
        answer = client.post(f"/wp-json/read-also/v1/posts/{post}/list", json=body)
    said: dict[str, Any] = answer.json()
    assert answer.status_code == 200, said
    return said


def test_the_list_follows_a_draft_with_its_unsaved_choices(
    newsroom: Site, service: Service
) -> None:
    configure(newsroom, url=service.address, key=KEY)
    text = "Glaciers in the Pamir lose their ice faster each summer, surveyors found."
    first, second = (
        save(newsroom, title=f"Ice of the Pamir {n}", content=f"{text} {n}") for n in (1, 2)
    )
    draft = save(newsroom, title="Nothing", content="", status="draft")
    shown = {"title": "Melting glaciers", "content": f"<p>Pamir. {text} Villagers worry.</p>"}
    until_read = comes_true(lambda: {first, second} <= posts_in(listed(newsroom, draft, **shown)))
    assert until_read
    tried = listed(newsroom, draft, **shown, choices=NO_CHOICES | {"blocks": [chosen(first)]})
    assert first not in posts_in(tried)
    assert [row["title"] for row in tried["blocks"]] == ["Ice of the Pamir 1"]
    kept = "return metadata_exists('post', $given['post'], '_read_also');"
    assert newsroom.run(kept, post=draft) is False
    assert service.article(article_of(newsroom, draft)) is None


def test_the_list_below_unsaved_pins_is_the_one_that_readers_will_get(
    newsroom: Site, service: Service
) -> None:
    """It repeats no pin in other words of its, and says which pin it cannot show."""
    configure(newsroom, url=service.address, key=KEY)
    text = " ".join(f"The ferry of quay {n} is repaired in the dry dock." for n in range(20))
    twins = {save(newsroom, title=title, content=text) for title in ("Ferries", "The ferries")}
    never = save(newsroom, title="Ferry ads", content="Buy a ferry.", meta=never_in_lists())
    draft = save(newsroom, title="Docks", content="A dry dock for a ferry.", status="draft")
    assert comes_true(lambda: len(twins & items_of(listed(newsroom, draft))) == 1)
    (shown,) = twins & items_of(listed(newsroom, draft))
    (twin,) = twins - {shown}
    pinned = NO_CHOICES | {"pins": [chosen(never), chosen(twin)]}
    tried = listed(newsroom, draft, choices=pinned)
    assert items_of(tried) & twins == set()
    ads, dock = tried["pins"]
    assert ads["why"] == "Readers do not see it here: the service does not list it now."
    assert (dock["title"], dock["hidden"]) == (newsroom_title(newsroom, twin), False)
    assert items_of(listed(newsroom, draft)) & twins == {shown}


def test_an_unsaved_block_keeps_an_article_out_while_it_holds(
    newsroom: Site, service: Service
) -> None:
    configure(newsroom, url=service.address, key=KEY)
    other = publish(newsroom, "The beekeepers of Hisor")
    draft = save(newsroom, title="Beekeepers", content="Hisor has beekeepers.", status="draft")

    def is_listed(**times: str) -> bool:
        blocks = NO_CHOICES | {"blocks": [chosen(other, **times)]}
        return other in items_of(listed(newsroom, draft, choices=blocks))

    assert comes_true(lambda: other in items_of(listed(newsroom, draft)))
    assert not is_listed()
    assert not is_listed(**{"from": "2001-01-01T00:00:00Z"})
    assert is_listed(**{"from": "2199-01-01T00:00:00Z"})
    assert is_listed(until="2001-01-01T00:00:00Z")


def test_the_block_in_a_draft_shows_what_is_pinned_there(newsroom: Site, service: Service) -> None:
    configure(newsroom, url=service.address, key=KEY)
    other = publish(newsroom, "A kite festival")
    draft = save(newsroom, title="Tax forms", content="Fill them in.", status="draft")
    save(newsroom, draft, meta={"_read_also": NO_CHOICES | {"pins": [chosen(other)]}})
    path = "/wp-json/wp/v2/block-renderer/read-also/list"

    def first() -> str:
        with newsroom.client("editor") as client:
            answer = client.get(path, params={"context": "edit", "post_id": draft})
        assert answer.status_code == 200, answer.text
        _, _, items = answer.json()["rendered"].partition("<li ")
        return str(items.partition("</li>")[0])

    assert comes_true(lambda: "A kite festival" in first())


def never_in_lists() -> dict[str, object]:
    return {"_read_also": NO_CHOICES | {"never": True}}


def newsroom_title(site: Site, post: int) -> str:
    title: str = site.run("return get_the_title($given['post']);", post=post)
    return title


def items_of(said: dict[str, Any]) -> set[int]:
    return {row["post"] for row in said["items"]}


def posts_in(said: dict[str, Any]) -> set[int]:
    return {row["post"] for kind in ("items", "duplicates") for row in said[kind]}


def test_a_text_that_was_published_already_is_named(newsroom: Site, service: Service) -> None:
    configure(newsroom, url=service.address, key=KEY)
    text = " ".join(f"The council of ward {n} voted for a new bridge." for n in range(20))
    old = save(newsroom, title="A bridge for every ward", content=text)
    draft = save(newsroom, title="Bridges", content=text, status="draft")
    assert comes_true(lambda: listed(newsroom, draft)["duplicates"] != [])
    (row,) = listed(newsroom, draft)["duplicates"]
    assert (row["post"], row["title"]) == (old, "A bridge for every ward")
    assert f"post={old}&action=edit" in row["edit"]
    assert row["why"] in {"The same text.", "Nearly the same text."}
    assert listed(newsroom, old)["duplicates"] == []


def test_a_key_that_may_not_ask_for_drafts_shows_the_saved_list_and_says_so(
    newsroom: Site, service: Service
) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    seed, other = publish(newsroom, "A well in Khujand"), publish(newsroom, "Wells of Khujand")
    draft = save(newsroom, title="A well", content="Deep.", status="draft")
    assert comes_true(lambda: other in posts_in(listed(newsroom, seed)))
    said = listed(newsroom, seed)
    assert not said["live"]
    assert said["note"].startswith("This is the list of the saved text.")
    said = listed(newsroom, draft, choices=NO_CHOICES | {"pins": [chosen(other)]})
    assert (said["items"], said["pins"][0]["title"]) == ([], "Wells of Khujand")
    assert said["note"].endswith("An administrator can change that.")
    assert "read+write" in listed(newsroom, seed, "admin")["note"]


def test_words_within_other_words_are_dropped_without_mbstring_too(newsroom: Site) -> None:
    grounds = {"names": ["Бозори Ош", "ОШ", "C++ (new)"], "terms": [{"word": "c++"}]}
    words = newsroom.run(
        "return ReadAlso\\shared_words($given['grounds']);",
        without="mb_stripos",
        grounds=grounds,
    )
    assert words == ["Бозори Ош", "C++ (new)"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(503, "{}", PROBLEM | {"Retry-After": "3"}), "is busy"),
        (Answer(502, "<h1>Bad gateway</h1>"), "does not answer now"),
        (Answer(422, '{"detail": "too long"}', PROBLEM), "made no list of this text: 422 too long"),
        (Answer(200, "<h1>Hello</h1>"), "does not answer now"),
    ],
    ids=["busy", "gateway", "refused", "stranger"],
)
def test_the_panel_says_in_plain_words_why_there_is_no_list(
    newsroom: Site, stage: Stage, answer: Answer, said: str
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: answer
    post = newsroom.insert(post_title="A well", post_content="Deep.", post_status="draft")
    shown = listed(newsroom, post)
    assert said in shown["note"]
    assert shown["again"] == {"is busy": 3, "does not answer now": 30}.get(said, 0)


def test_a_template_shows_the_list_of_a_recent_post_that_has_one(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    newsroom.insert(
        post_title="Old", post_content="It has a list.", post_date="2026-01-02 03:04:05"
    )
    newest = [newsroom.insert(post_title=f"New {n}", post_content="It has none.") for n in range(2)]
    none = [article_of(newsroom, one) for one in newest]
    listed = Answer(200, '<section class="read-also"><ul><li>Listed</li></ul></section>', HTML)
    stage.answer = lambda asked: (
        Answer(404, "{}", PROBLEM) if any(one in asked.path for one in none) else listed
    )
    with newsroom.client("editor") as client:
        answer = client.get("/wp-json/wp/v2/block-renderer/read-also/list?context=edit")
    assert answer.status_code == 200
    assert "Listed" in answer.json()["rendered"]


def test_a_block_with_the_settings_of_every_block_is_shown_too(
    newsroom: Site, stage: Stage
) -> None:
    """WordPress adds them on `init`, before the block is registered with its words."""
    configure(newsroom, url=stage.address, key=KEY)
    newsroom.insert(post_title="Wide", post_content="It has a list.")
    listed = '<section class="read-also"><ul><li>Listed</li></ul></section>'
    stage.answer = lambda _: Answer(200, listed, HTML)
    given = {"align": "wide", "fontSize": "large", "textColor": "accent-1", "className": "own"}
    attributes = {f"attributes[{name}]": value for name, value in given.items()}
    path = "/wp-json/wp/v2/block-renderer/read-also/list"
    with newsroom.client("editor") as client:
        answer = client.get(path, params={"context": "edit"} | attributes)
    assert answer.status_code == 200, answer.text
    assert "Listed" in answer.json()["rendered"]


def test_posts_are_found_by_words_by_number_and_by_address(newsroom: Site) -> None:
    configure(newsroom, url="", key="")
    public = publish(newsroom, "The zither maker")
    publish(newsroom, "The zither thief", status="draft")
    publish(newsroom, "The zither secret", password="x")  # noqa: S106 - of a post
    with newsroom.client("editor") as client:
        address = client.get(f"/wp-json/wp/v2/posts/{public}").json()["link"]
        for words in ("zither", str(public), address):
            rows = client.get("/wp-json/read-also/v1/posts", params={"search": words}).json()
            assert [row["post"] for row in rows] == [public]
        params = {"search": "zither", "exclude[]": str(public)}
        assert client.get("/wp-json/read-also/v1/posts", params=params).json() == []
