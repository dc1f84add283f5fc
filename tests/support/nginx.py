"""nginx as it is shipped in `deploy/nginx`, as a process of the tests' own.

It runs as an unprivileged user, from a folder of its own, on a free port of 127.0.0.1.
"""

import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPSConnection, RemoteDisconnected
from pathlib import Path
from typing import Any, Final

from tests.support.missing_software import skip_or_fail
from tests.support.postgresql import unprivileged_user
from tests.support.waiting import PATIENCE_SECONDS, free_port, until

__all__ = ["HOST", "SHIPPED", "Answer", "Nginx", "find_program", "running_nginx", "trusting"]

SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "nginx"
HOST: Final = "related.example"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers by name in small letters, body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: its folder, the ports of HTTP and of HTTPS, and its main process."""

    folder: Path
    plain_port: int
    port: int
    process: int

    @property
    def cache(self) -> Path:
        """The folder where it keeps lists."""
        return self.folder / "cache"

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Call once over TLS, with the target exactly as given; status 0 where it hangs up."""
        connection = HTTPSConnection(
            *("127.0.0.1", self.port),
            timeout=PATIENCE_SECONDS,
            context=trusting(),
            source_address=(source, 0),
        )
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": HOST, **(headers or {})}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            return Answer(0, {}, b"")
        finally:
            connection.close()

    def log(self) -> str:
        """Its log of requests."""
        return (self.folder / "access.log").read_text("utf-8")


@cache
def trusting() -> ssl.SSLContext:
    """A client's side of TLS that takes the tests' own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate for a day, signed by itself."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj"
    subprocess.run(  # noqa: S603 - words of our own
        [
            find_program("openssl"),
            *words.split(),
            f"/CN={HOST}",
            "-out",
            certificate,
            "-keyout",
            key,
        ],
        check=True,
        capture_output=True,
    )


def find_program(name: str, package: str | None = None) -> str:
    """Where a program of a package lies; without it the test is skipped, or fails in CI."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return path or skip_or_fail(f"{name} is not installed: apt-get install {package or name}")


@contextmanager
def running_nginx(service_port: int, changes: Mapping[str, str] | None = None) -> Iterator[Nginx]:
    """Start the shipped nginx in front of a service; stop it at the end.

    Args:
        service_port: where the service listens, on 127.0.0.1.
        changes: what else is replaced in `read-also.conf`: text by text.
    """
    program = find_program("nginx")
    folder = Path(tempfile.mkdtemp(prefix="nginx-", dir="/tmp"))
    ports = free_port(), free_port()
    try:
        configuration = _configure(folder, ports, service_port, changes or {})
        command = [program, "-p", str(folder), "-c", str(configuration), "-e", "error.log"]
        process = subprocess.Popen(  # noqa: S603 - words of our own
            [*command, "-g", "daemon off;"], cwd=folder, **_own(folder)
        )
        try:
            assert until((folder / "nginx.pid").exists, every=0.01), "nginx did not start"
            yield Nginx(folder, *ports, process.pid)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
    finally:
        shutil.rmtree(folder)


def _own(folder: Path) -> dict[str, Any]:
    """Give a folder to the user that nginx runs as, and name that user for `subprocess`."""
    identity = unprivileged_user()
    if identity:
        for path in (folder, *folder.iterdir()):
            os.chown(path, identity["user"], identity["group"])
    return identity


def _configure(
    folder: Path, ports: tuple[int, int], service_port: int, changes: Mapping[str, str]
) -> Path:
    """Copy the shipped files into a folder, with what an operator has to change changed."""
    _make_certificate(folder / "cert.pem", folder / "key.pem")
    for name in ("cache", "temporary"):
        (folder / name).mkdir()
    live = f"/etc/letsencrypt/live/{HOST}"
    site = {
        "/var/cache/nginx/read-also": f"{folder}/cache",
        "/var/log/nginx/read-also.log": f"{folder}/access.log",
        "listen 80 default_server": f"listen 127.0.0.1:{ports[0]} default_server",
        "listen 443 ssl default_server": f"listen 127.0.0.1:{ports[1]} ssl default_server",
        "    listen [::]:80 default_server;\n": "",
        "    listen [::]:443 ssl default_server;\n": "",
        f"{live}/fullchain.pem": f"{folder}/cert.pem",
        f"{live}/privkey.pem": f"{folder}/key.pem",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{service_port};",
    }
    (folder / "site.conf").write_text(_replace("read-also.conf", {**site, **changes}))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"    {kind}_temp_path {folder}/temporary/{kind};\n" for kind in kinds)
    main = {
        "user www-data;\n": "",
        "/run/nginx.pid": f"{folder}/nginx.pid",
        "/var/log/nginx/error.log": f"{folder}/error.log",
        "    include /etc/nginx/conf.d/*.conf;\n": f"{temporary}    include {folder}/site.conf;\n",
    }
    path = folder / "nginx.conf"
    path.write_text(_replace("nginx.conf", main))
    return path


def _replace(name: str, changes: Mapping[str, str]) -> str:
    text = (SHIPPED / name).read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} no longer has {old!r}"
        text = text.replace(old, new)
    return text
