"""Feeds read in the process of the tests: a child for each would take them half a minute."""

import json
from collections.abc import Mapping

import pytest

from recommender.errors import BadSource
from recommender.sources.feed_child import read

__all__ = ["read_feeds_here"]


def read_feeds_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the child out; what it dies of is a refusal here too."""
    monkeypatch.setattr("recommender.sources.feeds.parse_guarded", _parse)


def _parse(data: bytes) -> Mapping[str, object]:
    try:
        told = json.dumps(read(data))
    except Exception as error:
        raise BadSource(f"cannot be read as a feed ({error!r})") from error
    found: Mapping[str, object] = json.loads(told)
    return found
