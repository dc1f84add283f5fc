"""What a list is picked from, and by which rules, from a view and a policy."""

import numpy as np

from index import View
from recommender.policy import Policy
from recommender.ranking import Pool, Ranked, Rules
from recommender.recommendations import Options

__all__ = ["pool_of", "rules_of"]


def pool_of(view: View, ranked: Ranked, now: float) -> Pool:
    """Candidates as a list is picked from them, at `now`.

    Nothing was revised in the future: who says so is as new as its publication.
    """
    names = ("signature", "revised_at", "author", "host", "embedded", "own", "tells")
    signatures, times, *others = (view.take(name, ranked.rows) for name in names)
    if np.count_nonzero(times > now):
        times = np.where(times > now, view.take("published_at", ranked.rows), times)
    return Pool(ranked.values, ranked.vectors, signatures, times, *others)


def rules_of(policy: Policy, limit: int, diversity: float | None = None) -> Rules:
    """What a list of a length must not be by a policy, unless another diversity is asked for."""
    return Rules(
        diversity=policy.diversity if diversity is None else diversity,
        duplicate_overlap=policy.duplicate_overlap,
        story_likeness=policy.story_likeness,
        story_cap=max(policy.story_cap, policy.story_cap * limit // Options().limit),
        copy_overlap=policy.copy_overlap,
        copy_cap=policy.copy_cap,
    )
