"""The public face of the package, and what it leans on."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import index
from index import BadQuery, BadRows, IndexFault, Locked, NoSnapshot, SnapshotDamaged

MODULES = sorted(Path(index.__file__).parent.glob("*.py"))


def roots(module: Path) -> set[str]:
    """Name the packages a module imports from, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found


def test_the_public_names_are_exactly_these() -> None:
    assert index.__all__ == [
        "BUCKETS",
        "GENERATION",
        "BackgroundSimilarity",
        "BadQuery",
        "BadRows",
        "BuildOptions",
        "Catalog",
        "DeltaWriter",
        "Hits",
        "IndexFault",
        "Locked",
        "Manifest",
        "NoSnapshot",
        "OtherFormat",
        "Passages",
        "Query",
        "Rows",
        "Snapshot",
        "SnapshotDamaged",
        "StagedSnapshot",
        "TermCounts",
        "View",
        "concatenate_rows",
        "locked",
        "make_folder",
        "quantize",
        "replace_file",
        "replacing",
        "sync_folder",
    ]
    assert all(hasattr(index, name) for name in index.__all__)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_what_it_may(module: Path) -> None:
    allowed = sys.stdlib_module_names | {"index", "numpy"}
    heavy = {"faiss"} if module.stem in {"build", "vector_search"} else set()
    assert roots(module) - allowed == heavy


@pytest.mark.parametrize("fault", [BadQuery, BadRows, Locked, NoSnapshot, SnapshotDamaged])
def test_every_error_hangs_on_one_tree(fault: type[Exception]) -> None:
    assert issubclass(fault, IndexFault)
    assert fault.__name__ in str(index.errors.__doc__)
