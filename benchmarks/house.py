"""Size and shape of the code, as signs of how easy it is to enter: `python -m benchmarks.house`.

Counted are modules and rooms (folders), lines, functions, modules with a single importer, and names
that stand for two things. They are signs, not limits: a clear cut counts more than a number.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import click

ROOT: Final = Path(__file__).resolve().parents[1]
CODE: Final = ("index", "recommender", "service.py")
ROUTES: Final = {"get", "post", "put", "patch", "delete", "command", "group"}
"""Decorators of what is a route or a command: its name is the framework's, not the house's."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """A file of Python.

    Attributes:
        path: from the root of the repository.
        lines: how many it has.
        tree: what it says.
    """

    path: Path
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """The name by which it is imported."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def is_face(self) -> bool:
        """Whether it only names a package."""
        return self.path.name in {"__init__.py", "__main__.py"}

    @property
    def functions(self) -> Iterator[Function]:
        """Its functions and methods."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    @property
    def public(self) -> Iterator[str]:
        """The public classes and functions that stand at its top."""
        for node in self.tree.body:
            if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not any(is_route(decorator) for decorator in node.decorator_list):
                yield node.name

    @property
    def imports(self) -> Iterator[str]:
        """The dotted names that it imports; of `from a import b` also `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_route(decorator: ast.expr) -> bool:
    """Whether a decorator gives a function to Flask or to click."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in ROUTES


def read_modules(*places: str) -> list[Module]:
    """The files of Python at some places, but for the migrations of the database."""
    found = []
    for place in map(ROOT.joinpath, places):
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if "migrations" not in path.parts:
                text = path.read_text("utf-8")
                name = path.relative_to(ROOT)
                found.append(Module(name, len(text.splitlines()), ast.parse(text)))
    return found


def length_of(function: Function) -> int:
    """Lines of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def importers_of(modules: list[Module]) -> dict[str, set[str]]:
    """By module, the modules that import it."""
    known = {module.name for module in modules}
    importers: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        for name in set(module.imports) & known - {module.name}:
            importers[name].add(module.name)
    return importers


def repeated(names: Iterator[str]) -> list[str]:
    """Names that stand more than once, with how often."""
    return [f"{name} {n}" for name, n in sorted(Counter(names).items()) if n > 1]


def show(name: str, found: list[str], *, at_length: bool) -> None:
    """Print how many were found, and at length which."""
    print(f"{name}: {len(found)}")
    if at_length and found:
        print("  " + ", ".join(found))


@click.command()
@click.option("--names", "at_length", is_flag=True, help="Name what is counted.")
def main(*, at_length: bool) -> None:
    """Print the figures of index/, recommender/ and service.py."""
    modules = read_modules(*CODE)
    sizes = sorted(length for m in modules for f in m.functions if (length := length_of(f)))
    rooms = Counter(str(module.path.parent) for module in modules if not module.is_face)
    importers = importers_of(modules)
    bodies = [module for module in modules if not module.is_face]
    print(f"modules: {len(modules)}, lines: {sum(module.lines for module in modules)}")
    print(f"lines of a module: median {median(module.lines for module in bodies):.0f}, ", end="")
    print(f"longest {max(module.lines for module in bodies)}")
    print(f"functions: {len(sizes)}, lines of one: median {median(sizes):.0f}, ", end="")
    print(f"nine in ten up to {quantiles(sizes, n=10)[-1]:.0f}, longest {sizes[-1]}")
    print("rooms: " + ", ".join(f"{room} {count}" for room, count in sorted(rooms.items())))
    single = [m.name for m in bodies if len(importers[m.name]) == 1]
    show("modules with a single importer", single, at_length=at_length)
    show("module names used twice", repeated(m.path.stem for m in bodies), at_length=at_length)
    public = [name for module in bodies for name in module.public]
    classes, functions = (name for name in public if name[0].isupper()), filter(str.islower, public)
    show("class names used twice", repeated(classes), at_length=at_length)
    show("function names used twice", repeated(functions), at_length=at_length)
    tests = read_modules("tests")
    print(f"tests: {len(tests)} modules, {sum(module.lines for module in tests)} lines")


if __name__ == "__main__":
    main()
