"""Which policy is in force, of the versions that a store keeps."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from recommender.errors import InvalidPolicy
from recommender.ranking.policy import Policy
from recommender.ranking.policy_documents import parse_policy
from recommender.store import ArticleStore, PolicyReceipt, StoredPolicy

__all__ = ["InForce", "policy_of", "set_policy"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy by which lists are made.

    Attributes:
        policy: its weights and bounds.
        stored: the version that it is; None for the defaults.
        history: the versions from the newest to that one; all that was looked at for the defaults.
        fault: why the newest version is not the one in force; None if it is.
    """

    policy: Policy = field(default_factory=Policy)
    stored: StoredPolicy | None = None
    history: tuple[StoredPolicy, ...] = ()
    fault: str | None = None

    @property
    def version(self) -> int:
        """Which version it is; 0 for the defaults."""
        return 0 if self.stored is None else self.stored.version

    @property
    def newest(self) -> int:
        """The change of the newest version; 0 if none was ever set."""
        return self.history[0].change if self.history else 0

    @classmethod
    def of(cls, history: Iterable[StoredPolicy]) -> "InForce":
        """The newest of some versions, the newest first, that this program can read.

        A newer program may have set one with fields that are unknown here: lists go on as before.
        """
        seen: tuple[StoredPolicy, ...] = ()
        fault = None
        for stored in history:
            seen = (*seen, stored)
            try:
                return cls(parse_policy(stored.document), stored, seen, fault)
            except InvalidPolicy as refusal:
                fault = fault or f"version {stored.version} cannot be read: {refusal}"
        return cls(history=seen, fault=fault)


def policy_of(store: ArticleStore) -> Policy:
    """The policy that is in force in a store; one that cannot be read is logged."""
    in_force = InForce.of(store.policies.history())
    if in_force.fault is not None:
        _log.error("version %d of the policy is in force: %s", in_force.version, in_force.fault)
    return in_force.policy


def set_policy(store: ArticleStore, policy: Policy) -> PolicyReceipt:
    """Set the policy of a newsroom; the one that holds already is not set again."""
    if policy == Policy() and not store.policies.history(limit=1):
        return PolicyReceipt("unchanged", 0, 0)
    return store.policies.put(policy.to_json())
