"""Keys of the API: what each scope opens, and how keys are written in settings and files."""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from recommender.errors import BadSettings

__all__ = [
    "SCOPES",
    "ApiKey",
    "check_distinct",
    "digest_of",
    "include_scopes",
    "make_secret",
    "parse_key",
    "read_key_file",
    "read_private",
]

SCOPES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "lists": frozenset({"lists"}),
        "read": frozenset({"lists", "read"}),
        "write": frozenset({"write"}),
        "admin": frozenset({"admin"}),
    }
)
"""Each scope with all scopes that it includes. `lists`: what the public would see. `read`:
everything stored. `write`: changes of articles, pins and blocks. `admin`: keys and audit log."""

PREFIX_OF_SECRETS: Final = "readalso_"
SHORTEST_SECRET: Final = 16
FEWEST_CHARACTERS: Final = 6
"""So many different characters has a secret at least: one repeated letter is guessed soon."""
LARGEST_FILE: Final = 2**20
_KEY = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,40}):(?P<scopes>[a-z+]+):(?P<secret>[!-+\--~]+)")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A named secret and what its holder may do.

    Attributes:
        name: names the holder in refusals, logs and the audit log.
        scopes: what it opens: its scopes and those that they include.
        digest: SHA-256 of the secret, in hexadecimal. The secret itself is not kept.
        expires_at: the key is unknown from this time on; None if it does not expire.
    """

    name: str
    scopes: frozenset[str]
    digest: str
    expires_at: datetime | None = None

    @classmethod
    def of(cls, name: str, scopes: Iterable[str], secret: str) -> Self:
        """Make the key with a secret and the scopes that it was given."""
        return cls(name, include_scopes(scopes), digest_of(secret))

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, scopes={sorted(self.scopes)})"


def include_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return scopes with those that they include; unknown ones open nothing."""
    return frozenset().union(*(SCOPES.get(scope, ()) for scope in scopes))


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal. Secrets are long and random, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def make_secret() -> str:
    """Make a secret that nobody can guess; its beginning says to scanners what it is."""
    return PREFIX_OF_SECRETS + secrets.token_urlsafe(32)


def parse_key(text: str, place: str) -> ApiKey:
    """Read `name:scopes:secret`.

    Args:
        text: the key; no message quotes any of it, since it may be the secret.
        place: names the key in a message.

    Raises:
        BadSettings: it is malformed, or its secret is easy to guess.
    """
    match = _KEY.fullmatch(text)
    scopes = frozenset(match["scopes"].split("+")) if match else frozenset[str]()
    if not match or not scopes <= SCOPES.keys() or len(match["secret"]) < SHORTEST_SECRET:
        raise BadSettings(
            f"{place} must be name:scopes:secret with scopes among {'+'.join(SCOPES)} and a "
            f"secret of at least {SHORTEST_SECRET} characters, none of them a comma"
        )
    if len(set(match["secret"])) < FEWEST_CHARACTERS:
        raise BadSettings(
            f"{place} has a secret of fewer than {FEWEST_CHARACTERS} different characters, which "
            "is easy to guess; take a random one: openssl rand -hex 24"
        )
    return ApiKey.of(match["name"], scopes, match["secret"])


def read_key_file(path: Path) -> tuple[ApiKey, ...]:
    """Read a file of keys: one `name:scopes:secret` on each line, `#` before a comment.

    Raises:
        BadSettings: it cannot be read, everybody may read it, or a line is malformed.
    """
    lines = enumerate(read_private(path).splitlines(), 1)
    given = [(number, line.strip()) for number, line in lines]
    return tuple(
        parse_key(line, f"{path}: line {number}")
        for number, line in given
        if line and not line.startswith("#")
    )


def check_distinct(keys: Sequence[ApiKey], place: str) -> None:
    """Refuse two keys with one name or one secret.

    Raises:
        BadSettings: there are such.
    """
    if len({key.name for key in keys}) != len(keys):
        raise BadSettings(f"{place}: two keys have the same name; rename one")
    if len({key.digest for key in keys}) != len(keys):
        raise BadSettings(f"{place}: two keys have the same secret; give one key both scopes")


def read_private(path: Path) -> str:
    """Read a small text file with secrets.

    Raises:
        BadSettings: it cannot be read, or everybody on this machine may open it.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IRWXO:
                raise BadSettings(
                    f"{path}: everybody on this machine may open it, and it holds secrets; "
                    f"run: chmod o= {path}"
                )
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST_FILE:
        raise BadSettings(f"{path}: is larger than a file of secrets can be; name another file")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise BadSettings(f"{path}: is not UTF-8 text; write it anew") from None
