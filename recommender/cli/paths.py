"""What a path on the command line has to be."""

from pathlib import Path
from typing import Final

import click

__all__ = ["ANY", "EXISTING", "FOLDER"]

ANY: Final = click.Path(path_type=Path)
EXISTING: Final = click.Path(exists=True, path_type=Path)
FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
