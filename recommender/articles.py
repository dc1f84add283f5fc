"""The article: its fields as a CMS sends them, validated once, and its identity."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from functools import reduce
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from recommender.attributes import Attributes
from recommender.errors import BadJson, FieldFault, InvalidArticle
from recommender.id_grammar import ID_SCHEMA, find_id_fault
from recommender.image_sizes import Srcset
from recommender.spelling import explain_unknown
from recommender.strict_json import JsonObject, pointer_to, read_object

__all__ = [
    "LANGUAGE_PATTERN",
    "LONGEST_LANGUAGE",
    "LONGEST_LINE",
    "LONGEST_NAME",
    "LONGEST_SHOWN_SUMMARY",
    "LONGEST_SUMMARY",
    "MOST_FIELDS",
    "MOST_MARKUP",
    "MOST_NAMES",
    "UNKNOWN_LANGUAGE",
    "Article",
    "Id",
    "Moment",
    "Status",
    "Text",
    "article_of",
    "as_rfc3339",
    "check_no_nul",
    "faults_of",
    "hash_id",
    "host_of",
    "is_web_address",
    "parse_article",
    "parse_outline",
    "primary_language",
]

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
LANGUAGE_PATTERN: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
UNKNOWN_LANGUAGE: Final = "und"
MOST_FIELDS: Final = 60
MOST_HINTS: Final = 5  # of one document; to look for a name takes time
LONGEST_LINE: Final = 2_000  # characters of a title, or of an address
LONGEST_NAME: Final = 300  # characters of a section, a tag or an author
LONGEST_SUMMARY: Final = 20_000
LONGEST_SHOWN_SUMMARY: Final = 500  # characters of the summary that lists may show
LONGEST_LANGUAGE: Final = 35
MOST_NAMES: Final = 100  # tags or authors
MOST_MARKUP: Final = 4 * 2**20  # bytes; the limit of the HTML sandbox
_LATEST_VERSION = 2**63 - 1
_TEXTS: Final = ("body", "body_html")
OUTLINE: Final = {"without": _TEXTS}
_NOT_ACCEPTABLE: Final = "the article is not acceptable"


def check_no_nul(text: str) -> str:
    """Return the text unchanged.

    Raises:
        ValueError: it contains NUL characters, which databases refuse.
    """
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _as_moment(value: object) -> object:
    """Turn an RFC 3339 text or an aware datetime into UTC; refuse anything else."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else _refuse_moment()
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return _refuse_moment()
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return _refuse_moment()


def _refuse_moment() -> object:
    raise ValueError("must be an RFC 3339 time with an offset, such as 2026-03-01T09:30:00+05:00")


def as_rfc3339(moment: datetime, timespec: str = "auto") -> str:
    """A moment in UTC as RFC 3339 with `Z`; `timespec` as for `datetime.isoformat`."""
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def is_web_address(text: str) -> bool:
    """Whether a text is an absolute http or https address, without spaces and control characters.

    Every address that becomes a link passes this test; other schemes do not pass.
    """
    try:
        parts = urlsplit(text)
        web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an IPv6 address, or a port that is not a number
        return False
    return web and text.isprintable() and " " not in text


