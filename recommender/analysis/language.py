"""Detects the language of a text, or says that it is unknown. It never guesses."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["LANGUAGE_VERSION", "SURE_ABOVE", "PiecewiseWalk", "detect_language", "load_detector"]

LANGUAGE_VERSION: Final = "langid-1"

SURE_ABOVE: Final = 0.9
ENOUGH: Final = 2_000  # characters; more text costs time and changes no answer
LONGEST_RUN: Final = 6  # bytes that a feature may have
PIECE: Final = 16
LEAST_BYTES: Final = 400  # a shorter text is walked through faster byte by byte
# The detector separates some languages that newsrooms publish as one.
_MERGED: Final = {"wuu": "zh", "yue": "zh", "pcm": "en"}


def detect_language(text: str) -> str | None:
    """The primary BCP-47 subtag of the language; None if its probability is below SURE_ABOVE."""
    odds: dict[str, float] = {}
    for label, probability in load_detector().rank(text[:ENOUGH])[:6]:
        language = _MERGED.get(label, label)
        odds[language] = odds.get(language, 0.0) + float(probability)
    best = max(odds, key=lambda language: odds[language])
    return best if odds[best] > SURE_ABOVE else None


@cache
def load_detector() -> Any:  # noqa: ANN401 - py3langid has no types
    """Load the detector on first use: it takes half a second, which not every command needs."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    class PiecewiseIdentifier(LanguageIdentifier):  # type: ignore[misc]
        """Walks through all pieces of a text at once; the counts are those of one long walk."""

        def _raw_score(self, text: bytes) -> Any:  # noqa: ANN401
            if len(text) < LEAST_BYTES:
                return super()._raw_score(text)
            counts = walk.count_features(text)
            return self._sparse_score(counts, self.nb_ptc) if counts else super()._raw_score(text)

    identifier = PiecewiseIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    walk = PiecewiseWalk.of(identifier)
    return identifier


@dataclass(frozen=True, slots=True, eq=False)
class PiecewiseWalk:
    """The automaton of the detector, which finds runs of bytes that are typical of a language.

    It is one of Aho and Corasick: its state depends on the last bytes only, as many as the longest
    run has. So a text can be cut into pieces: a walk that begins LONGEST_RUN bytes before a piece
    is in the right state when it enters it. numpy then steps through all pieces at once.

    Attributes:
        moves: the next state, [rows * 256].
        rows: where the row of each state begins in `moves`: int64 [states].
        features: what each state has found; -1 for nothing: int32 [states].
    """

    moves: NDArray[np.unsignedinteger[Any]]
    rows: NDArray[np.int64]
    features: NDArray[np.int32]

    @classmethod
    def of(cls, identifier: Any) -> "PiecewiseWalk":  # noqa: ANN401 - py3langid has no types
        """Take the tables of a detector."""
        return cls(
            moves=np.frombuffer(identifier.tk_nextmove, identifier.tk_nextmove.typecode),
            rows=np.array(identifier.tk_row, np.int64) << 8,
            features=np.array(identifier.tk_output, np.int32),
        )

    def count_features(self, text: bytes) -> Counter[int]:
        """Count the features of a text, in the order in which each is first found."""
        pieces = -(-len(text) // PIECE)
        padded = np.zeros(LONGEST_RUN + pieces * PIECE, np.uint8)
        padded[LONGEST_RUN : LONGEST_RUN + len(text)] = np.frombuffer(text, np.uint8)
        windows = sliding_window_view(padded, LONGEST_RUN + PIECE)[::PIECE]
        columns = np.ascontiguousarray(windows.T).astype(np.int64)
        states = np.zeros((len(columns) + 1, pieces), self.moves.dtype)
        move = np.empty(pieces, np.int64)
        for at, letters in enumerate(columns):
            if at == LONGEST_RUN:
                states[at, 0] = 0  # nothing stands before the first piece
            np.take(self.rows, states[at], out=move, mode="clip")
            np.take(self.moves, np.add(move, letters, out=move), out=states[at + 1], mode="clip")
        found = self.features[states[LONGEST_RUN + 1 :].T.ravel()[: len(text)]]
        return Counter(found[found >= 0].tolist())
