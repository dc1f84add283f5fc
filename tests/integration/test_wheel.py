"""The wheel: what is in it, what its metadata say, and that it runs where the repository is not."""

import email.message
import email.parser
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = ("index", "recommender", "service.py", "setup.py", "pyproject.toml", "README.md")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
NOT_SHIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources, since a build leaves files beside them."""
    tree = tmp_path_factory.mktemp("tree")
    for name in (*SOURCES, "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    command = [sys.executable, "-c", BUILD, str(tree)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)  # noqa: S603 - ours
    (built,) = tree.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.parser.BytesParser().parsebytes(archive.read(path))


def test_its_name_says_the_version(wheel: Path) -> None:
    assert wheel.name == f"read_also-{PROJECT['version']}-py3-none-any.whl"


def test_every_file_of_the_packages_is_in_it_and_nothing_else(names: set[str]) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("index", "recommender")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.name != "README.md" and not NOT_SHIPPED & set(path.parts)
    }
    shipped = {
        name for name in names if ".dist-info/" not in name and not name.endswith("README.md")
    }
    assert shipped == expected | {"service.py"}
    for kind in ("web/templates/", "web/static/", "store/migrations/versions/v0001", "sample/"):
        assert any(name.startswith(f"recommender/{kind}") for name in shipped), kind
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_no_link_of_its_readme_leads_beside_it(metadata: email.message.Message) -> None:
    readme = str(metadata.get_payload())
    assert metadata["Description-Content-Type"] == "text/markdown"
    links = re.findall(r"\]\(([^)\s]+)\)", readme)
    assert [link for link in links if not re.match(r"https://|#", link)] == []
    repository = PROJECT["urls"]["Repository"]
    ours = [link.removeprefix(f"{repository}/") for link in links if link.startswith(repository)]
    assert len(ours) > 10
    assert [path for path in ours if not (ROOT / path.partition("#")[0]).exists()] == []
    urls = [line.partition(", ")[::2] for line in metadata.get_all("Project-URL", [])]
    assert dict(urls) == PROJECT["urls"]


PROBE = """
from importlib.metadata import version
import recommender, service
from recommender.settings import Settings
client = service.create_app(Settings.from_environment(), follows=False).test_client()
answers = [client.get(path).status_code for path in ("/docs", "/v1/read-also.js", "/openapi.json")]
print(recommender.__file__, version("read-also"), answers)
"""


def test_it_runs_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """What it depends on is lent by this environment; its own code is not."""
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=False)
    (packages,) = fresh.glob("lib/python*/site-packages")
    lent = Path(pytest.__file__).parents[1]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    run([*pip, "--prefix", str(fresh), "--ignore-installed", str(wheel)], tmp_path)
    (packages / "lent.pth").write_text(f"{lent}\n", "utf-8")
    command = str(fresh / "bin" / "read-also")
    assert run([command, "--version"], tmp_path) == f"read-also, version {PROJECT['version']}\n"
    sample = packages / "recommender" / "sample" / "articles.jsonl"
    assert "0 rejected" in run([command, "import", str(sample)], tmp_path)
    place, version, answers = run(
        [str(fresh / "bin" / "python"), "-P", "-c", PROBE], tmp_path
    ).split(maxsplit=2)
    assert place == str(packages / "recommender" / "__init__.py")
    assert (version, answers.strip()) == (PROJECT["version"], "[200, 200, 200]")


def run(command: list[str], folder: Path) -> str:
    """What a command prints, run with a data folder of its own."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("READ_ALSO_")}
    environment = kept | {"READ_ALSO_DATA_DIR": str(folder / "data")}
    done = subprocess.run(  # noqa: S603 - ours
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
