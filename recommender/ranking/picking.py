"""What a list is picked from, by which rules, and what they took out, from a view and a policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import ListOptions, Rule
from recommender.ranking.clusters import tellings_of
from recommender.ranking.policy import Policy
from recommender.ranking.pool import Pool, Rules
from recommender.ranking.ranked import Ranked
from recommender.ranking.selection import Removal, Selection

__all__ = ["Removed", "pool_of", "removed_from", "rules_of", "told_among"]

RULE_OF: Final[Mapping[Removal, Rule]] = {
    Removal.DUPLICATE_OF_SEED: "duplicate_of_seed",
    Removal.DUPLICATE: "duplicate",
    Removal.STORY_CAP: "story_cap",
    Removal.COPY_CAP: "copy_cap",
    Removal.TRANSLATION: "translation",
}


@dataclass(frozen=True, slots=True)
class Removed:
    """The rule that took a candidate out when a list was picked.

    `because` is the id of the item that stands instead, or that filled its cap; None for the seed.
    """

    rule: Rule
    because: str | None = None


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
        story_cap=max(policy.story_cap, policy.story_cap * limit // ListOptions().limit),
        copy_overlap=policy.copy_overlap,
        copy_cap=policy.copy_cap,
    )


def removed_from(view: View, ranked: Ranked, selection: Selection) -> dict[int, Removed]:
    """By row, the rule that took a candidate out, and the item because of which."""
    removals, because_of = selection.removals, selection.because_of
    rows = ranked.rows.tolist()
    return {
        rows[at]: Removed(
            RULE_OF[Removal(removals[at])],
            view.id_of(rows[because_of[at]]) if because_of[at] >= 0 else None,
        )
        for at in np.flatnonzero(removals).tolist()
    }


def told_among(
    view: View, rows: NDArray[np.int64], others: NDArray[np.int64], least: float
) -> NDArray[np.bool_]:
    """Which of some rows tell again, as a reprint or a translation, what others tell: bool [m].

    Args:
        view: the archive.
        rows: int64 [m].
        others: int64 [k].
        least: from which overlap on two texts are one story.
    """
    told = np.zeros(len(rows), np.bool_)
    if not len(rows) or not len(others):
        return told
    signatures = view.take("signature", rows)
    for signature in view.take("signature", others):
        told |= estimate_jaccard(signature, signatures) >= least
    every = np.concatenate([rows, others])
    stories = tellings_of(view.take("own", every), view.take("tells", every))
    if stories is not None:
        told |= np.isin(stories[: len(rows)], stories[len(rows) :])
    return told
