"""The image, the compose file and the manifests, as far as no engine is needed to check them."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from recommender.settings import Settings
from tests.support.waiting import free_port

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yaml").read_text("utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text("utf-8"))
]
KEY = "cms:read+write:0123456789abcdef"


def manifest(kind: str, name: str = "read-also") -> dict[str, Any]:
    return next(m for m in MANIFESTS if m["kind"] == kind and m["metadata"]["name"] == name)


def pod_templates() -> Iterator[dict[str, Any]]:
    yield manifest("StatefulSet")["spec"]["template"]["spec"]
    job = manifest("CronJob", "read-also-import")["spec"]["jobTemplate"]
    yield job["spec"]["template"]["spec"]


SETTINGS = {
    "compose": COMPOSE["configs"]["settings"]["content"],
    "kubernetes": manifest("ConfigMap")["data"]["read-also.toml"],
}


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS.keys())
def test_the_program_takes_the_settings_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "database-url").write_text("postgresql://read_also:x@postgresql/read_also\n")
    (tmp_path / "keys").write_text(KEY)
    (tmp_path / "keys").chmod(0o440)
    folders = {
        str(Path(one).parent) for one in re.findall(r'"(/[^"]+/(?:keys|database-url))"', text)
    }
    assert len(folders) == 1
    (tmp_path / "x.toml").write_text(text.replace(folders.pop(), str(tmp_path)))
    settings = Settings.from_environment({"READ_ALSO_CONFIG": str(tmp_path / "x.toml")})
    assert settings.database_url.startswith("postgresql://")
    assert [key.name for key in settings.api_keys] == ["cms"]
    assert settings.public_reads


def test_the_image_gets_every_package_and_no_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = set(re.findall(r"^COPY (\w+) \./\w+$", DOCKERFILE, re.MULTILINE))
    assert copied == {name for name in packages if "." not in name}
    assert all((ROOT / name).is_file() for name in files_of_the_build())


def files_of_the_build() -> list[str]:
    return re.findall(r"^COPY (.+) \./$", DOCKERFILE, re.MULTILINE)[0].split()  # type: ignore[no-any-return]


def test_the_files_of_the_build_are_enough_for_pip(tmp_path: Path) -> None:
    for name in files_of_the_build():
        shutil.copy(ROOT / name, tmp_path)
    describe = "from setuptools.build_meta import prepare_metadata_for_build_wheel as describe"
    command = [sys.executable, "-c", f"{describe}; describe('.')"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # noqa: S603 - ours
    (metadata,) = tmp_path.glob("*.dist-info/METADATA")
    assert "Description-Content-Type: text/markdown" in metadata.read_text("utf-8")


def test_the_manifests_name_the_image_of_this_release() -> None:
    named = {container["image"] for pod in pod_templates() for container in pod["containers"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert named == {f"read-also:{project['version']}"}


def test_the_image_has_the_versions_of_the_lock() -> None:
    pattern = re.search(r"sed -nE '(.+?)' requirements.lock", DOCKERFILE)
    assert pattern
    done = subprocess.run(  # noqa: S603 - the Dockerfile's own words
        ["/bin/sed", "-nE", pattern[1], ROOT / "requirements.lock"],
        capture_output=True,
        text=True,
        check=True,
    )
    lock = (ROOT / "requirements.lock").read_text()
    locked = re.findall(r"^[A-Za-z0-9._-]+==\S+", lock, re.MULTILINE)
    assert done.stdout.splitlines() == locked
    assert len(locked) > 50


class Health(BaseHTTPRequestHandler):
    """Answers every probe with one status."""

    def __init__(self, status: int, *arguments: Any) -> None:
        self._status = status
        super().__init__(*arguments)

    def do_GET(self) -> None:
        assert self.path == "/healthz"
        self.send_response(self._status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("status", "healthy"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_tells_a_good_answer_from_a_bad_one(
    status: int | None, healthy: int
) -> None:
    found = re.search(r"CMD (\[\"python\".+\])", DOCKERFILE)
    assert found
    _, *words = json.loads(found[1])
    port = free_port()
    server = None
    if status is not None:
        server = HTTPServer(("127.0.0.1", port), partial(Health, status))
        Thread(target=server.handle_request, daemon=True).start()
    command = [sys.executable, *(word.replace("8081", str(port)) for word in words)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - its own words
    assert done.returncode == healthy
    if server:
        server.server_close()


def test_no_container_of_ours_may_more_than_it_needs() -> None:
    ours = {name: COMPOSE["services"][name] for name in ("web", "indexer", "nginx")}
    for service in ours.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    for pod in pod_templates():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["readOnlyRootFilesystem"] is True
            assert confined["allowPrivilegeEscalation"] is False
            assert confined["capabilities"] == {"drop": ["ALL"]}


def test_secrets_come_from_files() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for service in COMPOSE["services"].values():
        assert not [n for n in service.get("environment", {}) if n.endswith(("PASSWORD", "KEYS"))]
    assert [m for m in MANIFESTS if m["kind"] == "Secret"] == []


def test_the_public_doors_open_the_same_addresses() -> None:
    paths = manifest("Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert [path["path"] for path in paths] == ["/v1", "/docs", "/openapi.json"]
    site = (ROOT / "deploy" / "nginx" / "read-also.conf").read_text("utf-8")
    proxied = re.findall(r"location (?:= )?(/\S+) \{[^}]*\{[^}]*\}[^}]*proxy_pass", site)
    to_newsroom = ["/console"]  # nginx alone passes it on, once addresses are named
    assert proxied == ["/v1/", "/v1/bulk", "/docs", "/openapi.json", *to_newsroom]
