"""The active policy is the newest version that this program can read."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommender.ranking.policy import ActivePolicy, Policy, StoredPolicy
from recommender.store import PolicyReceipt, open_store

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
NEWER = '{"of a newer program": 1}'


def stored(version: int, document: str) -> StoredPolicy:
    return StoredPolicy(version, 10 * version, document, AT)


def test_the_defaults_are_active_before_any_policy_was_set() -> None:
    active_policy = ActivePolicy.of(())
    assert active_policy == ActivePolicy(Policy(), None, (), None)
    assert (active_policy.version, active_policy.newest) == (0, 0)


def test_the_newest_version_is_active() -> None:
    versions = [stored(3, '{"threshold": 0.3}'), stored(2, '{"threshold": 0.2}')]
    active_policy = ActivePolicy.of(versions)
    assert active_policy == ActivePolicy(Policy(threshold=0.3), versions[0], (versions[0],), None)
    assert (active_policy.version, active_policy.newest) == (3, 30)


def test_the_newest_readable_version_is_active() -> None:
    versions = [stored(4, "{"), stored(3, NEWER), stored(2, '{"diversity": 0}'), stored(1, "{}")]
    active_policy = ActivePolicy.of(versions)
    assert active_policy.policy == Policy(diversity=0.0)
    assert (active_policy.version, active_policy.newest) == (2, 40)
    assert active_policy.history == tuple(versions[:3])
    assert active_policy.fault is not None
    assert active_policy.fault.startswith(
        "version 4 cannot be read: the policy is not acceptable; /: "
    )
    assert ActivePolicy.of(active_policy.history) == active_policy


def test_the_defaults_are_active_if_no_version_can_be_read() -> None:
    active_policy = ActivePolicy.of([stored(1, NEWER)])
    assert (active_policy.policy, active_policy.version, active_policy.newest) == (Policy(), 0, 10)
    assert active_policy.fault == (
        "version 1 cannot be read: the policy is not acceptable; /of a newer program: unknown"
    )


def test_the_store_gives_the_policy_that_was_set_last(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    assert store.policies.current() == Policy()
    assert store.policies.set(Policy()) == PolicyReceipt("unchanged", 0, 0)
    wanted = Policy(threshold=0.2, half_lives={"sport": 7.0})
    assert store.policies.set(wanted) == PolicyReceipt("created", 1, 1)
    assert store.policies.set(wanted) == PolicyReceipt("unchanged", 1, 1)
    assert store.policies.current() == wanted
    assert store.policies.set(Policy()) == PolicyReceipt("created", 2, 2)
    assert store.policies.set(Policy()) == PolicyReceipt("unchanged", 2, 2)
    assert store.policies.current() == Policy()
    assert caplog.messages == []
    store.policies.put(NEWER)
    with caplog.at_level(logging.ERROR):
        assert store.policies.current() == Policy()
    (message,) = caplog.messages
    assert message.startswith("version 2 of the policy is active: version 3 cannot be read")
    store.close()
