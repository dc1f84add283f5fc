"""The grammar of article ids, and what is wrong with a text that breaks it."""

import re
from typing import Final

__all__ = ["ID_PATTERN", "ID_SCHEMA", "LONGEST_ID", "check_id", "escape_bytes", "find_id_fault"]

LONGEST_ID: Final = 200  # characters
_CHARACTERS: Final = "A-Za-z0-9._:~-"
ID_PATTERN: Final = rf"[{_CHARACTERS}]{{1,{LONGEST_ID}}}"
ID_SCHEMA: Final = {  # without "." and "..", and without a look-ahead, which many readers lack
    "pattern": r"^([A-Za-z0-9_:~-][A-Za-z0-9._:~-]{0,199}|\.[A-Za-z0-9_:~-][A-Za-z0-9._:~-]{0,198}"
    r"|\.\.[A-Za-z0-9._:~-]{1,198})$"
}
_ID: Final = re.compile(ID_PATTERN)
_FOREIGN: Final = re.compile(f"[^{_CHARACTERS}]")
_PATH_STEPS: Final = frozenset({".", ".."})


def check_id(article_id: str) -> str:
    """Return the id unchanged.

    Raises:
        ValueError: the id breaks the grammar; the message says where.
    """
    fault = find_id_fault(article_id)
    if fault is not None:
        raise ValueError(fault)
    return article_id


def find_id_fault(text: str) -> str | None:
    """What keeps a text from being an id, as the end of a sentence; None if nothing does.

    An id has 1 to 200 of the characters `A-Z a-z 0-9 . _ : ~ -`, and is not `.` or `..`, which are
    steps of a path.
    """
    if _ID.fullmatch(text) and text not in _PATH_STEPS:
        return None
    rule = f"must match {ID_PATTERN} and be neither '.' nor '..'"
    foreign = _FOREIGN.search(text)
    if foreign is not None:
        place, name = foreign.start() + 1, _name(foreign[0])
        return f"{rule}; its character {place} is {name}: write it as {escape_bytes(foreign[0])}"
    if len(text) > LONGEST_ID:
        return f"{rule}; it has {len(text)} characters"
    return f"{rule}; it is empty" if not text else rule


def escape_bytes(text: str) -> str:
    """`~HH` for each byte of a text in UTF-8; half a surrogate pair becomes a question mark.

    So ids of other systems are written in the grammar, and can be read back.
    """
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _name(character: str) -> str:
    """A character as it is, if it prints, and its code point."""
    shown = f"{character!r}, " if character.isprintable() else ""
    return f"{shown}U+{ord(character):04X}"
