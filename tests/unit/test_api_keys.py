"""Keys: which secret finds which, what a scope opens, and how a file of keys is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommender.api_keys import ApiKey, parse_key, read_key_file
from recommender.errors import BadSettings
from recommender.web.auth import find_key

SECRET = "0123456789abcdef"  # noqa: S105 - nobody else's
NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)


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
    key = ApiKey.of("cms", {"read"}, SECRET)
    assert find_key((key,), secret, NOW.timestamp()) is (key if opens else None)


@pytest.mark.parametrize(("seconds", "found"), [(-1, True), (0, False), (1, False)])
def test_a_key_is_unknown_from_its_expiry_on(seconds: int, *, found: bool) -> None:
    key = ApiKey("cms", frozenset({"read"}), ApiKey.of("", (), SECRET).digest, NOW)
    assert (find_key((key,), SECRET, NOW.timestamp() + seconds) is key) is found


@pytest.mark.parametrize(
    ("scopes", "opened"),
    [
        ({"lists"}, {"lists"}),
        ({"read"}, {"lists", "read"}),
        ({"write"}, {"write"}),
        ({"admin"}, {"admin"}),
        ({"write", "read"}, {"lists", "read", "write"}),
        ({"of another release"}, set[str]()),
    ],
)
def test_read_includes_lists_and_no_other_scope_includes_one(
    scopes: set[str], opened: set[str]
) -> None:
    key = ApiKey.of("cms", scopes, SECRET)
    assert key.scopes == opened


@pytest.mark.parametrize("secret", ["a" * 40, "0123401234012340", "abababababababab"])
def test_a_secret_of_few_different_characters_is_refused(secret: str) -> None:
    with pytest.raises(BadSettings, match="easy to guess") as refused:
        parse_key(f"cms:read:{secret}", "key number 1")
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"# keys\n\ncms:publish:{SECRET}\n", ": line 3 must be name:scopes:secret"),
        (f"cms:read:{SECRET}\r\ncms {SECRET}\r\n", ": line 2 must be"),
        (f"cms:read:{SECRET} # mine\n", ": line 1 must be"),
        (f"cms:read:{SECRET}\udcff", "is not UTF-8"),
        (f"cms:read:{SECRET}\n" + "#" * 2**20, "is larger"),
    ],
)
def test_a_file_of_keys_is_refused_by_its_line_without_a_secret(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadSettings, match=said) as refused:
        read_key_file(path)
    assert str(path) in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o601, 0o602])
def test_a_file_of_keys_that_everybody_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    path.write_text(f"cms:read:{SECRET}")
    path.chmod(mode)
    with pytest.raises(BadSettings, match="chmod o="):
        read_key_file(path)
    path.chmod(0o440)
    assert read_key_file(path) == (ApiKey.of("cms", {"read"}, SECRET),)


def test_a_missing_file_of_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="No such file"):
        read_key_file(tmp_path / "keys")
