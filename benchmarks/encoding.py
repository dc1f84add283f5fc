"""How fast passages are embedded, beside plain sentence-transformers in float32."""

import time
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from tqdm import tqdm

from benchmarks.figures import Figure
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.transformer import BATCH, TransformerEncoder, has_bfloat16

__all__ = ["compare_encoders"]

CHUNK = 512
RATE_BAR, COSINE_BAR = 1.6, 0.998


def compare_encoders(passages: list[str]) -> list[Figure]:
    """Embed the same passages with both, by turns, so that a busy machine slows both alike."""
    model = find_model("bundled", Path("var"))
    plain = SentenceTransformer(str(model.folder), device="cpu", local_files_only=True)
    ours = TransformerEncoder(model)
    plain.encode(passages[:BATCH], batch_size=BATCH)
    ours.encode(passages[:BATCH], lambda _done: None)
    seconds, cosines = np.zeros(2), []
    for at in tqdm(range(0, len(passages), CHUNK), desc="comparing", unit=" chunk"):
        some = passages[at : at + CHUNK]
        begun = time.perf_counter()
        expected = plain.encode(some, batch_size=BATCH, show_progress_bar=False)
        turned = time.perf_counter()
        found = ours.encode(some, lambda _done: None)
        seconds += turned - begun, time.perf_counter() - turned
        cosines.append((expected * found).sum(axis=1))
    barred = has_bfloat16()
    return [
        Figure("passages", len(passages)),
        Figure("plain float32, passages a second", len(passages) / seconds[0]),
        Figure("ours, passages a second", len(passages) / seconds[1]),
        Figure("ours / plain, rate", seconds[0] / seconds[1], RATE_BAR if barred else None),
        Figure("least cosine to float32", float(np.concatenate(cosines).min()), COSINE_BAR),
    ]
