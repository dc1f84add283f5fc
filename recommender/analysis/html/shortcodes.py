"""WordPress's own markup in the text of a post: [shortcodes] and block comments.

WordPress replaces them when it shows a post. They are left in an export file (see
`render_stored_content`), and in a page where the plugin behind a shortcode is gone (see
`remove_shortcodes`).
"""

import re
from typing import Final

__all__ = ["remove_shortcodes", "render_stored_content"]

# Shortcodes in a page. With a setting, closing, or of a known name: [sic] and [the minister] are
# words of the story.
_BARE_NAMES: Final = (
    "audio|caption|contact-form|contact-form-7|embed|gallery|instagram|more|playlist|twitter|"
    "video|wp_caption|youtube"
)
_CAPTION: Final = re.compile(
    r"\[(caption|wp_caption|embed)(?:\s[^\[\]]{0,400})?\].{0,1000}?\[/\1\]", re.DOTALL
)
_IN_PAGE: Final = re.compile(
    r"\[/?[a-z][a-z0-9_-]{1,40}(?:\s+[a-z0-9_-]{1,40}\s?=\s?(?:[\"“”″'‘’][^\[\]\"“”″'‘’]{0,400}"  # noqa: RUF001 - curly quotes
    r"[\"“”″'‘’]|[^\s\[\]]{1,200}))+\s*/?\]"  # noqa: RUF001
    rf"|\[/[a-z][a-z0-9_-]{{0,40}}\]|\[(?:{_BARE_NAMES})\s?/?\]"
)
_MORE: Final = re.compile(r"<!--\s?(?:more|nextpage|noteaser)\b.{0,80}?-->")
_OPENING: Final = re.compile(r"\[([a-z][a-z0-9_-]{0,40})\]")

# Content as the database keeps it.
_BLOCK_COMMENT: Final = "<!-- wp:"
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_STORED: Final = re.compile(r"(?<!\[)\[(/?)([A-Za-z][\w-]{0,60})((?:[\s=/][^\[\]]*)?)\](?!\])")
_DOUBLE: Final = r"\u201c\u201d\u2033"  # curly, if somebody typed them in the visual editor
_SINGLE: Final = r"\u2018\u2019\u2032"
_ATTRIBUTES: Final = re.compile(
    rf"(?:\s+[\w-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[{_DOUBLE}][^{_DOUBLE}]*[{_DOUBLE}]"
    rf"|[{_SINGLE}][^{_SINGLE}]*[{_SINGLE}])|=[^\s=\"'{_DOUBLE}{_SINGLE}][^\s\"']*))+\s*"
)
_EMBEDDED: Final = re.compile(r"\[(embed|audio|video)\b[^\[\]]*\][^\[\]]*\[/\1\]")
_BARE_ADDRESS: Final = re.compile(r"^[ \t]*https?://\S+[ \t]*\r?$", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n[ \t\r]*\n\s*")
_BLOCK_TAG: Final = re.compile(
    r"\s*</?(?:address|article|aside|blockquote|details|div|dl|fieldset|figure|footer|form|h[1-6]"
    r"|header|hr|iframe|li|main|nav|ol|p|pre|section|script|style|table|tbody|td|th|tr|ul)\b",
    re.IGNORECASE,
)
_KNOWN_NAMES: Final = frozenset(
    {
        *("audio", "caption", "embed", "gallery", "playlist", "video"),
        *("instagram", "soundcloud", "twitter", "vimeo", "youtube"),
    }
)


def remove_shortcodes(line: str) -> str:
    """Remove shortcodes, and comments such as <!--more-->, from a line of a page's text.

    The text between an opening and a closing shortcode stays, except the caption of a picture.
    """
    if "[" not in line:
        return _MORE.sub("", line) if "<!--" in line else line
    closed = {one for one in _OPENING.findall(line) if f"[/{one}]" in line}
    line = _IN_PAGE.sub("", _CAPTION.sub("", _MORE.sub("", line)))
    return _OPENING.sub(lambda one: "" if one[1] in closed else one[0], line)


def render_stored_content(content: str) -> str:
    """Make HTML of a post's stored content, as close to the page as possible without the site.

    Block comments and shortcodes go; the text between an opening and a closing shortcode stays.
    Addresses alone on a line go too, as WordPress would embed what is there. Without block
    comments, blank lines separate paragraphs.
    """
    bare = _without_stored_shortcodes(_COMMENT.sub("", _EMBEDDED.sub("", content)))
    bare = _BARE_ADDRESS.sub("", bare)
    return bare.strip() if _BLOCK_COMMENT in content else _in_paragraphs(bare)


def _without_stored_shortcodes(text: str) -> str:
    """Remove shortcodes, but no other words in brackets.

    It is a shortcode if it has attributes, a closing tag or a known name. After the name only
    attributes may follow, so [n=120] and [x for x in y if x==1] stay. WordPress doubles the
    brackets of a shortcode that is meant to be seen.
    """
    closed = {found[2] for found in _STORED.finditer(text) if found[1]}

    def drop(found: re.Match[str]) -> str:
        name, rest = found[2], found[3]
        is_shortcode = name in closed or name in _KNOWN_NAMES or rest.endswith("/")
        return "" if is_shortcode or _ATTRIBUTES.fullmatch(rest) else found[0]

    return _STORED.sub(drop, text)


def _in_paragraphs(text: str) -> str:
    parts = (part.strip() for part in _BLANK_LINES.split(text.strip()))
    return "\n".join(part if _BLOCK_TAG.match(part) else f"<p>{part}</p>" for part in parts if part)
