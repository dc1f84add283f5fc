"""HTML to plain text, in a sandbox. Parent processes use `sandbox` and `web_page`.

The child process imports this package too, so little is imported here: no lxml, no trafilatura.
"""

from typing import Final

__all__ = ["MARKUP_VERSION"]

MARKUP_VERSION: Final = "markup-2"
"""The version of the conversion; change it when the same HTML would give another text."""