def host_of(address: str) -> str:
    """The host of a web address in lower case, without `www.` and last dot; "" for none."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return ""
    return (host or "").removeprefix("www.").removesuffix(".")


def _web_address(url: str) -> str:
    if not is_web_address(url):
        raise ValueError("must be an absolute http or https address")
    return url


def _not_too_large(markup: str) -> str:
    if len(markup.encode()) > MOST_MARKUP:
        raise ValueError(f"is longer than {MOST_MARKUP} bytes")
    return markup


def _shows(**rules: Any) -> Any:  # noqa: ANN401 - JSON, and pydantic's own type of a field's facts
    """The part of a Python check that JSON Schema can express."""
    return Field(json_schema_extra=rules)


Id = Annotated[str, StringConstraints(pattern=ID_SCHEMA["pattern"])]
Text = Annotated[str, AfterValidator(check_no_nul), _shows(pattern=r"^[^\u0000]*$")]
Line = Annotated[Text, Field(max_length=LONGEST_LINE)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(check_no_nul),
    _shows(pattern=r"^[^\u0000]*[^\u0000\s][^\u0000]*$"),
]
Url = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_LINE),
    AfterValidator(check_no_nul),
    AfterValidator(_web_address),
    _shows(pattern=r"^https?://[^\s/?#]\S*$"),
]
LanguageTag = Annotated[
    str, StringConstraints(pattern=LANGUAGE_PATTERN, max_length=LONGEST_LANGUAGE)
]
Moment = Annotated[
    datetime, BeforeValidator(_as_moment), PlainSerializer(as_rfc3339, return_type=str)
]
Status = Literal["published", "draft", "withheld", "canceled"]


class Article(BaseModel):
    """One article as a newsroom sends it. Its text stays as given.

    It needs a title or a body. A field that is null counts as left out.

    Attributes:
        id: the name of the article in every call: `A-Z a-z 0-9 . _ : ~ -`, neither `.` nor `..`.
        title: the headline. Without it the article is in no list.
        body: the plain text, paragraphs separated by newlines.
        body_html: the text as HTML, instead of `body`; at most 4 MiB.
        summary: a standfirst or abstract; it is compared too.
        url: where readers find the article.
        section: the section or desk that it stands in.
        tags: its keywords, at most 100.
        authors: who wrote it, at most 100.
        language: BCP-47. Without it the language is detected.
        image_url: the picture that a list shows with it.
        image_srcset: the same picture in other sizes, as in HTML: http or https addresses, each
            with a width (`https://… 300w, https://… 600w`) or a scale (`2x`). Blank for none.
        published_at: when it was published. A time to come schedules it.
        updated_at: when it was last changed.
        status: only articles that are `published`, as they are by default, are in lists.
        embargoed_until: it is in no list before.
        expires_at: it is in no list from then on.
        no_related: whether it shows no list of its own.
        never_recommend: whether it is in no list.
        translation_of: the id of the original, or a name that all its translations share.
        version: grows with each change; a write with an older one is refused.
        attributes: values under names of your own, to filter lists by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id
    title: Line = ""
    body: Annotated[Text, Field(max_length=1_000_000)] = ""
    body_html: Annotated[Text, AfterValidator(_not_too_large)] = ""
    summary: Annotated[Text, Field(max_length=LONGEST_SUMMARY)] = ""
    url: Url | None = None
    section: Name | None = None
    tags: Annotated[tuple[Name, ...], _shows(maxItems=MOST_NAMES)] = ()
    authors: Annotated[tuple[Name, ...], _shows(maxItems=MOST_NAMES)] = ()
    language: LanguageTag | None = None
    image_url: Url | None = None
    image_srcset: Srcset = None
    published_at: Moment | None = None
    updated_at: Moment | None = None
    status: Status = "published"
    embargoed_until: Moment | None = None
    expires_at: Moment | None = None
    no_related: bool = False
    never_recommend: bool = False
    translation_of: Id | None = None
    version: Annotated[int, Field(ge=0, le=_LATEST_VERSION)] | None = None
    attributes: Attributes = {}

    @field_validator(
        *("title", "body", "body_html", "summary", "status", "tags", "authors"),
        *("no_related", "never_recommend", "attributes"),
        mode="before",
    )
    @classmethod
    def _null_is_absent(cls, value: object, info: ValidationInfo) -> object:
        """Take null as an absent field: CMS exports write it for fields that they do not have."""
        if value is None:
            return cls.model_fields[str(info.field_name)].default
        if isinstance(value, list) and len(value) > MOST_NAMES:
            raise ValueError(f"has {len(value)} entries; at most {MOST_NAMES} are taken")
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="before")
    @classmethod
    def _of_sane_size(cls, data: object) -> object:
        """Refuse very many fields at once: an answer that names each would be too long."""
        if isinstance(data, dict) and len(data) > MOST_FIELDS:
            raise ValueError(f"has {len(data)} fields; an article has at most {MOST_FIELDS}")
        return data

    @model_validator(mode="after")
    def _has_text(self, info: ValidationInfo) -> "Article":
        if info.context is OUTLINE:
            return self
        if self.body and self.body_html:
            raise ValueError("body and body_html are two forms of one text; send one of them")
        if not any(text.strip() for text in (self.title, self.body, self.body_html)):
            raise ValueError("a title or a body is required")
        return self

    def with_text(self, body: str) -> "Article":
        """The same article with the plain text of its markup instead of the markup."""
        return self.model_copy(update={"body": body, "body_html": ""})

    @property
    def text_hash(self) -> str:
        """SHA-256 (hex) of all text that features are computed from."""
        digest = hashlib.sha256()
        parts = [self.title, self.summary, self.body]
        for part in [*parts, self.body_html] if self.body_html else parts:
            digest.update(f"{len(part)}:".encode() + part.encode())
        return digest.hexdigest()

    def to_json(self) -> str:
        """Canonical JSON: only fields that are set, times in UTC. `parse_article` reads it."""
        return self.model_dump_json(exclude_defaults=True)

    @property
    def shown_summary(self) -> str:
        """The summary as lists show it: a long one ends after a word with an ellipsis."""
        summary = self.summary.strip()
        if len(summary) <= LONGEST_SHOWN_SUMMARY:
            return summary
        words, blank, _ = summary[:LONGEST_SHOWN_SUMMARY].rpartition(" ")
        return (words if blank else summary[: LONGEST_SHOWN_SUMMARY - 1]).rstrip() + "…"

    def to_outline(self) -> str:
        """The outline: canonical JSON without the body, and with the summary as lists show it.

        `parse_outline` reads it.
        """
        shown = self.model_copy(update={"summary": self.shown_summary})
        return shown.model_dump_json(exclude_defaults=True, exclude=set(_TEXTS))

    def to_display(self, language: str | None) -> bytes:
        """What lists show of it, as compact JSON; `DisplayFields.from_bytes` reads it.

        `language` stands where the article gives none. What items show only on request is left out
        where there is none.
        """
        document = self.to_document()
        names = ("url", "section", "language", "published_at", "image_url")
        usual = {name: document.get(name) for name in names}
        usual["language"] = usual["language"] or language
        more = {"summary": self.shown_summary, "authors": self.authors, "tags": self.tags}
        more["image_srcset"] = self.image_srcset or ""
        shown = {"title": self.title.strip(), **usual, **{n: one for n, one in more.items() if one}}
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()

    def to_document(self) -> dict[str, Any]:
        """As plain JSON types, only fields that are set: the form of the API."""
        return self.model_dump(mode="json", exclude_defaults=True)


