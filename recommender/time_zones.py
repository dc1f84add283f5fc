"""Time zones by their names in the IANA database."""

import re
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["TIME_ZONE_PATTERN", "find_time_zone"]

TIME_ZONE_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}$"


def find_time_zone(name: str) -> tzinfo:
    """The time zone with a name, such as `Asia/Dushanbe`. `UTC` needs no database.

    Raises:
        ValueError: there is none.
    """
    if name == "UTC":
        return UTC
    try:
        if re.fullmatch(TIME_ZONE_PATTERN, name):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a zone; a folder such as `Asia`
        pass
    raise ValueError(f"{name!r} is no time zone; write one as in Asia/Dushanbe or UTC")
