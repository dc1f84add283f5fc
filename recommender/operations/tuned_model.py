"""Writes a tuned model as a folder that `READ_ALSO_MODEL` can name, whole or not at all."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from huggingface_hub import ModelCard, ModelCardData

from index import sync_folder
from index.disk import rename_folder, sync_file
from recommender.analysis.embedding import Model, find_model
from recommender.analysis.embedding.model import WEAK_ON_CARD
from recommender.encoding_settings import Dimensions, EncodingSettings

__all__ = ["find_tuned", "keep_model", "written_aside"]

CARD: Final = """\
---
{head}
---
# {base}, tuned on the pairs of one archive

Made by `read-also adapt` of the model {base}, fingerprint `{fingerprint}`. The
pairs are titles and bodies, neighbouring passages, links and pins of that archive. No text of it is
in this folder. But weights that were tuned on texts may betray something of them: give the folder
to nobody who may not read the archive.

{figures}

Prompt, pooling, maximum length and languages are those of {base}{dimensions}.
"""


@contextmanager
def written_aside(folder: Path) -> Iterator[Path]:
    """Give a new empty folder, and remove what is left of it afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_tuned(folder: Path, base: Model) -> Model:
    """The tuned model in a folder, with the vectors' length and the languages of its base."""
    count = base.usage.dimensions
    cut = None if count is None else Dimensions(count, insists=True)
    tuned = find_model(str(folder), folder.parent, EncodingSettings(cut))
    return replace(tuned, languages=base.languages, weak_languages=base.weak_languages)


def keep_model(aside: Path, tuned: Model, base: Model, figures: Sequence[str]) -> Path:
    """Write the card of a tuned model, and rename its folder by its fingerprint; return that.

    Args:
        aside: the folder as it was written.
        tuned: the model in it.
        base: what it was made of.
        figures: what the card says of the tuning, a sentence each.
    """
    folder = aside.with_name(f"adapted-{tuned.fingerprint[:12]}")
    if folder.exists():  # the same base and the same pairs were tuned before
        return folder
    (aside / "README.md").write_text(write_card(base, figures), "utf-8")
    for path in sorted(aside.rglob("*")):
        (sync_folder if path.is_dir() else sync_file)(path)
    sync_folder(aside)
    rename_folder(aside, folder)
    return folder


def write_card(base: Model, figures: Sequence[str]) -> str:
    """The text of the card of a model that was tuned from a base."""
    name = Path(base.name).name if Path(base.name).is_dir() else base.name
    count = base.usage.dimensions
    return CARD.format(
        head=ModelCardData(**_head(base, name)).to_yaml(),
        base=name,
        fingerprint=base.fingerprint,
        figures="\n".join(f"- {line}" for line in figures),
        dimensions="" if count is None else f"; it was tuned for the first {count} numbers",
    )


def _head(base: Model, name: str) -> dict[str, Any]:
    card = base.folder / "README.md"
    licence = ModelCard.load(card).data.license if card.is_file() else None
    languages = None if base.languages is None else sorted(base.languages)
    return {
        "language": languages,
        WEAK_ON_CARD: sorted(base.weak_languages) or None,
        "license": licence,
        "base_model": name,
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
    }
