"""Tests and benchmarks do not import each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(
    ("folder", "forbidden"), [("tests", "benchmarks"), ("benchmarks", "tests")]
)
def test_neither_imports_the_other(folder: str, forbidden: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = {p: [n for n in imported_by(p) if n.partition(".")[0] == forbidden] for p in paths}
    assert {path: names for path, names in found.items() if names} == {}
