"""Selects a list from scored candidates: no story twice, and not too many items alike."""

from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.minhash import least_equal_places
from recommender.ranking.candidates import CandidatePool
from recommender.ranking.duplicates import Counts, DuplicateClusters, translation_groups
from recommender.ranking.policy import Policy
from recommender.ranking.shares import ShareBounds, SharesInProgress
from recommender.ranking.site_rules import USUAL_LENGTH

__all__ = [
    "USUAL_LENGTH",
    "Removal",
    "Selection",
    "SelectionRules",
    "select",
]

NO_ITEM: Final = -1
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """The rules that a list must keep. A bound above 1 switches its rule off.

    Attributes:
        diversity: 0..1, the weight of being unlike the items above, against the value.
        duplicate_overlap: texts with at least this overlap are near-duplicates.
        story_likeness: items with at least this cosine are of one story, directly or through other
            items.
        story_cap: the most items of one story in a list, at least 1.
        copy_overlap: texts of one author with at least this overlap are made from one template,
            directly or through other items; texts of one host from `host_overlap` on.
        copy_cap: the most items of one template in a list, at least 1.
        shares: the bounds of each share, in the order of the pool's `members`.
    """

    diversity: float
    duplicate_overlap: float
    story_likeness: float
    story_cap: int
    copy_overlap: float
    copy_cap: int
    shares: tuple[ShareBounds, ...] = ()

    @classmethod
    def of(cls, policy: Policy, length: int, diversity: float | None = None) -> "SelectionRules":
        """The rules of a policy for a list of some length; `diversity` replaces the policy's."""
        return cls(
            diversity=policy.diversity if diversity is None else diversity,
            duplicate_overlap=policy.duplicate_overlap,
            story_likeness=policy.story_likeness,
            story_cap=max(policy.story_cap, policy.story_cap * length // USUAL_LENGTH),
            copy_overlap=policy.copy_overlap,
            copy_cap=policy.copy_cap,
        )

    @property
    def host_overlap(self) -> float:
        """The overlap from which texts of one host, by different authors, are of one template.

        It is midway from `copy_overlap` to `duplicate_overlap`. All articles of a newsroom have one
        host, and its briefs share a footer, which alone makes an overlap of 0.15 to 0.3.
        """
        return max(self.copy_overlap, (self.copy_overlap + min(self.duplicate_overlap, 1)) / 2)


class Removal(IntEnum):
    """Why a candidate is not listed; NONE if it is listed or ranks too low."""

    NONE = 0
    DUPLICATE_OF_SEED = 1
    DUPLICATE = 2
    STORY_CAP = 3
    COPY_CAP = 4
    TRANSLATION = 5
    SHARE_CAP = 6


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The candidates that were selected, of m, and why others were removed.

    Attributes:
        positions: int64, in list order.
        removals: int8 [m], a `Removal` each.
        because_of: int64 [m], for a removed candidate the position of the item that is listed
            instead, or that filled its cap; -1 if that is the seed or was listed before.
        repeats: bool [m], duplicates and translations of the seed or of listed items, whether they
            might be listed or not.
        shares: int64 [m], see `SharesInProgress.deciding`; None if the rules have no shares.
    """

    positions: NDArray[np.int64]
    removals: NDArray[np.int8]
    because_of: NDArray[np.int64]
    repeats: Mask
    shares: NDArray[np.int64] | None = None


def select(
    pool: CandidatePool,
    limit: int,
    *,
    rules: SelectionRules,
    seed_minhashes: NDArray[np.uint16],
    listable: Mask | None = None,
    listed: CandidatePool | None = None,
    shown_on_page: Mask | None = None,
) -> Selection:
    """Select at most `limit` candidates, in list order.

    By maximal marginal relevance (Carbonell and Goldstein 1998): the best value comes first, and
    each next place goes to the candidate with the best `(1 - diversity) * value - diversity *
    (greatest cosine to the items above, not below 0)`, with values scaled to 0..1 over all that may
    be listed. So with `diversity` 0 values descend. Of equal candidates the earlier position wins.
    Then:

    - Near-duplicates, directly or through one another, are one duplicate cluster. The place that
      its best member earns goes to its newest member (undated ones are the oldest; then the better
      value, then the earlier position), and the others are removed. The cluster of the seed or of a
      listed item is removed as a whole.
    - Of a translation group the member that is listed first stays: the best one for people who read
      several languages, not the newest. Near-duplicates of the others are removed too, and
      translations of those, as far as the links among the candidates go. Translations of a
      near-duplicate of the seed are removed as well.
    - An item is removed if its story would then have more than `story_cap` items, its template
      more than `copy_cap`, or its share more than it may have.
    - The last places are kept for members of a share that has too few, as long as some are left. If
      such a place goes to the newest of a duplicate cluster, it is the newest of the members.

    Args:
        pool: the candidates.
        limit: how many to select at most.
        rules: the rules.
        seed_minhashes: uint16 [k, size], of the seed and its translations.
        listable: bool [m], candidates that may be listed; None for all. The others only connect
            duplicates and translations.
        listed: items that are listed above already, in list order.
        shown_on_page: bool [m], candidates in other lists of the page, which may not be listed:
            their duplicates and translations are removed.
    """
    above = 0 if listed is None else len(listed)
    pool = pool if listed is None else pool.under(listed)
    clusters = DuplicateClusters.of(pool.minhashes, pool.text_clusters, rules.duplicate_overlap)
    of_seed = clusters.take_cluster_of_texts(seed_minhashes)
    translations = translation_groups(pool.id_hashes, pool.translates)
    unfinished = _ListInProgress(pool, above, rules, clusters, translations)
    if listable is not None:
        unfinished.left[above:] = listable
    unfinished.remove_repeats_of_seed(of_seed)
    if shown_on_page is not None:
        unfinished.remove_repeats_of(np.concatenate([np.zeros(above, np.bool_), shown_on_page]))
    unfinished.left[:above] = True
    for item in range(above):
        unfinished.put(item)
    positions: list[int] = []
    while len(positions) < limit and np.count_nonzero(unfinished.left):
        positions.append(unfinished.put_best(limit - len(positions)))
    return Selection(
        positions=np.array(positions, np.int64) - above,
        removals=unfinished.removals[above:],
        because_of=np.maximum(unfinished.because_of[above:] - above, NO_ITEM),
        repeats=unfinished.repeats[above:],
        shares=None if unfinished.shares is None else unfinished.shares.deciding[above:],
    )


class _ListInProgress:
    """A list during selection: the candidates left, and what is listed above them."""

    def __init__(
        self,
        pool: CandidatePool,
        above: int,
        rules: SelectionRules,
        clusters: DuplicateClusters,
        translations: NDArray[np.int64] | None,
    ) -> None:
        count, size = pool.minhashes.shape
        self._above = np.arange(count) < above if above else None
        self.left = np.ones(count, np.bool_)
        self.removals = np.full(count, Removal.NONE, np.int8)
        self.because_of = np.full(count, NO_ITEM, np.int64)
        self.repeats = np.zeros(count, np.bool_)
        self._pool, self._rules = pool, rules
        self._clusters, self._translations = clusters, translations
        self._copy_places = least_equal_places(rules.copy_overlap, size)
        self._host_places = least_equal_places(rules.host_overlap, size)
        self._duplicate_places = least_equal_places(rules.duplicate_overlap, size)
        self._least_places = min(self._copy_places, self._duplicate_places)
        self._merit: NDArray[np.floating] | None = None
        self._likeness = np.zeros(count, np.float32)
        self._stories = _CappedClusters(rules.story_cap)
        self._templates = _CappedClusters(rules.copy_cap)
        self.shares = SharesInProgress(rules.shares, pool.members) if rules.shares else None
        self._none = np.zeros(count, np.bool_)
        all_embedded = np.count_nonzero(pool.embedded) == count
        self._not_embedded = None if all_embedded else ~pool.embedded

    def put_best(self, places: int) -> int:
        """Put the next item on the list of which `places` are left, as there are candidates."""
        among = self.left if self.shares is None else self.shares.choose(places, self.left)
        return self.put(self._best(among), among)

    def put(self, item: int, newest: Mask | None = None) -> int:
        """Put an item on the list, or the newest of its duplicate cluster among some, bool [m]."""
        clusters = self._clusters
        equal, cluster = clusters.equal_places(item, self._least_places), None
        has_duplicates = equal is not None and equal.max() >= self._duplicate_places
        if has_duplicates and clusters.unassigned[item]:
            cluster = clusters.take_cluster_of(self._with(item, None))
        if cluster is not None:
            if newest is not None:
                item = self._newest(np.flatnonzero(cluster & newest))
                equal = clusters.equal_places(item, self._least_places)
            cluster[item] = False
            self._remove_repeats(cluster, Removal.DUPLICATE, item)
        if self._translations is not None:
            self._remove_translations(self._with(item, cluster), Removal.DUPLICATE, item)
        self._drop(item)
        self._apply_caps(item, equal)
        return item

    def remove_repeats_of_seed(self, cluster: Mask) -> None:
        """Remove the duplicate cluster of the seed, bool [m], and translations of its members."""
        self._remove_repeats(cluster, Removal.DUPLICATE_OF_SEED, NO_ITEM)
        self._remove_translations(cluster, Removal.DUPLICATE_OF_SEED, NO_ITEM)

    def remove_repeats_of(self, shown: Mask) -> None:
        """Remove some candidates, bool [m], with their duplicate clusters and translations."""
        cluster = shown | self._clusters.take_cluster_of(shown & self._clusters.unassigned)
        self._remove_repeats(cluster, Removal.DUPLICATE, NO_ITEM)
        self._remove_translations(cluster, Removal.DUPLICATE, NO_ITEM)

    def _with(self, item: int, cluster: Mask | None) -> Mask:
        members = self._none.copy() if cluster is None else cluster.copy()
        members[item] = True
        return members

    def _remove_translations(self, shown: Mask, removal: Removal, because_of: int) -> None:
        """Remove translations of shown items, their near-duplicates by `removal`, and so on."""
        if self._translations is None:
            return
        while True:
            more = np.isin(self._translations, self._translations[shown]) & ~shown
            if not np.count_nonzero(more):
                return
            self._remove_repeats(more, Removal.TRANSLATION, because_of)
            cluster = self._clusters.take_cluster_of(more & self._clusters.unassigned) & ~more
            self._remove_repeats(cluster, removal, because_of)
            shown = shown | more | cluster

    def _remove_repeats(self, those: Mask, removal: Removal, because_of: int) -> None:
        """Remove duplicates and translations of what is listed or shown."""
        self.repeats |= those
        self._remove(those, removal, because_of)

    def _remove(self, those: Mask, removal: Removal, because_of: int) -> None:
        """Remove some of the candidates left, by a rule and because of an item."""
        those = those & self.left
        self.removals[those] = removal
        self.because_of[those] = because_of
        self._drop(those)

    def _drop(self, those: Mask | int) -> None:
        """Mark candidates as no longer left: a position, or bool [m]."""
        self.left[those] = False
        if self._merit is not None:
            self._merit[those] = -np.inf

    def _best(self, among: Mask) -> int:
        """The best of some candidates: the first by value, then by marginal relevance."""
        values, diversity = self._pool.values, self._rules.diversity
        if self._merit is None:
            worth = (1 - diversity) * _scaled(values, self.left) if diversity else values
            self._merit = np.where(self.left, worth, -np.inf)
            return int(np.where(among, values, -np.inf).argmax())
        merit = self._merit - diversity * self._likeness if diversity else self._merit
        return int((merit if among is self.left else np.where(among, merit, -np.inf)).argmax())

    def _newest(self, members: NDArray[np.int64]) -> int:
        """The newest member; of equally new ones the better value, then the earlier position."""
        times = np.nan_to_num(self._pool.times[members], nan=-np.inf)
        return int(members[np.lexsort((members, -self._pool.values[members], -times))[0]])

    def _apply_caps(self, item: int, equal: Counts | None) -> None:
        """Remove candidates whose story or template is full now.

        Args:
            item: the item that was listed.
            equal: how many MinHash places each candidate shares with it, [m]; None for too few.
        """
        cosines = self._cosines(item)
        np.maximum(self._likeness, cosines, out=self._likeness)
        near = cosines >= self._rules.story_likeness
        near &= self._countable
        if (full := self._stories.add(item, near)) is not None:
            self._remove(full, Removal.STORY_CAP, item)
        copies = self._none if equal is None else self._copies_of(item, equal)
        if (full := self._templates.add(item, copies)) is not None:
            self._remove(full, Removal.COPY_CAP, item)
        if self.shares is not None:
            self._remove(self.shares.add(item, self.left), Removal.SHARE_CAP, item)

    @property
    def _countable(self) -> Mask:
        """The candidates that may join a story or a template: those left, and all listed above.

        An item that is listed above counts even if it repeats another one.
        """
        return self.left if self._above is None else self.left | self._above

    def _cosines(self, item: int) -> NDArray[np.float32]:
        """The cosines of all candidates with an item: float32 [m]; 0 without meaningful vectors."""
        pool = self._pool
        if not pool.embedded[item]:
            return np.zeros(len(pool), np.float32)
        cosines: NDArray[np.float32] = pool.vectors @ pool.vectors[item]
        if self._not_embedded is not None:
            cosines[self._not_embedded] = 0
        return cosines

    def _copies_of(self, item: int, equal: Counts) -> Mask:
        """The countable candidates that are made from the same template as an item: bool [m]."""
        author, host = self._pool.authors[item], self._pool.hosts[item]
        by_author = (self._pool.authors == author) & (author != 0) & (equal >= self._copy_places)
        by_host = (self._pool.hosts == host) & (host != 0) & (equal >= self._host_places)
        copies: Mask = self._countable & (by_author | by_host)
        return copies


@dataclass(frozen=True, slots=True, eq=False)
class _Cluster:
    """Listed items that are linked, directly or through one another.

    Attributes:
        size: how many they are.
        linked: bool [m], the candidates that are linked to one of them.
    """

    size: int
    linked: Mask


class _CappedClusters:
    """Clusters of the listed items. A candidate that is linked to an item would join its cluster.

    `add` returns the candidates that would make a cluster larger than the cap. If the caller does
    not list them, no cluster grows above the cap.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._clusters: list[_Cluster] = []

    def add(self, item: int, linked: Mask) -> Mask | None:
        """Add a listed item and the candidates that are linked to it, bool [m].

        Returns:
            The candidates that would make a cluster larger than the cap, bool [m], or None for
            none. A candidate that is linked to two clusters would join them into one.
        """
        joined = [cluster for cluster in self._clusters if cluster.linked[item]]
        if not joined:
            if not np.count_nonzero(linked):
                return None
            self._clusters.append(_Cluster(1, linked))
        else:
            size = 1 + sum(cluster.size for cluster in joined)
            joint = reduce(np.logical_or, (cluster.linked for cluster in joined), linked)
            others = [cluster for cluster in self._clusters if not cluster.linked[item]]
            self._clusters = [*others, _Cluster(size, joint)]
        if sum(cluster.size for cluster in self._clusters) < self._cap:
            return None
        sizes = np.zeros(len(linked), np.int64)
        for cluster in self._clusters:
            sizes += cluster.size * cluster.linked
        return sizes >= self._cap


def _scaled(values: NDArray[np.floating], left: Mask) -> NDArray[np.floating]:
    """Scale values to 0..1 over the candidates left, so that a constant or factor has no effect.

    Without it, diversity alone would order a list of low values.
    """
    some = values[left]
    if not len(some):
        return values
    worst, best = some.min(), some.max()
    return (values - worst) / (best - worst) if best > worst else np.zeros_like(values)
