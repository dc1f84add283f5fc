"""Generators of clients read `/openapi.json` without a complaint, and what they make works."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.missing_software import skip_or_fail
from tests.support.servers import served_demo

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
PYTHON = Path(__file__).parents[2] / ".venv-generators" / "bin"
NODE = HERE / "node_modules" / ".bin"
KEY = "abcdefgh12345678"
SAYS_VALID = ["No validation issues detected."]
OF_ITSELF = (
    "OpenAPI 3.1 support is still in beta",
    "Failed to get the schema name: null",  # of every document of 3.1 whose fields have types
    "Exclude (model name matches existing language type)",  # of the field `exclude`; no such model
)
"""What openapi-generator says of its own limits, and not of a document."""
STRICT = ("--strict", "--noEmit", "--target", "es2022", "--module", "esnext")


def run(program: Path, *words: str | Path, into: Path, **environment: str) -> list[str]:
    """Run a tool in a folder; the lines that it prints, of both streams.

    It fails the test where the tool fails, and skips it where the tool is not installed.
    """
    if not program.exists():
        skip_or_fail(f"{program.name} is not installed: make generators")
    path = os.pathsep.join([str(PYTHON), os.environ["PATH"]])  # where it finds helpers of its own
    done = subprocess.run(  # noqa: S603 - a tool that the project pins
        [program, *words],
        cwd=into,
        env={"PATH": path, "HOME": str(into), "LANG": "C.UTF-8", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4_000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def service(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_demo(demo_folder, tmp_path_factory.mktemp("service") / "demo", KEY) as address:
        yield address


@pytest.fixture(scope="module")
def document(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the service says of itself, as a file."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(httpx.get(f"{service}/openapi.json", timeout=60).content)
    return path


def test_a_client_of_openapi_python_client_puts_patches_loads_and_lists(
    service: str, document: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    words = ("generate", "--path", document, "--output-path", made, "--fail-on-warning")
    run(PYTHON / "openapi-python-client", *words, into=tmp_path)
    script = HERE / "integrator.py"
    checked = ("--strict", "--follow-imports", "silent", script)  # what was made is not strict
    run(PYTHON / "mypy", *checked, into=tmp_path, MYPYPATH=str(made))
    run(PYTHON / "python", "-W", "error", script, service, KEY, into=tmp_path, PYTHONPATH=str(made))


def test_the_models_of_datamodel_code_generator_read_what_the_service_answers(
    service: str, document: Path, tmp_path: Path
) -> None:
    words = ("--input", document, "--input-file-type", "openapi", "--output", "models.py")
    kind = ("--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin")
    said = run(PYTHON / "datamodel-codegen", *words, *kind, into=tmp_path)
    assert said == []
    seed = f"{service}/v1/articles/guiyang-smart-city"
    with httpx.Client(headers={"X-API-Key": KEY}, timeout=30) as client:
        for model, path in {
            "Article": seed,
            "RelatedList": f"{seed}/related?explain=all",
            "PinsNow": f"{seed}/pins",
            "ArticlePage": f"{service}/v1/articles",
            "Readiness": f"{service}/readyz",
            "Problem": f"{service}/v1/articles/nobody",
        }.items():
            (tmp_path / "answer.json").write_bytes(client.get(path).content)
            read = f"models.{model}.model_validate_json(open('answer.json').read())"
            run(PYTHON / "python", "-W", "error", "-c", f"import models; {read}", into=tmp_path)


def test_the_types_of_openapi_typescript_are_checked_strictly(
    document: Path, tmp_path: Path
) -> None:
    run(NODE / "openapi-typescript", document, "-o", "schema.ts", into=tmp_path)
    shutil.copy(HERE / "usage.ts", tmp_path)
    said = run(NODE / "tsc", *STRICT, "usage.ts", "schema.ts", into=tmp_path)
    assert said == []


@pytest.mark.parametrize("language", ["php", "typescript-fetch"])
def test_openapi_generator_makes_clients_of_other_languages(
    document: Path, tmp_path: Path, language: str
) -> None:
    program = PYTHON / "openapi-generator-cli"
    assert run(program, "validate", "-i", document, into=tmp_path)[1:] == SAYS_VALID
    said = run(program, "generate", "-i", document, "-g", language, "-o", "made", into=tmp_path)
    warnings = [line for line in said if "WARN" in line or "ERROR" in line]
    assert [line for line in warnings if not any(words in line for words in OF_ITSELF)] == []
    if language == "php":
        for source in (tmp_path / "made" / "lib").rglob("*.php"):
            run(Path("/usr/bin/php"), "-l", source, into=tmp_path)
    else:
        sources = sorted((tmp_path / "made").rglob("*.ts"))
        run(NODE / "tsc", *STRICT, "--lib", "es2022,dom", *sources, into=tmp_path)
