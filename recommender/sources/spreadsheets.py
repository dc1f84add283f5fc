"""A spreadsheet that was saved as CSV: one article a row, with the names of the fields in row 1.

Comma, semicolon, tab and bar separate columns, whichever the first row has. UTF-8, or UTF-16 with a
byte order mark, as spreadsheets write "Unicode text".
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from recommender.articles import Article
from recommender.attributes import ATTRIBUTE_NAME
from recommender.characters import printable, remove_controls
from recommender.errors import BadSource, FieldFault, InvalidArticle
from recommender.progress import Advance
from recommender.sources.article_fields import make_article
from recommender.sources.dates import to_rfc3339
from recommender.sources.jsonl import LONGEST_LINE
from recommender.sources.source import LeftOut, Record
from recommender.spelling import nearest_name

__all__ = ["is_table", "read_table"]

MOST_COLUMNS: Final = 200
MOST_NAMED: Final = 10  # columns that are not read
LONGEST_HEAD: Final = 40  # characters of the name of a column
LEAST_COLUMNS: Final = 3  # of a table that has no known column
_DELIMITERS: Final = ",;\t|"
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("article_id", "story_id", "guid"),
    "title": ("headline",),
    "body": ("text", "content"),
    "body_html": ("html", "content_html"),
    "summary": ("lead", "standfirst", "excerpt", "description"),
    "url": ("link", "permalink", "address"),
    "section": ("category", "desk", "rubric"),
    "tags": ("keywords",),
    "authors": ("author", "byline"),
    "language": ("lang",),
    "image_url": ("image", "picture"),
    "published_at": ("published", "date", "pubdate", "publish_date"),
    "updated_at": ("updated", "modified", "modified_at"),
    "status": (),
    "embargoed_until": ("embargo",),
    "expires_at": ("expires",),
    "no_related": (),
    "never_recommend": (),
    "translation_of": (),
    "version": (),
}
_FIELD_OF: Final = {other: name for name, all_ in _NAMES.items() for other in (name, *all_)}
_TEXTS: Final = frozenset({"title", "body", "body_html", "summary"})
_ATTRIBUTE: Final = re.compile(rf"attr\.({ATTRIBUTE_NAME})")
_DAY_FIRST: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:,? +(\d\d?):(\d\d)(?::(\d\d))?)?")
_DIVIDED: Final = {"tags": re.compile(r"[,;|\n]"), "authors": re.compile(r"[;|\n]")}
"""A name may hold a comma."""
_YES: Final = frozenset({"yes", "true", "1", "y"})
_NO: Final = frozenset({"no", "false", "0", "n"})


def is_table(line: str) -> bool:
    """Whether the first line of a document names columns, known ones or at least three."""
    if len(line) > LONGEST_LINE:
        return False
    names = _names_in(line, _delimiter_of(line))
    return len(_known(names)) > 1 or (
        len(names) >= LEAST_COLUMNS
        and all(name and len(name) <= LONGEST_HEAD and name.isprintable() for name in names)
        and not re.search(r"[{}\[\]:]", line)
    )


def read_table(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record | LeftOut]:
    """Read the rows of a table; columns that no field belongs to are left out.

    Args:
        name: of the file.
        file: the bytes.
        advance: called with the number of bytes read.

    Raises:
        BadSource: the first row does not name the columns that are needed.
    """
    csv.field_size_limit(LONGEST_LINE)
    lines = _Lines(file, advance)
    delimiter, head = _read_head(name, lines)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    columns = _read_columns(name, head)
    yield from (LeftOut(f"column {printable(one)[:LONGEST_HEAD]}") for one in columns.others)
    while True:
        first = lines.number + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            said = f"a quotation mark is wrong there or in a row before ({error})"
            yield Record(f"{name}:{first}", InvalidArticle(said))
            continue
        fault = next(
            (lines.faults[n] for n in range(first, lines.number + 1) if n in lines.faults), ""
        )
        lines.faults.clear()
        if fault or any(cell.strip() for cell in cells):
            content = InvalidArticle(fault) if fault else columns.article_of(cells)
            yield Record(f"{name}:{first}", content)


@dataclass(slots=True)
class _Lines:
    """The lines of a table as text; what is wrong with one is noted under its number."""

    file: BinaryIO
    advance: Advance
    number: int = 0
    faults: dict[int, str] = field(default_factory=dict)
    _texts: Iterator[str] | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._texts is None:
            start = self.file.read(2)
            self.file.seek(0)
            self._texts = self._read_wide() if start in _WIDE else self._read()
        return next(self._texts)

    def _read(self) -> Iterator[str]:
        while line := self.file.readline(LONGEST_LINE + 1):
            self.number += 1
            self.advance(len(line))
            if len(line) > LONGEST_LINE:
                self.faults[self.number] = f"the line is longer than {LONGEST_LINE} bytes"
                self._skip_rest(line)
                yield "\n"
                continue
            try:
                yield line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError:
                said = 'is not UTF-8; save the sheet as "CSV UTF-8"'
                self.faults[self.number] = said
                yield line.decode("utf-8", "replace")

    def _read_wide(self) -> Iterator[str]:
        wide = io.TextIOWrapper(self.file, "utf-16", errors="replace", newline="")
        try:
            while line := wide.readline(LONGEST_LINE):
                self.number += 1
                self.advance(2 * len(line))
                yield line
        finally:
            with suppress(ValueError):  # the file was closed before
                wide.detach()

    def _skip_rest(self, begun: bytes) -> None:
        while begun and not begun.endswith(b"\n"):
            begun = self.file.readline(LONGEST_LINE)
            self.advance(len(begun))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is read: its field, its name in the sheet, and its place from 0."""

    field: str
    head: str
    place: int

    @property
    def is_exact(self) -> bool:
        """Whether it has the field's own name, and so goes before one with another name."""
        return _as_name(self.head) == self.field

    @property
    def shown(self) -> str:
        """As spreadsheets name it: `column D (published)`."""
        return f"column {_letters(self.place)} ({self.head})"


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is read of a row."""

    read: tuple[_Column, ...]
    others: tuple[str, ...]
    width: int

    def article_of(self, cells: list[str]) -> Article | InvalidArticle:
        """The article of a row, or what is wrong with it, column by column."""
        if any(cell.strip() for cell in cells[self.width :]):
            said = f"has {len(cells)} cells, and the first row names {self.width} columns"
            return InvalidArticle(f"the row {said}; is a text with the separator not in quotes?")
        fields: dict[str, object] = {}
        faults: list[FieldFault] = []
        for column in self.read:
            cell = cells[column.place] if column.place < len(cells) else ""
            try:
                _put(fields, column.field, _value_of(column.field, cell))
            except ValueError as fault:
                faults.append(FieldFault(column.shown, str(fault)))
        if faults:
            return InvalidArticle("the row is not acceptable", tuple(faults))
        made = make_article(fields)
        return self._in_columns(made) if isinstance(made, InvalidArticle) else made

    def _in_columns(self, fault: InvalidArticle) -> InvalidArticle:
        """The same faults, with the columns instead of the fields."""
        shown = {column.field: column.shown for column in self.read}
        faults = (
            FieldFault(shown.get(one.pointer.split("/")[1], one.pointer), one.detail)
            if one.pointer
            else one
            for one in fault.faults
        )
        return InvalidArticle("the row is not acceptable", tuple(faults))


def _read_head(name: str, lines: _Lines) -> tuple[str, list[str]]:
    """The separator, and the names of the columns; `sep=;` before them names it too."""
    line = next(lines, "").lstrip("\ufeff")
    named = re.fullmatch(r"sep=(.)\s*", line, re.IGNORECASE)
    if named:
        line = next(lines, "")
    if lines.faults:
        raise BadSource(f"{name}:{lines.number}: {next(iter(lines.faults.values()))}")
    delimiter = named[1] if named and named[1] in _DELIMITERS else _delimiter_of(line)
    return delimiter, _names_in(line, delimiter)


def _read_columns(name: str, heads: list[str]) -> _Columns:
    """What the first row says.

    Raises:
        BadSource: a needed column is not there, two have the name of one field, or there are too
            many.
    """
    if len(heads) > MOST_COLUMNS:
        raise BadSource(f"{name}:1: has {len(heads)} columns; at most {MOST_COLUMNS} are taken")
    found: dict[str, _Column] = {}
    every = [_Column(_field_of(head), head, place) for place, head in enumerate(heads)]
    for column in sorted(every, key=lambda one: not one.is_exact):
        before = found.setdefault(column.field, column)
        if before is not column and column.field and column.is_exact:
            both = f"{before.shown} and {column.shown}"
            raise BadSource(f"{name}:1: two columns are for {column.field}: {both}")
    found.pop("", None)
    for needed in (("id",), ("title", "body", "body_html")):
        if not found.keys() & set(needed):
            raise BadSource(f"{name}:1: {_explain_absent(needed, heads)}")
    read = tuple(found.values())
    others = [one.head for one in every if one.head and one not in read]
    return _Columns(read, tuple(others[:MOST_NAMED]), len(heads))


def _explain_absent(needed: tuple[str, ...], heads: list[str]) -> str:
    there = ", ".join(printable(head)[:LONGEST_HEAD] for head in heads[:MOST_NAMED] if head)
    near = next((one for one in map(_as_name, heads) if nearest_name(one, needed, 0.75)), None)
    hint = f"; is {near!r} meant?" if near else ""
    return f"the first row has no column {' or '.join(needed)} (there are: {there or 'none'}){hint}"


def _delimiter_of(line: str) -> str:
    """The separator with which a line names most known columns, else the most columns."""

    def names(delimiter: str) -> tuple[int, int]:
        found = _names_in(line, delimiter)
        return len(_known(found)), len(found)

    return max(_DELIMITERS, key=names)


def _names_in(line: str, delimiter: str) -> list[str]:
    try:
        row = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    names = [" ".join(cell.split()) for cell in row]
    while names and not names[-1]:
        names.pop()
    return names


def _known(names: list[str]) -> set[str]:
    return {name for name in map(_field_of, names) if name}


def _field_of(head: str) -> str:
    """The field that a column is for; `attr.` and a name for an attribute; empty for none."""
    name = _as_name(head)
    return name if _ATTRIBUTE.fullmatch(name) else _FIELD_OF.get(name, "")


def _as_name(head: str) -> str:
    return re.sub(r"[\s-]+", "_", head.strip().lower())


def _put(fields: dict[str, object], name: str, value: object) -> None:
    attribute = _ATTRIBUTE.fullmatch(name)
    if attribute is None:
        fields[name] = value
    elif value:
        attributes = fields.setdefault("attributes", {})
        if isinstance(attributes, dict):
            attributes[attribute[1]] = value


def _value_of(name: str, cell: str) -> object:
    """The value of a cell; None for an empty one.

    Raises:
        ValueError: it is none for this field.
    """
    text = remove_controls(cell) if name in _TEXTS else cell.strip()
    if not text.strip():
        return None
    return _READERS.get(name, str)(text)


def _read_names(name: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        return [one.strip() for one in _DIVIDED[name].split(text) if one.strip()]

    return read


def _read_moment(text: str) -> object:
    found = _DAY_FIRST.fullmatch(text)
    iso = text
    if found:
        day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
        with suppress(ValueError):
            iso = datetime(year, month, day, hour, minute, second).isoformat()  # noqa: DTZ001 - UTC is added
    moment = to_rfc3339(iso)
    if moment is None:
        forms = "2024-05-31 14:30, 2024-05-31T14:30:00+05:00 or 31.05.2024 14:30"
        raise ValueError(f"{text[:60]!r} is no date; write {forms}")
    return moment


def _read_truth(text: str) -> object:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(f"{text[:60]!r} is neither yes nor no")
    return word in _YES


def _read_number(text: str) -> object:
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise ValueError(f"{text[:60]!r} is no whole number")
    return int(text)


_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "tags": _read_names("tags"),
    "authors": _read_names("authors"),
    "version": _read_number,
    **dict.fromkeys(("no_related", "never_recommend"), _read_truth),
    **dict.fromkeys(("published_at", "updated_at", "embargoed_until", "expires_at"), _read_moment),
}


def _letters(place: int) -> str:
    """The name of a column in spreadsheets: A to Z, then AA."""
    letters, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
