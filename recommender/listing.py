"""A list as text for the terminal, or as the JSON of the API."""

import textwrap
from dataclasses import asdict
from typing import Any, Final

from recommender.recommendations import Recommendation, Recommendations

__all__ = ["as_document", "as_text", "printable"]

WIDTH: Final = 100


def as_document(recommendations: Recommendations) -> dict[str, Any]:
    """A list as the contract has it, in plain JSON types; shares are rounded to four digits."""
    document: dict[str, Any] = {
        "article_id": recommendations.article_id,
        "items": [_as_item(item) for item in recommendations.items],
        "requested": recommendations.requested,
        "returned": len(recommendations.items),
        "mode": recommendations.mode,
        "generation": recommendations.generation,
    }
    if recommendations.short_because:
        document["short_because"] = recommendations.short_because
    return document


def as_text(recommendations: Recommendations, title: str) -> str:
    """A list with its heading, one line an item: rank, score, headline, and how it came in."""
    lines = [f"Read also, under: {printable(title)}", ""]
    lines += [_as_line(item) for item in recommendations.items]
    if recommendations.short_because:
        lines.append(f"({recommendations.short_because})")
    return "\n".join(lines)


def printable(text: str) -> str:
    """A text on one line, without what would steer a terminal."""
    marks = (mark if mark.isprintable() or mark.isspace() else "\ufffd" for mark in text)
    return " ".join("".join(marks).split())


def _as_item(item: Recommendation) -> dict[str, Any]:
    document = {
        "id": item.id,
        "rank": item.rank,
        "score": round(item.score, 4),
        **asdict(item.card),
        "reason": item.reason,
    }
    if item.explanation is not None:
        parts = asdict(item.explanation)
        document["explanation"] = {name: round(part, 4) for name, part in parts.items()}
    return document


def _as_line(item: Recommendation) -> str:
    title = textwrap.shorten(printable(item.card.title) or item.id, WIDTH - 30, placeholder="…")
    line = f"{item.rank:3}. {item.score:.2f}  {title}"
    if item.reason != "semantic":
        line += f"  [{item.reason}]"
    if item.explanation is not None:
        parts = "  ".join(f"{name} {part:.2f}" for name, part in asdict(item.explanation).items())
        line += f"\n           {parts}"
    return line
