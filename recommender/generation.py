"""What a generation remembers of where it came from: the model, and the place in the change log."""

from dataclasses import dataclass
from typing import Final

from index import Catalog, Manifest, NoSnapshot, SnapshotDamaged
from index.build import Stamp
from recommender.embedding import Model
from recommender.reading import ANALYZER
from recommender.rows import GROUPED_BY, KNOWN_BY
from recommender.store import Point, StoreState

__all__ = ["Origin", "live_manifest", "live_name", "stamp_of"]

_ENCODER: Final = "encoder"
_LANGUAGES: Final = "languages"
_KIN: Final = "kin"
_MARK: Final = "mark"
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a generation came from.

    Attributes:
        epoch: the store's.
        point: the last change in them.
        model: fingerprint of the encoder of their vectors.
        encoder: the name by which that model was asked for.
        languages: primary BCP-47 subtags that the encoder knows; None means any.
        kin: those of them that it knows from their kin alone.
    """

    epoch: str
    point: Point
    model: str
    encoder: str
    languages: frozenset[str] | None
    kin: frozenset[str] = frozenset()

    @classmethod
    def of(cls, manifest: Manifest) -> "Origin":
        """Read it from a manifest; a note that is missing means nothing was known."""
        notes = manifest.notes
        languages = notes.get(_LANGUAGES, _ANY)
        return cls(
            epoch=manifest.epoch,
            point=Point(manifest.change, notes.get(_MARK, "")),
            model=manifest.model,
            encoder=notes.get(_ENCODER, ""),
            languages=None if languages == _ANY else _split(languages),
            kin=_split(notes.get(_KIN, "")),
        )

    def knows(self, language: str | None) -> bool:
        """Whether vectors of this language mean something; of an unknown one they may not."""
        return self.languages is None or language in self.languages

    def is_fluent(self, language: str | None) -> bool:
        """Whether vectors also lead among texts of this language."""
        return self.knows(language) and language not in self.kin


def stamp_of(model: Model, state: StoreState) -> Stamp:
    """What a snapshot of a store at one moment is stamped with."""
    languages = _ANY if model.languages is None else ",".join(sorted(model.languages))
    return Stamp(
        model=model.fingerprint,
        analyzer=ANALYZER,
        epoch=state.epoch,
        change=state.change,
        grouped_by=GROUPED_BY,
        known_by=KNOWN_BY,
        # Vectors of several languages stand in a corner each, and prefer their own language.
        centred=model.languages is None or len(model.languages) > 1,
        notes={
            _ENCODER: model.name,
            _LANGUAGES: languages,
            _KIN: ",".join(sorted(model.kin)),
            _MARK: state.newest.mark,
        },
    )


def _split(languages: str) -> frozenset[str]:
    return frozenset(filter(None, languages.split(",")))


def live_name(catalog: Catalog) -> str | None:
    """The live generation; None where none is, or the pointer is damaged."""
    try:
        return catalog.live()
    except (NoSnapshot, SnapshotDamaged):
        return None


def live_manifest(catalog: Catalog) -> Manifest | None:
    """What the live generation says of itself, without opening it; None where nothing tells it."""
    return catalog.manifests().get(live_name(catalog) or "")
