"""The Python client as a package: what it needs, what it imports, and that it builds and runs."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"
PROJECT: dict[str, Any] = tomllib.loads((CLIENT / "pyproject.toml").read_text("utf-8"))["project"]
MOST_PACKAGES = 15
MOST_BYTES = 12_000_000
BUILD = "import sys; from setuptools import build_meta as b; b.build_sdist('.'); b.build_wheel('.')"


def needed() -> dict[str, Distribution]:
    """What the client needs, and what that needs, as it is installed here."""
    found = dict[str, Distribution]()
    left = list(map(Requirement, PROJECT["dependencies"]))
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            found[name] = distribution(name)
            left += map(Requirement, found[name].requires or ())
    return found


def test_it_needs_httpx_and_pydantic_and_few_packages_in_all() -> None:
    direct = [canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]]
    assert direct == ["httpx", "pydantic"]
    assert 1 + len(needed()) <= MOST_PACKAGES


def test_it_imports_nothing_else() -> None:
    """Only the standard library, itself, and what it says that it needs."""
    imported = {
        name.partition(".")[0]
        for path in (CLIENT / "read_also_client").glob("*.py")
        for name in imported_by(path)
    }
    assert imported - sys.stdlib_module_names == {
        "httpx",
        "pydantic",
        "pydantic_core",
        "read_also_client",
    }


def imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_its_licence_is_that_of_the_service() -> None:
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a copy of the sources, with the wheel and the sdist that were built there."""
    folder = tmp_path_factory.mktemp("client") / "python"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder, check=True, capture_output=True)  # noqa: S603 - ours
    return folder


@pytest.mark.long
def test_the_wheel_and_the_sdist_hold_the_package_and_its_licence(built: Path) -> None:
    modules = {
        f"read_also_client/{path.name}" for path in (CLIENT / "read_also_client").glob("*.*")
    }
    assert "read_also_client/py.typed" in modules
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if ".dist-info/" not in name} == modules
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    with tarfile.open(sdist) as tar:
        inner = {name.partition("/")[2] for name in tar.getnames()}
    assert {*modules, "LICENSE", "README.md", "pyproject.toml"} <= inner
    assert wheel.name.endswith("-py3-none-any.whl")


@pytest.mark.long
def test_it_runs_where_only_it_and_what_it_needs_are_installed(built: Path, tmp_path: Path) -> None:
    """What it needs is copied from this environment, file by file."""
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=False)
    (packages,) = fresh.glob("lib/python*/site-packages")
    for one in needed().values():
        for file in one.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(one.locate_file(file)), target)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command = [*pip, "--no-compile", "--prefix", str(fresh), "--ignore-installed", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours
    assert sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) < MOST_BYTES
    assert len(list(packages.glob("*.dist-info"))) <= MOST_PACKAGES
    probe = "import read_also_client as c; print(c.__file__, c.RELEASE, c.foreign_id('a', 'b/c'))"
    done = subprocess.run(  # noqa: S603 - ours
        [str(fresh / "bin" / "python"), "-I", "-c", probe],
        check=True,
        capture_output=True,
        text=True,
    )
    place, release, made = done.stdout.split()
    assert place == str(packages / "read_also_client" / "__init__.py")
    assert re.search(rf"-{re.escape(release)}-", wheel.name)
    assert made == "a:b~2Fc"


@pytest.mark.long
def test_programs_of_the_readme_are_typed(tmp_path: Path) -> None:
    """As a user's own mypy reads them."""
    examples = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    for number, example in enumerate(examples):
        (tmp_path / f"example_{number}.py").write_text(example, "utf-8")
    done = subprocess.run(  # noqa: S603 - ours
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            *map(str, tmp_path.glob("*.py")),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(CLIENT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("Success: no issues found in"), done.stdout
