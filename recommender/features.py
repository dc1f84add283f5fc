"""Embeds the articles whose text has no vector yet, keeping vectors as the work goes on."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from recommender.articles import Article
from recommender.embedding import Encoder, mix_views, texts_of
from recommender.passages import Views
from recommender.progress import Advance, Meter
from recommender.store import FeatureCache

__all__ = ["embed_missing"]


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
            vectors = _embed({key: views[key] for key in chunk}, encoder, advance)
            cache.add_vectors(vectors, fingerprint)
    return len(views)


def _embed(
    views: Mapping[str, Views], encoder: Encoder, advance: Advance
) -> dict[str, NDArray[np.float16]]:
    texts = _distinct(views)
    rows = encoder.encode(texts, advance)
    place = {text: row for row, text in enumerate(texts)}
    return {
        key: mix_views(view, lambda text: rows[place[text]]).astype(np.float16)
        for key, view in views.items()
    }


def _distinct(views: Mapping[str, Views]) -> list[str]:
    return list(dict.fromkeys(text for view in views.values() for text in texts_of(view)))
