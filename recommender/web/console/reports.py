"""The reports of `read-also evaluate` that are kept: which there are, and each as a page."""

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Final

from flask import Response, render_template

from recommender.web.console.access import console, opened
from recommender.web.console.page import shown_language
from recommender.web.console.words import words_of
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["KeptReport", "kept_reports"]

NAME: Final = re.compile(r"[0-9]{8}-[0-9]{6}")
HEAD: Final = 4_000  # characters in which the title stands
_TITLE: Final = re.compile(r"<title>([^<]{0,300})</title>")
_STYLE: Final = re.compile(r"<style>([^<]*)</style>")


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report that is kept.

    Attributes:
        name: of its file, without the ending: the moment.
        title: of what it is.
        made_at: when.
    """

    name: str
    title: str
    made_at: datetime


@console.get("/quality/reports/<name>")
@opened("read")
def show_report(name: str) -> Response:
    """A report as it was written, with the way back; nothing in it runs or is loaded."""
    path = state().settings.data.reports / f"{name}.html"
    if not NAME.fullmatch(name) or not path.is_file():
        raise Refused(404, "this report is not kept")
    text = path.read_text("utf-8")
    words = words_of("quality", shown_language())
    way_back = render_template("console/report_back.html", w=words, language=shown_language())
    response = Response(text.replace("<main>", f"<main>\n{way_back}", 1))
    response.headers["Content-Security-Policy"] = _policy(text)
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def kept_reports() -> list[KeptReport]:
    """The reports that are kept, the newest first."""
    folder = state().settings.data.reports
    found = (_report_of(path) for path in folder.glob("*.html")) if folder.is_dir() else ()
    return sorted((one for one in found if one), key=lambda one: one.name, reverse=True)


def _report_of(path: Path) -> KeptReport | None:
    if not NAME.fullmatch(path.stem):
        return None
    try:
        made_at = datetime.strptime(path.stem, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        with path.open(encoding="utf-8") as file:
            title = _TITLE.search(file.read(HEAD))
    except (OSError, ValueError):  # removed meanwhile, or named by somebody else
        return None
    return KeptReport(path.stem, unescape(title[1]) if title else path.stem, made_at)


def _policy(text: str) -> str:
    """Only the style sheet that the report has in it."""
    style = _STYLE.search(text)
    digest = b64encode(sha256(style[1].encode()).digest()).decode() if style else ""
    styles = f"style-src 'sha256-{digest}'; " if style else ""
    return (
        f"default-src 'none'; {styles}base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
