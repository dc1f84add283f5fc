"""What reading one article's HTML may cost, and the name of the way it is read."""

from typing import Final

__all__ = [
    "CPU_SECONDS",
    "LINKS",
    "LONGEST_MARKUP",
    "LONGEST_TEXT",
    "MARKUP_RECIPE",
    "MEMORY_BYTES",
    "PAGE",
    "PAGE_MEMORY_BYTES",
    "PAGE_WALL_SECONDS",
    "WALL_SECONDS",
]

MARKUP_RECIPE: Final = "markup-2"
"""Names this recipe; change it when the same HTML would give another text."""
LINKS: Final = "links"
"""The argument by which a child reads links."""
PAGE: Final = "page"
"""The argument by which a child reads whole web pages."""
LONGEST_MARKUP: Final = 4 * 1024 * 1024  # bytes of UTF-8
LONGEST_TEXT: Final = 1_000_000  # characters, as an article's body may have
CPU_SECONDS: Final = 2
MEMORY_BYTES: Final = 256_000_000  # of address space; an idle child has 24 million
WALL_SECONDS: Final = 5.0
PAGE_MEMORY_BYTES: Final = 512_000_000  # an idle child has 135 million, and 150 after large pages
PAGE_WALL_SECONDS: Final = 10.0  # the first page waits for what its child imports
