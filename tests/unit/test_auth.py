"""A key is accepted only with its whole secret."""

import pytest

from recommender.settings import ApiKey
from recommender.web.auth import find_key

SECRET = "0123456789abcdef"  # noqa: S105 - nobody else's


@pytest.mark.parametrize(
    ("secret", "opens"),
    [
        (SECRET, True),
        (SECRET.upper(), False),
        (SECRET[:-1], False),
        (SECRET + "0", False),
        ("", False),
        ("ключ", False),
        ("\ud800", False),
    ],
)
def test_a_key_opens_to_its_whole_secret_only(secret: str, *, opens: bool) -> None:
    key = ApiKey("cms", frozenset({"read"}), SECRET)
    assert find_key((key,), secret) is (key if opens else None)