def parse_article(document: str | bytes, *, article_id: str | None = None) -> Article:
    """Read one JSON object as an article.

    Args:
        document: the JSON text.
        article_id: the id from the URL. The document may leave `id` out, or repeat it.

    Raises:
        InvalidArticle: it is not JSON, or fields are wrong; each of them is named.
    """
    try:
        fields = read_object(document)
    except BadJson as refusal:
        raise InvalidArticle(_NOT_ACCEPTABLE, refusal.faults) from None
    return article_of(fields, article_id=article_id)


def article_of(
    fields: JsonObject, *, article_id: str | None = None, beside: Iterable[str] = ()
) -> Article:
    """Make an article from its fields.

    Args:
        fields: its fields, and no others.
        article_id: as in `parse_article`.
        beside: names that the caller has taken from beside the fields, for the hint at a
            misspelt one.

    Raises:
        InvalidArticle: fields are wrong; each of them is named.
    """
    faults = _other_id(fields, article_id)
    try:
        article = Article.model_validate(
            fields if article_id is None else fields | {"id": article_id}
        )
    except ValidationError as error:
        known = (*Article.model_fields, *beside)
        raise InvalidArticle(_NOT_ACCEPTABLE, (*faults, *faults_of(error, known))) from None
    if faults:
        raise InvalidArticle(_NOT_ACCEPTABLE, faults)
    return article


def parse_outline(outline: str) -> Article:
    """Read what `to_outline` wrote: all that lists and filters need of an article."""
    return Article.model_validate_json(outline, context=OUTLINE)


def _other_id(fields: JsonObject, article_id: str | None) -> tuple[FieldFault, ...]:
    """A fault if the document has another id than the URL."""
    if article_id is None or fields.get("id") in (None, article_id):
        return ()
    return (FieldFault("/id", f"differs from the id in the address, {article_id!r}"),)


def faults_of(error: ValidationError, known: Collection[str] = ()) -> Iterator[FieldFault]:
    """Each rejected field with the reason; to unknown ones, the nearest of the known names."""
    hints = MOST_HINTS
    for fault in error.errors(include_url=False):
        detail = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            detail = explain_unknown(str(fault["loc"][-1]), known if hints > 0 else ())
            hints -= 1
        elif fault.get("ctx", {}).get("pattern") == ID_SCHEMA["pattern"]:
            detail = find_id_fault(fault["input"]) or detail
        yield FieldFault(reduce(pointer_to, fault["loc"], "").removesuffix("/[key]"), detail)


def hash_id(name: str) -> int:
    """Hash an id, or the name of a translation group, author or host, to 64 bits."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def primary_language(tag: str | None) -> str | None:
    """The language of a BCP-47 tag, without script and region: `zh-Hans-CN` -> `zh`."""
    return tag.split("-")[0].lower() if tag else None
