"""How a model wants to be used: its prompt, its pooling, and how many numbers of a vector are kept.

What a model's folder says is honoured. A folder that has only weights and a tokenizer says neither
prompt nor pooling; and E5 and its kin name no prompt at all, though they need one. Then a small
table of families decides.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from recommender.encoding_settings import PREFIX, Dimensions
from recommender.errors import ModelRefused

__all__ = [
    "AS_THE_FOLDER_SAYS",
    "FAMILIES",
    "Family",
    "ModelFiles",
    "Usage",
    "family_of",
    "read_usage",
]

ARTICLE_PROMPTS: Final = ("document", "passage", "corpus")
"""Names of the prompt for a document, as sentence-transformers looks for them. Both texts that we
compare are articles, so both get it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How a model is used where that is not as its folder says by itself.

    Attributes:
        prompt: stands before every text; None for the default prompt of the folder, if it has one.
        pooling: how the vectors of word pieces become one; None for what the folder says.
        dimensions: how many numbers of a vector are kept, from the first; None for all.
    """

    prompt: str | None = None
    pooling: str | None = None
    dimensions: int | None = None

    @property
    def identity(self) -> str:
        """A text that changes with everything here; "" for the default."""
        return "" if self == AS_THE_FOLDER_SAYS else json.dumps(asdict(self), sort_keys=True)


AS_THE_FOLDER_SAYS: Final = Usage()


@dataclass(frozen=True, slots=True)
class Family:
    """Models that were trained alike.

    Attributes:
        pattern: found in the name of each model of the family.
        architectures: `model_type` in the configuration of those that are meant.
        pooling: `mean` of all word pieces, or `cls`, the first one.
        prompt: for two texts of one kind; "" for none.
        source: where the authors say so.
    """

    pattern: re.Pattern[str]
    architectures: frozenset[str]
    pooling: str
    prompt: str
    source: str


def _family(
    pattern: str, architectures: str, pooling: str, source: str, prompt: str = ""
) -> Family:
    begins = re.compile(rf"(?:^|[/_-]){pattern}", re.IGNORECASE)
    return Family(begins, frozenset(architectures.split()), pooling, prompt, source)


FAMILIES: Final = (
    _family(
        "e5-.*instruct",
        "xlm-roberta",
        "mean",
        "card of intfloat/multilingual-e5-large-instruct, FAQ 1: documents need no instruction",
    ),
    _family(
        "e5-",
        "bert xlm-roberta",
        "mean",
        'card of intfloat/e5-base-v2, FAQ 1: "query: " for symmetric tasks such as similarity',
        prompt="query: ",
    ),
    _family(
        "bge-",
        "bert xlm-roberta",
        "cls",
        "card of BAAI/bge-small-en-v1.5: pooling is [CLS]; passages need no instruction",
    ),
    _family(
        "gte-",
        "modernbert",
        "cls",
        "card of Alibaba-NLP/gte-modernbert-base: the first state; no prompt",
    ),
    _family("gte-", "bert", "mean", "card of thenlper/gte-base: average_pool; no prompt"),
    _family(
        "arctic-embed",
        "bert xlm-roberta",
        "cls",
        "card of Snowflake/snowflake-arctic-embed-m: the first state; a prefix for queries only",
    ),
    _family(
        "multi-qa-mpnet-base-dot",
        "mpnet",
        "cls",
        "card of sentence-transformers/multi-qa-mpnet-base-dot-v1: cls_pooling; no prompt",
    ),
    _family(
        "mpnet-",
        "mpnet",
        "mean",
        "card of sentence-transformers/all-mpnet-base-v2: mean_pooling; no prompt",
    ),
)
"""The first row that fits counts."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What the files of a model's folder say of it.

    Attributes:
        names: by which it may be known, the surest first.
        config: of its architecture, `config.json`.
        sentence_config: of sentence-transformers, `config_sentence_transformers.json`.
        has_modules: whether the folder says by itself how vectors are pooled.
        card: the text of its model card; "" if there is none.
    """

    names: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    sentence_config: Mapping[str, Any] = field(default_factory=dict)
    has_modules: bool = True
    card: str = ""

    @classmethod
    def read(cls, name: str, folder: Path) -> "ModelFiles":
        """Read a folder that was asked for by a name.

        Raises:
            ModelRefused: a file is no JSON object.
        """
        config = _read_object(folder / "config.json")
        card = folder / "README.md"
        # In the cache of the hub, the id stands two folders above the files.
        stored = folder.parent.parent if folder.parent.name == "snapshots" else folder
        known = Path(name).name if Path(name).is_dir() else name
        return cls(
            (known, stored.name, str(config.get("_name_or_path", ""))),
            config,
            _read_object(folder / "config_sentence_transformers.json"),
            (folder / "modules.json").is_file(),
            card.read_text("utf-8", errors="replace") if card.is_file() else "",
        )

    @property
    def allowed_dimensions(self) -> Sequence[int] | None:
        """How long a vector may be cut; None if nothing says that it may be; empty for any."""
        listed = self.config.get("matryoshka_dimensions")
        if isinstance(listed, list):
            return [size for size in listed if isinstance(size, int)]
        says_so = self.config.get("is_matryoshka") or self.sentence_config.get("truncate_dim")
        return () if says_so or "matryoshka" in self.card.lower() else None


def family_of(names: Sequence[str], architecture: str | None) -> Family | None:
    """The family of a model; None if it is of none that is known.

    Args:
        names: by which the model may be known.
        architecture: its `model_type`; None if it is not known, as of a model on a server.
    """
    for family in FAMILIES:
        fits = architecture is None or architecture in family.architectures
        if fits and any(family.pattern.search(name) for name in names):
            return family
    return None


def read_usage(files: ModelFiles, dimensions: Dimensions | None) -> Usage:
    """How the model of a folder is used.

    Args:
        files: of the folder.
        dimensions: that the settings ask for; None for all.

    Raises:
        ModelRefused: nothing says that vectors of this model may be cut so.
    """
    family = family_of(files.names, str(files.config.get("model_type")))
    return Usage(
        prompt=_prompt(files.sentence_config, family),
        pooling=None if files.has_modules or family is None else _unusual(family.pooling),
        dimensions=None if dimensions is None else _checked_dimensions(files, dimensions),
    )


def _prompt(config: Mapping[str, Any], family: Family | None) -> str | None:
    """The prompt for an article, unless the folder names one for every text."""
    if config.get("default_prompt_name"):
        return None
    if family is not None and family.prompt:
        return family.prompt
    prompts = config.get("prompts") or {}
    return next((prompts[name] for name in ARTICLE_PROMPTS if prompts.get(name)), None)


def _unusual(pooling: str) -> str | None:
    """A pooling that must be asked for; sentence-transformers takes the mean by itself."""
    return None if pooling == "mean" else pooling


def _checked_dimensions(files: ModelFiles, asked: Dimensions) -> int:
    allowed = files.allowed_dimensions
    if asked.insists or (allowed is not None and (not allowed or asked.count in allowed)):
        return asked.count
    why = f"only {allowed}" if allowed else "its card and configuration do not say so"
    raise ModelRefused(
        f"vectors of {files.names[0]} may not be cut to {asked.count} numbers: {why}; remove "
        f"{PREFIX}DIMENSIONS, or insist: {PREFIX}DIMENSIONS={asked.count}!"
    )


def _read_object(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as fault:
        raise ModelRefused(f"{path} is no JSON ({fault}); fetch the model again") from fault
    if not isinstance(found, dict):
        raise ModelRefused(f"{path} is no JSON object; fetch the model again")
    return found
