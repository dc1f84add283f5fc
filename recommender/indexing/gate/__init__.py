"""The gate: whether a freshly staged snapshot may be published.

Checksums tell that the disk kept what was written, and self-queries that the index works. The gate
asks whether what was built is what readers should get: everything that the store holds, each
article under its own vector, found as exactly as by brute force, and, as long as the model stays,
lists much like those of the live generation. `measure` gathers plain values, `judge` decides.
"""

from recommender.indexing.gate.judgement import Finding, Quality, agreement, judge
from recommender.indexing.gate.measurement import Candidate, admit, measure
from recommender.indexing.gate.overlap import rank_biased_overlap

__all__ = [
    "Candidate",
    "Finding",
    "Quality",
    "admit",
    "agreement",
    "judge",
    "measure",
    "rank_biased_overlap",
]
