"""What is sent of an article: its fields as Python values, made into plain JSON."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import to_jsonable_python

from read_also_client.errors import FieldFault, NotSendable

__all__ = [
    "Article",
    "ArticleId",
    "Fields",
    "Id",
    "Moment",
    "as_document",
    "as_fields",
    "as_id",
    "as_json",
]

ArticleId = str | int | UUID
"""The id of an article: a text of the service's grammar, or a number or UUID of a CMS."""
Fields = Mapping[str, object]
"""Fields by name. Values may be plain JSON, times, dates, UUIDs, sets, enums, pydantic models."""

ID_PATTERN: Final = r"[A-Za-z0-9._:~-]{1,200}"
_ID: Final = re.compile(ID_PATTERN)
_NAMED_BY_ID: Final = frozenset({"id", "translation_of"})
_NO_ZONE: Final = (
    "is a time without a time zone, so it names no moment; give it one, such as "
    "datetime(2026, 3, 1, 9, 30, tzinfo=ZoneInfo('Asia/Dushanbe'))"
)


def as_id(article_id: ArticleId) -> str:
    """The id as the service writes it.

    Raises:
        NotSendable: the service takes no such id.
    """
    known = isinstance(article_id, str | int | UUID) and not isinstance(article_id, bool)
    text = str(article_id)
    if not known or not _ID.fullmatch(text) or text in {".", ".."}:
        raise NotSendable(
            f"{article_id!r} is no id of an article: an id has 1 to 200 characters of "
            "A-Z a-z 0-9 . _ : ~ -, and is neither '.' nor '..'; foreign_id() makes one of any text"
        )
    return text


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(_NO_ZONE)
    return moment.astimezone(UTC)


def _midnight(value: object) -> object:
    """For a date the beginning of its day in UTC; anything else as it is."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _id_text(value: object) -> object:
    return as_id(value) if isinstance(value, int | UUID) else value


Moment = Annotated[datetime, BeforeValidator(_midnight), AfterValidator(_aware)]
"""A moment in UTC. A date is midnight; a time without a time zone is refused."""
Id = Annotated[str, BeforeValidator(_id_text)]


class Article(BaseModel):
    """One article, as it is sent and as it is answered.

    The service needs an id, and a title or a body; it checks everything else. `status` is
    `published`, `draft`, `withheld` or `canceled`. Fields of a later
    release of the service are kept, so that an article that is fetched, changed and sent again
    loses nothing.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: Id
    title: str = ""
    body: str = ""
    body_html: str = ""
    summary: str = ""
    url: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    language: str | None = None
    image_url: str | None = None
    image_srcset: str | None = None
    published_at: Moment | None = None
    updated_at: Moment | None = None
    status: str = "published"
    embargoed_until: Moment | None = None
    expires_at: Moment | None = None
    no_related: bool = False
    never_recommend: bool = False
    translation_of: Id | None = None
    version: int | None = None
    attributes: dict[str, object] = {}


def as_document(article: BaseModel | Fields) -> dict[str, object]:
    """An article as plain JSON. A pydantic model of another program may stand for it.

    Raises:
        NotSendable: fields have values that JSON cannot hold; each of them is named.
    """
    if isinstance(article, BaseModel):
        return as_fields(article.model_dump(exclude_defaults=isinstance(article, Article)))
    return as_fields(article)


def as_fields(fields: Fields) -> dict[str, object]:
    """Fields as plain JSON; None stays null.

    Raises:
        NotSendable: as for `as_document`.
    """
    faults: list[FieldFault] = []
    document = {name: _plain_field(name, value, faults) for name, value in fields.items()}
    if faults:
        raise NotSendable("the fields cannot be sent", tuple(faults))
    return document


def as_json(document: object) -> bytes:
    """Plain JSON as bytes, on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _plain_field(name: str, value: object, faults: list[FieldFault]) -> object:
    if name not in _NAMED_BY_ID or value is None:
        return _plain(value, _pointer_to("", name), faults)
    try:
        return as_id(value)  # type: ignore[arg-type] # anything may be given; it is checked there
    except NotSendable as refusal:
        faults.append(FieldFault(pointer=f"/{name}", detail=refusal.detail))
        return None


def _plain(value: object, pointer: str, faults: list[FieldFault]) -> object:
    """A value as plain JSON; what JSON cannot hold is noted as a fault."""
    match value:
        case BaseModel():
            return _plain(value.model_dump(), pointer, faults)
        case Mapping():
            return {
                str(name): _plain(one, _pointer_to(pointer, str(name)), faults)
                for name, one in value.items()
            }
        case set() | frozenset():  # in one order, so that the same article is the same document
            return _plain(sorted(value, key=str), pointer, faults)
        case Iterable() if not isinstance(value, str | bytes):
            return [_plain(one, f"{pointer}/{at}", faults) for at, one in enumerate(value)]
    try:
        return _plain_one(value)
    except (ValueError, OverflowError) as fault:
        faults.append(FieldFault(pointer=pointer, detail=str(fault)))
        return None


def _pointer_to(pointer: str, name: str) -> str:
    """The JSON pointer to a member (RFC 6901)."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def _plain_one(value: object) -> object:
    """A value without members; also an enum, a UUID, a decimal number, a pydantic URL.

    Raises:
        ValueError: JSON cannot hold it.
        OverflowError: it is a moment beyond the calendar.
    """
    match value:
        case date():
            moment: datetime = _aware(_midnight(value))  # type: ignore[arg-type] # a datetime now
            return moment.isoformat().replace("+00:00", "Z")
        case float() if not math.isfinite(value):
            raise ValueError(f"is {value}, which is no number of JSON")
        case str():
            value.encode()  # half of a surrogate pair is in no text
            return value
        case _:
            return to_jsonable_python(value)
