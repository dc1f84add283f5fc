"""The ranking policies that were set: one row for each version, none is ever changed."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import sqlalchemy as sa

from recommender.errors import ChangedMeanwhile, InvalidPolicy
from recommender.ranking.policy import ActivePolicy, Policy, StoredPolicy, parse_policy
from recommender.ranking.site_rules import SiteRule
from recommender.store import schema
from recommender.store.audit_log import Action, log_action
from recommender.store.change_log import NO_ARTICLE, log_change

__all__ = ["Policies", "PolicyReceipt", "newest_policy_change"]

NEWEST_VERSIONS: Final = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PolicyReceipt:
    """The result of setting a policy, and the version and change number of the policy now."""

    result: Literal["created", "unchanged"]
    version: int
    change: int


@dataclass(frozen=True, slots=True)
class Policies:
    """The versions of the policy; the newest one is active."""

    _engine: sa.Engine
    _writer: sa.Engine

    def active(self) -> ActivePolicy:
        """The active policy, with the versions before it."""
        return ActivePolicy.of(self.history())

    def current(self) -> Policy:
        """The active policy; a newest version that cannot be read is logged."""
        active_policy = self.active()
        if active_policy.fault is not None:
            _log.error(
                "version %d of the policy is active: %s", active_policy.version, active_policy.fault
            )
        return active_policy.policy

    def set(self, policy: Policy) -> PolicyReceipt:
        """Set a policy. If it is active already, nothing changes."""
        if policy == Policy() and not self.history(limit=1):
            return PolicyReceipt("unchanged", 0, 0)
        return self.put(policy.to_json())

    def put(self, document: str, *, seen: int | None = None) -> PolicyReceipt:
        """Set a policy, as one change; the text of the active policy is not set again.

        The audit log also says which site rules it sets or removes.

        Args:
            document: the policy.
            seen: the version that the caller has seen, 0 for none; None to replace any.

        Raises:
            ChangedMeanwhile: another version was set than the caller has seen.
        """
        with self._writer.begin() as connection:
            newest = next(iter(_newest(connection, 1)), None)
            version = 0 if newest is None else newest.version
            if seen not in {None, version}:
                raise ChangedMeanwhile(f"version {version} of the policy was set meanwhile")
            if newest is not None and newest.document == document:
                return PolicyReceipt("unchanged", newest.version, newest.change)
            version += 1
            change = log_change(connection, NO_ARTICLE, "policy")
            row = sa.insert(schema.policies).values(
                version=version, change=change, document=document, at=datetime.now(tz=UTC)
            )
            connection.execute(row)
            for action, name in _changes_of_rules(
                "" if newest is None else newest.document, document
            ):
                log_action(connection, action, name, change)
        return PolicyReceipt("created", version, change)

    def history(self, limit: int = NEWEST_VERSIONS) -> tuple[StoredPolicy, ...]:
        """Read the newest versions, the newest first."""
        with self._engine.begin() as connection:
            return _newest(connection, limit)


def newest_policy_change(connection: sa.Connection, number: int) -> int | None:
    """Return the change of the newest version, if it came after a change number."""
    change = schema.policies.c.change
    newest: int | None = connection.scalar(sa.select(sa.func.max(change)).where(change > number))
    return newest


def _changes_of_rules(before: str, after: str) -> Iterator[tuple[Action, str]]:
    """What a policy does to the site rules of the one before, and the name of each such rule."""
    old, new = _rules_by_name(before), _rules_by_name(after)
    for name in {**old, **new}:
        if name not in new:
            yield "rule.remove", name
        elif new[name] != old.get(name):
            yield "rule.set", name


def _rules_by_name(document: str) -> dict[str, SiteRule]:
    """The site rules of a policy; none if there is no policy, or a newer program has set it."""
    try:
        return {rule.name: rule for rule in parse_policy(document).rules}
    except InvalidPolicy:
        return {}


def _newest(connection: sa.Connection, limit: int) -> tuple[StoredPolicy, ...]:
    table = schema.policies
    columns = (table.c.version, table.c.change, table.c.document, table.c.at)
    query = sa.select(*columns).order_by(table.c.version.desc()).limit(limit)
    return tuple(StoredPolicy(*row) for row in connection.execute(query))
