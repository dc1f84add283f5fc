"""The dependencies of the package: NumPy, and FAISS in two modules only."""

import ast
import sys
from pathlib import Path

import pytest

import index

MODULES = sorted(Path(index.__file__).parent.glob("*.py"))


def imported_packages(module: Path) -> set[str]:
    """Name the packages that a module imports from, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_what_it_may(module: Path) -> None:
    allowed = sys.stdlib_module_names | {"index", "numpy"}
    homes = {
        "build": {"faiss"},
        "vector_search": {"faiss"},
        "milvus": {"pymilvus"},
        "milvus_schema": {"pymilvus"},
        "milvus_faults": {"grpc", "pymilvus"},
    }
    heavy = homes.get(module.stem, set[str]())
    assert imported_packages(module) - allowed == heavy
