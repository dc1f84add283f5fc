"""Embeds the articles whose text has no vector yet, keeping vectors as the work goes on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import quantize
from recommender.analysis.embedding import Encoder, matched, mix_views, texts_of
from recommender.analysis.passages import Views
from recommender.articles import Article
from recommender.progress import Advance, Meter
from recommender.store import FeatureCache

__all__ = ["Embedded", "embed_missing", "embedded_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """What an encoder made of one text.

    Attributes:
        vector: float32 [dim], a unit vector.
        passages: codes of its passages, int8 [k, dim].
    """

    vector: NDArray[np.float32]
    passages: NDArray[np.int8]


def embedded_of(views: Views, vector_of: Callable[[str], NDArray[np.float32]]) -> Embedded:
    """Vector and passages of an article, from the unit vectors (float32 [dim]) of its texts."""
    passages = np.stack([vector_of(text) for text in matched(views)])
    # What is no number shows in the vector too, and is refused there with the article's name.
    sound = passages[np.isfinite(passages).all(axis=1)]
    return Embedded(mix_views(views, vector_of), quantize(sound))


def embed_missing(
    texts: Mapping[str, Article],
    cache: FeatureCache,
    fingerprint: str,
    load: Callable[[], Encoder],
    meter: Meter,
    *,
    afresh: bool = False,
) -> int:
    """Embed the texts that the cache does not know under a model.

    Args:
        texts: all that should be known, by the hash of their text.
        cache: where vectors are kept.
        fingerprint: the model's.
        load: reads the model; called only if something is missing.
        meter: told of passages embedded.
        afresh: embed what is known too.

    Returns:
        How many texts were embedded.
    """
    chunks = cache.missing(texts, fingerprint, of="vectors", afresh=afresh)
    if not chunks:
        return 0
    encoder = load()
    views = {key: Views.of(texts[key]) for chunk in chunks for key in chunk}
    total = sum(len(_distinct({key: views[key] for key in chunk})) for chunk in chunks)
    with meter("embedding", total, "passage") as advance:
        for chunk in chunks:
            made = _embed({key: views[key] for key in chunk}, encoder, advance)
            cache.add_vectors(
                {key: one.vector.astype(np.float16) for key, one in made.items()},
                fingerprint,
                {key: one.passages for key, one in made.items()},
            )
    return len(views)


def _embed(views: Mapping[str, Views], encoder: Encoder, advance: Advance) -> dict[str, Embedded]:
    texts = _distinct(views)
    rows = encoder.encode(texts, advance)
    place = {text: row for row, text in enumerate(texts)}
    return {key: embedded_of(view, lambda text: rows[place[text]]) for key, view in views.items()}


def _distinct(views: Mapping[str, Views]) -> list[str]:
    return list(dict.fromkeys(text for view in views.values() for text in texts_of(view)))
