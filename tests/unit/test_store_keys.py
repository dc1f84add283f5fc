"""Keys in the store: what holds now, on every database there is."""

from datetime import UTC, datetime, timedelta

import pytest

from recommender.api_keys import ApiKey, digest_of
from recommender.errors import BadParameter
from recommender.store import Actor, ArticleStore

SOON = datetime(2100, 1, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
FRONT = ApiKey.of("front", {"lists"}, "first")
ANNA = Actor("cli:anna")

pytestmark = pytest.mark.postgresql_daily


def holding(store: ArticleStore) -> set[tuple[str, str, datetime | None]]:
    return {(key.name, key.digest, key.expires_at) for key in store.keys.now().keys}


def test_keys_are_added_rotated_and_revoked(store: ArticleStore) -> None:
    assert store.keys.now() == type(store.keys.now())(None, ())
    keys = store.acting(ANNA).keys
    keys.add(FRONT, "lists", "the site")
    assert store.keys.now().keys == (FRONT,)
    keys.rotate("front", digest_of("second"), SOON)
    first, second = digest_of("first"), digest_of("second")
    assert holding(store) == {("front", second, None), ("front", first, SOON)}
    keys.rotate("front", digest_of("third"), LATER)
    assert holding(store) == {("front", digest_of("third"), None), ("front", second, LATER)}
    keys.revoke("front")
    assert holding(store) == set()
    told = [(one.actor, one.action, one.subject) for one in store.audit_log.entries()]
    actions = ["key.add", "key.rotate", "key.rotate", "key.revoke"]
    assert told == [("cli:anna", action, "front") for action in actions]


def test_an_old_secret_does_not_outlive_its_key(store: ArticleStore) -> None:
    store.keys.add(ApiKey("front", frozenset({"lists"}), digest_of("first"), SOON), "lists")
    store.keys.rotate("front", digest_of("second"), LATER)
    assert holding(store) == {
        ("front", digest_of("first"), SOON),
        ("front", digest_of("second"), SOON),
    }


def test_every_change_of_the_set_has_another_version_and_a_use_has_none(
    store: ArticleStore,
) -> None:
    versions = [store.keys.version()]
    store.keys.add(FRONT, "lists")
    versions.append(store.keys.version())
    store.keys.rotate("front", digest_of("second"), SOON)
    versions.append(store.keys.version())
    store.keys.note_use({"front": SOON})
    assert store.keys.version() == versions[-1]
    store.keys.revoke("front")
    versions.append(store.keys.version())
    store.keys.add(FRONT, "lists")
    versions.append(store.keys.version())
    assert versions[0] is None
    assert len(set(versions)) == len(versions)


def test_the_last_use_never_goes_back(store: ArticleStore) -> None:
    store.keys.add(FRONT, "lists", "the site")
    for used in (SOON, SOON - HOUR):
        store.keys.note_use({"front": used, "of the settings": used})
    (record,) = store.keys.records()
    assert (record.name, record.scopes, record.note) == ("front", "lists", "the site")
    assert (record.last_used_at, record.expires_at, record.old_until) == (SOON, None, None)


def test_a_name_is_given_once_and_an_unknown_one_refused(store: ArticleStore) -> None:
    store.keys.add(FRONT, "lists")
    with pytest.raises(BadParameter, match="there is a key 'front' already"):
        store.keys.add(FRONT, "lists")
    with pytest.raises(BadParameter, match="no key 'nobody'"):
        store.keys.revoke("nobody")
    with pytest.raises(BadParameter, match="no key 'nobody'"):
        store.keys.rotate("nobody", digest_of("second"), SOON)
    assert len(store.audit_log.entries()) == 0
