"""How texts are encoded, whatever the model is: the length of vectors, a second model, a server.

The environment is read in `settings.py`; here are the values, and what makes them of its texts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from recommender.errors import BadSettings

__all__ = [
    "AUTO_DEVICE",
    "AUTO_MODEL",
    "CUDA",
    "PREFIX",
    "REMOTE",
    "USUAL_ENCODING",
    "Dimensions",
    "EncoderServer",
    "EncodingSettings",
    "read_encoding",
    "read_model",
]

PREFIX: Final = "READ_ALSO_"
AUTO_MODEL: Final = "auto"
"""Lets the first rebuild choose the model: recommender/indexing/archive_model.py."""
REMOTE: Final = "remote:"
"""Stands before the name of a model that a server has."""
HERE: Final = frozenset({AUTO_MODEL, "bundled", "multilingual"})
"""Names of models that are no ids: no server has them."""
AUTO_DEVICE: Final = "auto"
CUDA: Final = "cuda"
DEVICES: Final = (AUTO_DEVICE, "cpu", CUDA)

_DIMENSIONS: Final = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<insists>!?)")
_LANGUAGES: Final = re.compile(r"[a-z]{2,3}(,[a-z]{2,3})*")
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CALLS: Final = ("/embeddings", "/embed")


@dataclass(frozen=True, slots=True)
class Dimensions:
    """How many numbers of a vector are kept, and whether that is so whatever the model says."""

    count: int
    insists: bool = False


@dataclass(frozen=True, slots=True)
class EncoderServer:
    """A server that embeds texts.

    Attributes:
        url: of the call: `.../v1/embeddings` as of OpenAI, or `.../embed` of
            text-embeddings-inference. Its query may hold a secret.
        key_file: has the key in its first line; None if the server wants none.
        languages: primary BCP-47 subtags that its model supports; None means any.
    """

    url: str = field(repr=False)
    key_file: Path | None = None
    languages: frozenset[str] | None = None

    @property
    def shown(self) -> str:
        """The address for messages, without its query."""
        return self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class EncodingSettings:
    """How texts are encoded.

    Attributes:
        dimensions: how long vectors are; None for as long as the model makes them.
        server: that has the models whose names begin with `remote:`; None if there is none.
        title_model: the model that reads titles and leads, on this machine; "" if the model of the
            archive does. `dimensions` do not count for it.
        device: on which models of this machine read: `auto`, `cpu` or `cuda`.
    """

    dimensions: Dimensions | None = None
    server: EncoderServer | None = None
    title_model: str = ""
    device: str = AUTO_DEVICE

    def without_titles(self) -> "EncodingSettings":
        """The same for the model of the archive alone."""
        return replace(self, title_model="")


USUAL_ENCODING: Final = EncodingSettings()


def read_encoding(values: Mapping[str, str]) -> EncodingSettings:
    """Read the settings DIMENSIONS, TITLE_MODEL, DEVICE, and those of a server, ENCODER_*.

    Args:
        values: of all settings, by name without the prefix; "" for one that is not set.

    Raises:
        BadSettings: a value is malformed, or stands without the one that it belongs to.
    """
    return EncodingSettings(
        _dimensions(values["DIMENSIONS"]),
        _server(values),
        _title_model(values["TITLE_MODEL"]),
        _device(values["DEVICE"]),
    )


def read_model(values: Mapping[str, str]) -> str:
    """Read the setting MODEL: the name of the model; a server's model begins with `remote:`.

    Raises:
        BadSettings: it is empty, or means a model of this machine though a server embeds.
    """
    name, server = values["MODEL"], read_encoding(values).server
    if server is not None and (not name or name in HERE):
        raise BadSettings(
            f"{PREFIX}MODEL: {name!r} means a model of this machine, but {PREFIX}ENCODER_URL names "
            "a server; name the model that the server has, or unset the address"
        )
    if not name:
        raise BadSettings(f"{PREFIX}MODEL: is empty; leave it unset for its default")
    return name if server is None or name.startswith(REMOTE) else REMOTE + name


def _device(text: str) -> str:
    if text not in DEVICES:
        raise BadSettings(f"{PREFIX}DEVICE: {text!r} is none of {', '.join(DEVICES)}")
    return text


def _title_model(name: str) -> str:
    if name == AUTO_MODEL or name.startswith(REMOTE):
        raise BadSettings(
            f"{PREFIX}TITLE_MODEL: {name!r} is no model of this machine; name one, such as a "
            "folder, or unset it: then one model reads all"
        )
    return name


def _dimensions(text: str) -> Dimensions | None:
    match = _DIMENSIONS.fullmatch(text)
    if text and not match:
        raise BadSettings(
            f"{PREFIX}DIMENSIONS: {text!r} is no number such as 256, nor 256! to insist"
        )
    return Dimensions(int(match["count"]), bool(match["insists"])) if match else None


def _server(values: Mapping[str, str]) -> EncoderServer | None:
    if not values["ENCODER_URL"]:
        for name in ("ENCODER_KEY_FILE", "ENCODER_LANGUAGES"):
            if values[name]:
                raise BadSettings(f"{PREFIX}{name}: is of no use without {PREFIX}ENCODER_URL")
        return None
    url = _split(values["ENCODER_URL"])
    key_file = Path(values["ENCODER_KEY_FILE"]) if values["ENCODER_KEY_FILE"] else None
    if key_file and url.scheme != "https" and url.hostname not in _THIS_MACHINE:
        raise BadSettings(
            f"{PREFIX}ENCODER_URL: a key is sent over https only, or to this machine; write https://"
        )
    return EncoderServer(_call_of(url), key_file, _languages(values["ENCODER_LANGUAGES"]))


def _split(text: str) -> SplitResult:
    """Take an address apart. Nothing of it is quoted: it may hold a secret."""
    try:
        url = urlsplit(text)
        is_good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_good = False
    if not is_good or not text.isascii() or not text.isprintable() or " " in text or url.fragment:
        raise BadSettings(
            f"{PREFIX}ENCODER_URL: is no address such as http://127.0.0.1:8080/v1/embeddings"
        )
    if url.username is not None or url.password is not None:
        raise BadSettings(
            f"{PREFIX}ENCODER_URL: has a name or password, which is not used; write the key into a "
            f"file, and its path into {PREFIX}ENCODER_KEY_FILE"
        )
    return url


def _call_of(url: SplitResult) -> str:
    """The address of the call; of a server or its `/v1` alone, that of OpenAI's call."""
    path = url.path.rstrip("/")
    if not path.endswith(_CALLS):
        path += "/embeddings" if path.endswith("/v1") else "/v1/embeddings"
    return url._replace(path=path).geturl()


def _languages(text: str) -> frozenset[str] | None:
    if text and not _LANGUAGES.fullmatch(text):
        raise BadSettings(
            f"{PREFIX}ENCODER_LANGUAGES: {text!r} is no list of languages such as en,fr"
        )
    return frozenset(text.split(",")) if text else None
