"""Which language a text is in, when nobody said: sure, or unknown, never a guess."""

from functools import cache
from typing import Any, Final

__all__ = ["LANGUAGE_VERSION", "SURE_ABOVE", "detect_language"]

LANGUAGE_VERSION: Final = "langid-1"

SURE_ABOVE: Final = 0.9
ENOUGH: Final = 2_000  # characters; more of a story changes no answer and costs time
# The detector tells some close kin apart that newsrooms publish as one language.
_KIN: Final = {"wuu": "zh", "yue": "zh", "pcm": "en"}


def detect_language(text: str) -> str | None:
    """The primary BCP-47 subtag of the text's language, or None below SURE_ABOVE probability."""
    odds: dict[str, float] = {}
    for label, probability in _identifier().rank(text[:ENOUGH])[:6]:
        language = _KIN.get(label, label)
        odds[language] = odds.get(language, 0.0) + float(probability)
    best = max(odds, key=lambda language: odds[language])
    return best if odds[best] > SURE_ABOVE else None


@cache
def _identifier() -> Any:  # noqa: ANN401 - py3langid has no types
    """The model takes half a second to read, so only what detects pays for it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
