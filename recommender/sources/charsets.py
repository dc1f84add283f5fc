"""The text of a web page's bytes, in whatever encoding the page or its server names."""

import codecs
import re
from typing import Final

__all__ = ["decode_page"]

_HEAD: Final = 4_096  # bytes in which a page names its encoding
_NAMED: Final = re.compile(
    rb"(?:<meta[^>]{0,300}?charset\s*=|<\?xml[^>]{0,200}?encoding\s*=)\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})",
    re.IGNORECASE,
)
_SENT: Final = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What browsers read, https://encoding.spec.whatwg.org, by Python's names: subsets by what has all.
_WIDER: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_READ: Final = frozenset(
    """
    utf-8 utf-16-le utf-16-be cp866 cp874 cp932 cp949 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255
    cp1256 cp1257 cp1258 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8
    iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u koi8-t kz1048 mac-cyrillic
    gb18030 big5hkscs euc_jp iso2022_jp
    """.split()  # noqa: SIM905 - a list to read
)


def decode_page(body: bytes, content_type: str = "") -> str:
    """The text; bytes that the encoding does not have become U+FFFD.

    A byte order mark goes before what the server says, and that before what the page says. Where
    nobody says, it is UTF-8, or windows-1252 where it cannot be UTF-8.

    Args:
        body: of the page.
        content_type: the server's header.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    sent, named = _SENT.search(content_type), _NAMED.search(body[:_HEAD])
    told = (_known(sent[1]) if sent else None, _known(named[1].decode("ascii")) if named else None)
    encoding = next(filter(None, told), None) or _guessed(body)
    return body.decode(encoding, "replace")


def _known(name: str) -> str | None:
    """Python's name of an encoding that pages are read in."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    wider = _WIDER.get(found, found)
    return wider if wider in _READ else None


def _guessed(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
