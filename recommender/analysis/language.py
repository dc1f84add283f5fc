"""Detects the language of a text, or says that it is unknown. It never guesses."""

from functools import cache
from typing import Any, Final

__all__ = ["LANGUAGE_VERSION", "SURE_ABOVE", "detect_language"]

LANGUAGE_VERSION: Final = "langid-1"

SURE_ABOVE: Final = 0.9
ENOUGH: Final = 2_000  # characters; more text costs time and changes no answer
# The detector separates some languages that newsrooms publish as one.
_MERGED: Final = {"wuu": "zh", "yue": "zh", "pcm": "en"}


def detect_language(text: str) -> str | None:
    """The primary BCP-47 subtag of the language; None if its probability is below SURE_ABOVE."""
    odds: dict[str, float] = {}
    for label, probability in _identifier().rank(text[:ENOUGH])[:6]:
        language = _MERGED.get(label, label)
        odds[language] = odds.get(language, 0.0) + float(probability)
    best = max(odds, key=lambda language: odds[language])
    return best if odds[best] > SURE_ABOVE else None


@cache
def _identifier() -> Any:  # noqa: ANN401 - py3langid has no types
    """Load the detector on first use: it takes half a second, which not every command needs."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
