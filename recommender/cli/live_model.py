"""The model that an archive has, by name, as every command says it when it starts.

Nothing heavy is imported, so neither is the index: what starts the web server has to be back soon
after it was killed. So the manifest is read here as the JSON that it is.
"""

import json
from pathlib import Path
from typing import Final

from recommender.settings import AUTO_MODEL, Settings

__all__ = ["name_model"]

NONE_YET: Final = "none yet (the first rebuild chooses)"


def name_model(settings: Settings) -> str:
    """The model that the settings name; under `auto` that of the live snapshot, if there is one."""
    if settings.model != AUTO_MODEL:
        return settings.model
    return _live_model(settings.data.snapshots) or NONE_YET


def _live_model(snapshots: Path) -> str:
    """The model in the live manifest; empty if it cannot be read, of which others complain."""
    try:
        generation = (snapshots / "live").read_text("ascii").rstrip("\n")
        manifest = json.loads((snapshots / generation / "manifest.json").read_bytes())
        return str(manifest["notes"]["encoder"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
