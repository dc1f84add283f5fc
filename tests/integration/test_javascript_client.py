"""The JavaScript package: its own tests, its types, what it holds, and the real service."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from recommender.api import ShownListOptions
from recommender.operations.webhook_messages import make_test_message, make_webhook_secret, sign
from recommender.release import RELEASE
from recommender.sources.article_ids import foreign_id
from recommender.web.endpoints import parameters_of
from tests.support.missing_software import skip_or_fail
from tests.support.serving import KEY, ROOT, Place, Server

PACKAGE: Final = ROOT / "clients" / "javascript"
TESTS: Final = PACKAGE / "tests"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        skip_or_fail(f"{name} is not installed: apt-get install nodejs npm")
    return found


def run(*words: str, folder: Path = PACKAGE, **more: Any) -> str:
    """What a program of Node prints; it must end well."""
    command = [program(words[0]), *words[1:]]
    done = subprocess.run(  # noqa: S603 - words of our own
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=300, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    return found


@pytest.mark.long
def test_the_client_does_what_its_own_tests_say() -> None:
    run("node", "--test", *map(str, sorted(TESTS.glob("*.test.js"))))


def test_the_element_takes_the_options_of_a_list() -> None:
    source = (PACKAGE / "src" / "list.js").read_text("utf-8")
    (names,) = re.findall(r"LIST_ATTRIBUTES = Object\.freeze\(\[(.*?)\]\)", source, re.DOTALL)
    attributes = {name.replace("-", "_") for name in re.findall(r'"([a-z-]+)"', names)}
    # `attr` has names without end, and the element shows nothing of what `fields` adds.
    of_the_element = {"explain", "presentation", "attr", "fields"}
    assert attributes == parameters_of(ShownListOptions).keys() - of_the_element


NAMES: Final = (["1"], ["12 ä", "a/b"], ["☃:~%\x00", ""], ["a~41"], ["😀"], ["..", "-_."])
FOREIGN: Final = """
import { foreignId } from "@read-also/client";
console.log(JSON.stringify(JSON.parse(process.argv[1]).map((parts) => foreignId("cms", ...parts))));
"""


def test_the_client_makes_the_ids_that_importers_make() -> None:
    made = run("node", "--input-type=module", "-e", FOREIGN, json.dumps(NAMES))
    assert json.loads(made) == [foreign_id("cms", *parts) for parts in NAMES]


RECEIVER: Final = """
import { readWebhook } from "@read-also/client";
const [secret, headers, body, now] = process.argv.slice(1);
const message = await readWebhook(secret, JSON.parse(headers), body, () => Number(now));
console.log(JSON.stringify(message));
"""


def test_the_client_reads_webhooks_that_the_service_signs() -> None:
    now, secret = 1_800_000_000.0, make_webhook_secret()
    message = make_test_message(datetime.fromtimestamp(now, UTC))
    headers = json.dumps(sign(message, secret, now))
    given = [secret, headers, message.body.decode(), str(now * 1_000)]
    read = json.loads(run("node", "--input-type=module", "-e", RECEIVER, *given))
    assert read == {"id": message.id} | json.loads(message.body)


def test_the_package_has_the_version_of_the_service_and_depends_on_nothing() -> None:
    assert description()["version"] == RELEASE
    assert "dependencies" not in description()


def test_the_lock_file_names_no_host() -> None:
    text = (PACKAGE / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert json.loads(text)["version"] == RELEASE
    assert all(one.get("integrity") for name, one in json.loads(text)["packages"].items() if name)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with its tools, as `npm ci` makes it."""
    root = tmp_path_factory.mktemp("npm")
    folder = root / "clients" / "javascript"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules", "*.tgz"))
    shutil.copy(ROOT / "LICENSE", root)
    run("npm", "ci", "--no-audit", "--no-fund", folder=folder)
    return folder


@pytest.fixture(scope="module")
def tarball(checkout: Path) -> Path:
    """The package as it is published."""
    said = run("npm", "pack", "--json", folder=checkout)
    name: str = json.loads(said[said.index("[") :])[0]["filename"]
    return checkout / name


@pytest.mark.long
def test_the_types_are_those_of_the_service(checkout: Path) -> None:
    """`make docs` writes them anew."""
    document = checkout.parents[1] / "build" / "schemas.json"
    document.parent.mkdir()
    generator = str(ROOT / "docs" / "generate.py")
    run(sys.executable, generator, "--schemas", str(document), folder=ROOT)
    run("npm", "run", "types", folder=checkout)
    made, kept = (folder / "types" / "api.d.ts" for folder in (checkout, PACKAGE))
    assert made.read_text("utf-8") == kept.read_text("utf-8")


@pytest.mark.long
def test_the_sources_have_sound_types(checkout: Path) -> None:
    run("npx", "--no-install", "tsc", "--noEmit", folder=checkout)


@pytest.mark.long
def test_the_tarball_holds_sources_and_types_alone(tarball: Path) -> None:
    with tarfile.open(tarball) as packed:
        names = {name.removeprefix("package/") for name in packed.getnames()}
    modules = {path.stem for path in (PACKAGE / "src").glob("*.js")}
    sources = {f"src/{name}.js" for name in modules}
    types = {f"types/{name}.d.ts" for name in {*modules, "api"}}
    assert names == {"LICENSE", "README.md", "package.json"} | sources | types
    assert tarball.stat().st_size < 60_000


STRICT: Final = {
    "compilerOptions": {"strict": True, "noEmit": True, "module": "NodeNext", "types": []},
    "files": ["consumer.ts"],
}


@pytest.mark.long
def test_a_program_in_typescript_uses_the_tarball(
    checkout: Path, tarball: Path, tmp_path: Path
) -> None:
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    shutil.copy(TESTS / "consumer.ts", tmp_path)
    run("npm", "install", "--no-audit", "--no-fund", str(tarball), folder=tmp_path)
    (tmp_path / "tsconfig.json").write_text(json.dumps(STRICT))
    run("node", str(checkout / "node_modules" / ".bin" / "tsc"), folder=tmp_path)
    said = run(
        "node",
        "-e",
        "import('@read-also/client/list').then(() => console.log('fine'))",
        folder=tmp_path,
    )
    assert said == "fine\n"  # also where there is no page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service over an empty archive."""
    with Server(Place(tmp_path_factory.mktemp("archive")), ready=False) as started:
        yield started


@pytest.mark.long
def test_the_client_and_the_real_service_agree(server: Server) -> None:
    environment = {
        "READ_ALSO_BASE": server.address,
        "READ_ALSO_KEY": KEY,
        "READ_ALSO_INDEXER": str(server.indexer),
    }
    said = run("node", "--test", str(TESTS / "contract.js"), env=environment)
    assert re.search(r"^# fail 0$", said, re.MULTILINE)


@pytest.mark.long
def test_the_example_of_the_readme_runs(server: Server) -> None:
    text = (PACKAGE / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```js\n(import \{ ApiError.*?)```", text, re.DOTALL)
    program_of_page = example.replace("https://read-also.example", server.address)
    printed = run("node", "--input-type=module", "-e", program_of_page.replace("SECRET", KEY))
    lines = printed.splitlines()
    assert lines[0].endswith("ed true")
    assert lines[-1].startswith("404 ")
