"""What WordPress keeps of a post, before it makes a page of it: block comments and shortcodes."""

import re
from typing import Final

__all__ = ["render"]

_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SHORTCODE: Final = re.compile(r"(?<!\[)\[(/?)([A-Za-z][\w-]{0,60})((?:[\s=/][^\[\]]*)?)\](?!\])")
_DOUBLE: Final = r"\u201c\u201d\u2033"  # curly, where somebody typed them in the visual editor
_SINGLE: Final = r"\u2018\u2019\u2032"
_ATTRIBUTES: Final = re.compile(
    rf"(?:\s+[\w-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[{_DOUBLE}][^{_DOUBLE}]*[{_DOUBLE}]"
    rf"|[{_SINGLE}][^{_SINGLE}]*[{_SINGLE}])|=[^\s=\"'{_DOUBLE}{_SINGLE}][^\s\"']*))+\s*"
)
_EMBEDDED: Final = re.compile(r"\[(embed|audio|video)\b[^\[\]]*\][^\[\]]*\[/\1\]")
_BARE_ADDRESS: Final = re.compile(r"^[ \t]*https?://\S+[ \t]*\r?$", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n[ \t\r]*\n\s*")
_BLOCK: Final = re.compile(
    r"\s*</?(?:address|article|aside|blockquote|details|div|dl|fieldset|figure|footer|form|h[1-6]"
    r"|header|hr|iframe|li|main|nav|ol|p|pre|section|script|style|table|tbody|td|th|tr|ul)\b",
    re.IGNORECASE,
)
_KNOWN: Final = frozenset(
    {
        *("audio", "caption", "embed", "gallery", "playlist", "video"),
        *("instagram", "soundcloud", "twitter", "vimeo", "youtube"),
    }
)
_BLOCKS: Final = "<!-- wp:"


def render(content: str) -> str:
    """HTML of a post's content, as close to the page's as can be told without the site.

    Block comments go; so do shortcodes, of which what stands between a beginning and an end stays,
    and addresses alone on a line, which a page would show as what is there. Where there are no
    blocks, blank lines part paragraphs.
    """
    bare = _without_shortcodes(_COMMENT.sub("", _EMBEDDED.sub("", content)))
    bare = _BARE_ADDRESS.sub("", bare)
    return bare.strip() if _BLOCKS in content else _in_paragraphs(bare)


def _without_shortcodes(text: str) -> str:
    """A word in brackets, such as [sic], is none unless it has attributes, an end or a known name.

    Nothing but attributes has to follow the name, so [n=120] and [x for x in y if x==1] are none. A
    doubled bracket is how WordPress writes one that is meant to be seen.
    """
    ended = {found[2] for found in _SHORTCODE.finditer(text) if found[1]}

    def drop(found: re.Match[str]) -> str:
        name, rest = found[2], found[3]
        is_one = name in ended or name in _KNOWN or rest.endswith("/")
        return "" if is_one or _ATTRIBUTES.fullmatch(rest) else found[0]

    return _SHORTCODE.sub(drop, text)


def _in_paragraphs(text: str) -> str:
    parts = (part.strip() for part in _BLANK_LINES.split(text.strip()))
    return "\n".join(part if _BLOCK.match(part) else f"<p>{part}</p>" for part in parts if part)
