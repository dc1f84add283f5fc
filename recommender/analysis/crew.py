"""Who reads and embeds the texts of a rebuild: this machine, or others for it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from recommender.analysis.embedding import Model
from recommender.analysis.features import Embedding, Features
from recommender.articles import Article
from recommender.progress import Advance

__all__ = ["Crew", "PartDone", "Parts", "Texts"]

Texts = Mapping[str, Article]
"""Articles with plain texts, by the hash of the text."""
Found = TypeVar("Found", bound=Features | Embedding)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Texts to read or to embed, part by part.

    Attributes:
        keys: the hashes of the texts of each part.
        load: gives the texts of a part when its turn comes. It leaves out those that cannot be
            read. A part may be loaded again.
    """

    keys: Sequence[Sequence[str]]
    load: Callable[[Sequence[str]], Texts]

    @property
    def texts(self) -> int:
        """How many texts there are in all parts."""
        return sum(map(len, self.keys))


@dataclass(frozen=True, slots=True, eq=False)
class PartDone(Generic[Found]):
    """What was found in some texts.

    Attributes:
        keys: the hashes of the texts.
        found: what was found, by hash. Texts that killed whoever read them have nothing.
    """

    keys: Collection[str]
    found: dict[str, Found]

    @property
    def killers(self) -> set[str]:
        """The hashes of the texts that killed whoever read them, each time."""
        return set(self.keys) - self.found.keys()


class Crew(Protocol):
    """Reads and embeds texts, part by part, in any order; no text is left out.

    A text has the same features, bit by bit, whoever reads it. Its embedding depends on the texts
    that are embedded together with it: those of its part.
    """

    def read(self, parts: Parts) -> Iterator[PartDone[Features]]:
        """Read texts; take the next part done when the one before is stored."""

    def embed(self, model: Model, parts: Parts, advance: Advance) -> Iterator[PartDone[Embedding]]:
        """Embed texts with a model of this machine, in the same way; `advance` counts articles."""
