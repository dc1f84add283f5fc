"""The text of each setting, and where it was given: in the environment, in a TOML file, or nowhere.

The environment wins over the file, and the file over the default. What the texts mean is decided
in `settings.py`, which is also the only reader of the environment.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from recommender.api_keys import read_private
from recommender.encoding_settings import PREFIX
from recommender.errors import BadSettings
from recommender.spelling import nearest_name

__all__ = [
    "CONFIG",
    "DEFAULT",
    "ENVIRONMENT",
    "GivenSetting",
    "GivenSettings",
    "Variable",
    "gather_settings",
    "without_secrets",
]

CONFIG: Final = "CONFIG"
"""The setting that names the file; the file itself cannot give it."""
DEFAULT: Final = "default"
ENVIRONMENT: Final = "environment"
HIDDEN: Final = "(hidden)"
SIMILARITY_OF_A_TYPO: Final = 0.8
"""From here on (difflib, 0 to 1) an unknown variable is taken for a misspelt known one."""
_SIMILARITY_IN_A_FILE: Final = 0.5
"""In a file each unknown name is refused, so that a distant likeness is worth a hint too."""
_OF_KUBERNETES = re.compile(
    r"(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?"
    r"|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
"""What it sets in every container for each Service whose name begins with read-also."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_AFTER_HOST = re.compile(r"[/?#]")
_PLAIN_PARAMETER = re.compile(
    r"(?:ssl(?:mode|rootcert|cert|key|crl)|application_name|connect_timeout|options|host|port"
    r"|target_session_attrs|service|mode|cache|timeout|api-version)=[^&]*"
)
"""Parts of a query that hold no secret; what is not known to hold none is hidden."""
_KINDS: Final = MappingProxyType(
    {str: "a text", int: "a whole number", bool: "true or false", list: "an array of texts"}
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting: its name in the environment, its default as written there, and what it means.

    Attributes:
        name: without the prefix; in a file it is written in lower case.
        default: "" for none.
        meaning: Markdown.
        kind: what a file gives: `str`, `int`, `bool`, `list` (of texts without commas, which the
            environment joins by commas), or a union of them.
        secret: whether its text is a secret, or an address that may hold one. Such a text is
            never shown, and a file does not hold it but names the file that does, which not
            everybody on the machine may open.
    """

    name: str
    default: str
    meaning: str
    kind: type | UnionType = str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class GivenSetting:
    """The text of a setting as in the environment, and where it comes from.

    Attributes:
        text: may be a secret.
        source: DEFAULT, ENVIRONMENT, or the path of the file.
    """

    text: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class GivenSettings(Mapping[str, str]):
    """The text of every setting, by its name without the prefix.

    Attributes:
        variables: all settings there are.
        settings: one for each variable, in the order of the variables.
        faults: what cannot be read or is misspelt, one message each.
        unknown: variables with the prefix that are no settings; they may come from elsewhere.
    """

    variables: tuple[Variable, ...]
    settings: Mapping[str, GivenSetting]
    faults: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.settings[name].text

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def source(self, name: str) -> str:
        """Where a setting was given: DEFAULT, ENVIRONMENT, or the path of the file."""
        return self.settings[name].source

    def shown(self, variable: Variable) -> str:
        """The text of a setting for a terminal, without its secrets."""
        text = self[variable.name]
        return without_secrets(text) if variable.secret else text

    def locate(self, fault: str) -> str:
        """Name the file and its key, if a fault begins with a variable that a file has given."""
        variable, _, rest = fault.partition(":")
        given = self.settings.get(variable.removeprefix(PREFIX))
        if given is None or given.source in {DEFAULT, ENVIRONMENT}:
            return fault
        return f"{given.source}: {_key(variable)}:{rest}"


class _Texts(NamedTuple):
    """What one place gives: texts by name, and faults."""

    texts: Mapping[str, str]
    faults: tuple[str, ...] = ()


def gather_settings(environment: Mapping[str, str], variables: Sequence[Variable]) -> GivenSettings:
    """Take the text of each setting from the environment, the file that CONFIG names, or neither.

    Nothing is raised for a fault: the result names them all.

    Args:
        environment: variables by name, also those of other programs.
        variables: all settings there are.
    """
    known = {variable.name: variable for variable in variables}
    own = {name.removeprefix(PREFIX): text for name, text in environment.items() if _is_own(name)}
    path = own.get(CONFIG, "")
    file = _read_file(Path(path), known) if path else _Texts({})

    def given(variable: Variable) -> GivenSetting:
        if variable.name in own:
            return GivenSetting(own[variable.name], ENVIRONMENT)
        if variable.name in file.texts:
            return GivenSetting(file.texts[variable.name], path)
        return GivenSetting(variable.default, DEFAULT)

    settings = MappingProxyType({name: given(variable) for name, variable in known.items()})
    unknown = sorted(own.keys() - known.keys())
    return GivenSettings(
        variables=tuple(variables),
        settings=settings,
        faults=(*_misspelt_variables(unknown, known), *file.faults),
        unknown=tuple(PREFIX + name for name in unknown),
    )


def without_secrets(text: str) -> str:
    """Hide a text, or of an address its password and the parameters that may hold a secret.

    A password may hold `/`, `?` and `#`, as drivers of databases take it. So what stands between
    the first colon and the last `@` is one, also where it could be a part of the path.
    """
    address = _ADDRESS.match(text)
    if address is None:
        return HIDDEN if text else text
    names, at, place = text[address.end() :].rpartition("@")
    user, colon, _ = names.partition(":")
    if not colon or _AFTER_HOST.search(user):
        user, colon, at, place = "", "", "", text[address.end() :]
    try:
        url = urlsplit(address[0] + place)
    except ValueError:
        return HIDDEN
    parts = (p if _PLAIN_PARAMETER.fullmatch(p) else HIDDEN for p in url.query.split("&"))
    query = "?" + "&".join(parts) if url.query else ""
    return f"{address[0]}{user}{colon and ':' + HIDDEN}{at}{url.netloc}{url.path}{query}"


def _is_own(name: str) -> bool:
    return name.startswith(PREFIX)


def _key(name: str) -> str:
    """The name of a setting in a file."""
    return name.removeprefix(PREFIX).lower()


def _misspelt_variables(unknown: Sequence[str], known: Mapping[str, Variable]) -> Iterator[str]:
    """Tell which unknown variables are misspelt.

    Others may come from elsewhere: for a Service called read-also-database, Kubernetes sets
    READ_ALSO_DATABASE_PORT and more in every container, however near that is to a name of ours.
    """
    for name in unknown:
        if _OF_KUBERNETES.fullmatch(name):
            continue
        meant = nearest_name(name, map(_key, known), SIMILARITY_OF_A_TYPO)
        if meant is not None:
            meant = PREFIX + meant.upper()
            yield f"unknown setting {PREFIX}{name}; did you mean {meant}? rename or remove it"


def _read_file(path: Path, known: Mapping[str, Variable]) -> _Texts:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        return _Texts({}, (f"{PREFIX}{CONFIG}: cannot read {path}: {fault.strerror}",))
    except UnicodeDecodeError:
        return _Texts({}, (f"{path}: is no TOML: it is not UTF-8",))
    except tomllib.TOMLDecodeError as fault:
        return _Texts({}, (f"{path}: is no TOML: {fault}",))
    texts, faults = {}, []
    for key, value in tables.items():
        try:
            texts[key.upper()] = _text(_variable(key, known), value)
        except BadSettings as fault:
            faults.append(f"{path}: {key}: {fault}")
    return _Texts(texts, tuple(faults))


def _variable(key: str, known: Mapping[str, Variable]) -> Variable:
    """Find the setting of a key of a file."""
    if key == _key(CONFIG):
        raise BadSettings("a settings file cannot name another; remove it")
    if key == key.lower() and key.upper() in known:
        return known[key.upper()]
    near = nearest_name(_key(key.upper()), map(_key, known), _SIMILARITY_IN_A_FILE)
    hint = f"did you mean {near}? rename or remove it" if near else "remove it"
    raise BadSettings(f"unknown setting; {hint}")


def _text(variable: Variable, value: Any) -> str:  # noqa: ANN401 - whatever TOML has
    """What the environment would say instead of a value of a file."""
    if isinstance(value, dict):
        return _named_text(value, secret=variable.secret)
    fits = isinstance(value, variable.kind) and (
        not isinstance(value, bool) or variable.kind is bool
    )
    if not fits or not _is_list_of_texts(value):
        raise BadSettings(f"is not {_in_words(variable.kind)}, nor {{ file = PATH }}")
    text = ",".join(value) if isinstance(value, list) else str(value)
    if variable.secret and without_secrets(text) != text:
        raise BadSettings(
            "holds a secret; write it into a file of its own, and here "
            f'{_key(variable.name)} = {{ file = "PATH" }}'
        )
    return text.lower() if isinstance(value, bool) else text


def _is_list_of_texts(value: object) -> bool:
    return not isinstance(value, list) or all(isinstance(v, str) and "," not in v for v in value)


def _in_words(kind: type | UnionType) -> str:
    kinds = kind.__args__ if isinstance(kind, UnionType) else (kind,)
    return " or ".join(_KINDS[one] for one in kinds)


def _named_text(table: Mapping[str, Any], *, secret: bool) -> str:
    """Read the file that stands for a text; its last line break is dropped."""
    path = table.get("file")
    if len(table) != 1 or not isinstance(path, str):
        raise BadSettings("a table here is { file = PATH } and nothing else")
    text = read_private(Path(path)) if secret else _read_open(path)
    return text.removesuffix("\n").removesuffix("\r")


def _read_open(path: str) -> str:
    """Read a text file that everybody may read."""
    try:
        return Path(path).read_text("utf-8")
    except OSError as fault:
        raise BadSettings(f"cannot read {path}: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise BadSettings(f"{path} is not UTF-8") from fault
