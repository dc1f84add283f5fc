"""What a browser sends, as values: numbers, moments, and the ids that stand in a path."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from recommender.characters import printable
from recommender.errors import BadParameter, UnknownArticle
from recommender.id_grammar import find_id_fault
from recommender.store import checked_reason
from recommender.web.problems import Refused

__all__ = ["check_path_ids", "find_number", "read_change", "read_moment", "read_reason"]

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
"""So many digits that every store can hold the number."""
_SESSION: Final = re.compile(r"[0-9a-f]{16}")


def find_number(text: str) -> int | None:
    """A whole number, not below 0; None if a text is none, or has more than 18 digits."""
    return int(text) if _NUMBER.fullmatch(text) else None


def read_change(form: Mapping[str, str], name: str) -> int:
    """Read the number of a change, or of a version, from a form.

    Raises:
        BadParameter: it is none.
    """
    number = find_number(form.get(name, ""))
    if number is None:
        raise BadParameter(f"{name} must be a number of at most 18 digits")
    return number


def read_moment(form: Mapping[str, str], name: str, zone: tzinfo) -> datetime | None:
    """Read a moment from a form; one without an offset is meant in a time zone. None for none.

    Raises:
        BadParameter: it is none, or lies outside the years 1 to 9999 in UTC.
    """
    text = form.get(name, "")
    try:
        moment = datetime.fromisoformat(text) if text else None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        if moment is not None:
            moment.astimezone(UTC)
    except ValueError as error:
        raise BadParameter(f"{name}: {text!r:.60} is no time") from error
    except OverflowError as error:
        detail = f"{name}: {text!r:.60} is outside the years 1 to 9999 in UTC"
        raise BadParameter(detail) from error
    return moment


def read_reason(form: MultiDict[str, str]) -> str:
    """Read why somebody changes something: the first field `why` that is filled in; empty for none.

    Raises:
        BadParameter: it is too long.
    """
    return checked_reason(next((one for one in form.getlist("why") if printable(one)), ""))


def check_path_ids(given: Mapping[str, Any]) -> None:
    """Refuse ids of a path that no store has: PostgreSQL cannot even be asked for some of them.

    Raises:
        UnknownArticle: the id of an article breaks the grammar.
        Refused: the id of a session does.
    """
    for name in ("article_id", "other_id"):
        if name in given and find_id_fault(given[name]):
            raise UnknownArticle(given[name])
    if "session_id" in given and not _SESSION.fullmatch(given["session_id"]):
        raise Refused(404, "there is no such session")
