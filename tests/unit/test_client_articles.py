"""What the Python client sends of an article: values of Python as plain JSON."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, HttpUrl, ValidationError

from read_also_client import Article, FieldFault, NotSendable, foreign_id, parts_of
from read_also_client.articles import as_document, as_id, as_json
from recommender.articles import parse_article
from recommender.id_grammar import LONGEST_ID, check_id
from recommender.sources import article_ids

DUSHANBE = timezone(timedelta(hours=5))
UUID_TEXT = "12345678-1234-5678-1234-567812345678"


class Status(StrEnum):
    DRAFT = "draft"


class Desk(Enum):
    CITY = "city"


class Post(BaseModel):
    """An article as another program may describe it."""

    id: int
    title: str
    url: HttpUrl
    tags: set[str] = set()
    published_at: datetime | None = None
    summary: str | None = None


@pytest.mark.parametrize(
    ("given_id", "sent"), [("a~b:c.d_e-f", "a~b:c.d_e-f"), (17, "17"), (UUID(UUID_TEXT), UUID_TEXT)]
)
def test_an_id_may_be_a_text_a_number_or_a_uuid(given_id: Any, sent: str) -> None:
    assert as_id(given_id) == sent
    assert as_document({"id": given_id, "translation_of": given_id}) == {
        "id": sent,
        "translation_of": sent,
    }
    assert Article(id=given_id).id == sent


@pytest.mark.parametrize(
    "wrong", ["", ".", "..", "post/12", "ä", "x" * 201, -1.5, True, None, b"a"]
)
def test_what_is_no_id_is_refused_with_the_way_to_make_one(wrong: Any) -> None:
    with pytest.raises(NotSendable, match=r"is no id of an article: .* foreign_id\(\)"):
        as_id(wrong)


@given(st.text(max_size=4) | st.from_regex(r"[A-Za-z0-9._:~/-]{1,5}"))
def test_the_client_takes_exactly_the_ids_that_the_service_takes(text: str) -> None:
    def taken(check: Any) -> bool:
        try:
            return bool(check(text) == text)
        except ValueError:
            return False

    assert taken(as_id) == taken(check_id)


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        (datetime(2026, 3, 1, 9, 30, tzinfo=DUSHANBE), "2026-03-01T04:30:00Z"),
        (datetime(2026, 3, 1, 9, 30, 0, 250_000, UTC), "2026-03-01T09:30:00.250000Z"),
        (date(2026, 3, 1), "2026-03-01T00:00:00Z"),
        ("2026-03-01T09:30:00+05:00", "2026-03-01T09:30:00+05:00"),
    ],
)
def test_a_time_is_sent_in_utc(moment: Any, sent: str) -> None:
    document = as_document({"id": "a", "title": "A", "published_at": moment})
    assert document["published_at"] == sent
    assert as_document(Article(id="a", published_at=moment))["published_at"] in {
        sent,
        "2026-03-01T04:30:00Z",
    }
    stored = parse_article(as_json(document)).published_at
    assert stored == Article(id="a", published_at=moment).published_at


NAIVE = datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001 - the fault itself


def test_a_time_without_a_zone_is_refused_before_it_is_sent() -> None:
    with pytest.raises(NotSendable, match="/published_at: is a time without a time zone"):
        as_document({"id": "a", "published_at": NAIVE})
    with pytest.raises(ValidationError, match="is a time without a time zone"):
        Article(id="a", published_at=NAIVE)
    with pytest.raises(ValidationError, match="is a time without a time zone"):
        Article.model_validate({"id": "a", "published_at": "2026-03-01T09:30:00"})


def test_everything_that_cannot_be_sent_is_named_at_once() -> None:
    wrong: dict[str, Any] = {
        "id": "a/b",
        "title": "half \ud800",
        "tags": ["fine", object()],
        "attributes": {"since": NAIVE, "a/b": math.nan},
        "updated_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))),
    }
    with pytest.raises(NotSendable) as refused:
        as_document(wrong)
    assert [fault.pointer for fault in refused.value.faults] == [
        "/id",
        "/title",
        "/tags/1",
        "/attributes/since",
        "/attributes/a~1b",
        "/updated_at",
    ]
    assert isinstance(refused.value, ValueError)


def test_a_dict_an_article_and_a_model_of_another_program_are_one_document() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    fields = {"id": 7, "title": "T", "url": "https://a.example/", "published_at": moment}
    sent = fields | {"id": "7", "published_at": "2026-03-01T00:00:00Z"}
    assert as_document(fields) == sent
    assert as_document(Article.model_validate(fields)) == sent
    post = Post.model_validate(fields | {"tags": {"b", "a"}})
    assert as_document(post) == sent | {"tags": ["a", "b"], "summary": None}


def test_values_of_python_become_what_json_has_for_them() -> None:
    values: dict[str, Any] = {
        "id": "a",
        "status": Status.DRAFT,
        "section": Desk.CITY,
        "tags": (tag for tag in ("b", "a")),
        "authors": frozenset({"Z", "Y"}),
        "attributes": {"price": Decimal("1.50"), "on": True, "days": [1, None]},
    }
    assert as_document(values) == {
        "id": "a",
        "status": "draft",
        "section": "city",
        "tags": ["b", "a"],
        "authors": ["Y", "Z"],
        "attributes": {"price": "1.50", "on": True, "days": [1, None]},
    }


def test_a_field_that_this_client_does_not_know_is_sent_back_as_it_came() -> None:
    came = {"id": "a", "title": "A", "mood": {"warm": 0.5}}
    changed = Article.model_validate(came).model_copy(update={"title": "B"})
    assert as_document(changed) == came | {"title": "B"}


# Foreign ids: the ones that the service's importers make.

PARTS = st.text(max_size=30)


@given(st.sampled_from(["cms", "wp", "feed"]), st.lists(PARTS, max_size=3), st.integers(1, 9))
@example("cms", ["𐀀" * 30, "b"], 1)
def test_a_foreign_id_is_the_one_that_the_service_makes(
    kind: str, parts: list[str], times: int
) -> None:
    last = [parts[-1] * times] if parts else []
    try:
        made = foreign_id(kind, *parts[:-1], *last)
    except ValueError:  # a part before the last is too long; the service refuses such an id
        assert len(article_ids.foreign_id(kind, *parts[:-1], *last)) > LONGEST_ID
        return
    assert made == article_ids.foreign_id(kind, *parts[:-1], *last)
    assert parts_of(made) == article_ids.parts_of(made)
    assert as_id(made) == made


def test_an_id_of_a_cms_leads_back() -> None:
    assert foreign_id("post", "12 ä") == "post:12~20~C3~A4"
    assert parts_of("post:12~20~C3~A4") == ("post", "12 ä")
    assert parts_of(foreign_id("post", "x" * 300))[1].startswith("~~")


@pytest.mark.parametrize("broken", ["feed:a~2", "feed:~2f", "feed:~ZZ", "feed:~FF"])
def test_an_id_that_was_not_made_so_does_not_lead_back(broken: str) -> None:
    for read in (parts_of, article_ids.parts_of):
        with pytest.raises(ValueError, match=r"hex digits|utf-8"):
            read(broken)


@pytest.mark.parametrize(
    ("kind", "parts"), [("", ("a",)), ("a:b", ("c",)), ("k", ("é" * 40, "x")), ("k" * 201, ())]
)
def test_what_no_id_can_hold_is_refused(kind: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"is not a word|too long"):
        foreign_id(kind, *parts)


def test_faults_say_where_and_what() -> None:
    assert str(FieldFault(pointer="/id", detail="too long")) == "/id: too long"
    assert str(FieldFault(pointer="", detail="not JSON")) == "/: not JSON"
