"""A real WordPress for each module that asks for one, on one MariaDB server for all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.serving import KEY
from tests.wordpress.command_line import CommandLine
from tests.wordpress.mariadb import MariaDB
from tests.wordpress.plugin import PLUGIN, configure
from tests.wordpress.service import Service, Stage, accept
from tests.wordpress.site import SERVER, Site, missing_packages, unpacked


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """The server of this session. What is missing fails the tests: nothing here is optional."""
    missing = missing_packages()
    if missing:
        pytest.fail(f"a WordPress needs packages: apt-get install {' '.join(missing)}")
    with MariaDB.running(SERVER) as server:
        yield server


@pytest.fixture(scope="session")
def wordpress(mariadb: MariaDB) -> Iterator[Path]:  # noqa: ARG001 - it looks what is missing
    """WordPress's files."""
    with unpacked() as root:
        yield root


@pytest.fixture(scope="session")
def php(mariadb: MariaDB) -> Iterator[CommandLine]:  # noqa: ARG001 - it looks what is missing
    """PHP's command line, for all sites."""
    with CommandLine.opened() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(mariadb: MariaDB, wordpress: Path, php: CommandLine) -> Iterator[Site]:
    """A new WordPress without a post, Asia/Dushanbe its time zone, `/year/title/` its links.

    On PHP's own server; behind nginx where `BEHIND_NGINX` is set.
    """
    behind_nginx = bool(os.environ.get("BEHIND_NGINX"))
    with _running(mariadb, wordpress, php, behind_nginx=behind_nginx) as made:
        yield made


@pytest.fixture(scope="module", params=["PHP's own server", "nginx, PHP-FPM and Redis"])
def either_site(
    request: pytest.FixtureRequest, mariadb: MariaDB, wordpress: Path, php: CommandLine
) -> Iterator[Site]:
    """A new WordPress on each kind of server."""
    behind_nginx = request.param != "PHP's own server"
    with _running(mariadb, wordpress, php, behind_nginx=behind_nginx) as made:
        yield made


@contextmanager
def _running(
    mariadb: MariaDB, wordpress: Path, php: CommandLine, *, behind_nginx: bool
) -> Iterator[Site]:
    missing = missing_packages(behind_nginx=behind_nginx)
    if missing:
        pytest.fail(f"this server needs packages: apt-get install {' '.join(missing)}")
    with Site.running(mariadb, wordpress, php, behind_nginx=behind_nginx) as made:
        yield made


@pytest.fixture(scope="session")
def started_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of this session: to load its model takes seconds."""
    with Service(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture(scope="module")
def service(started_service: Service) -> Service:
    """The service itself, ready to list; of the modules before nothing is in it."""
    started_service.empty()
    return started_service


@pytest.fixture(scope="module")
def newsroom(site: Site) -> Iterator[Site]:
    """The site with the plugin, whose code makes PHP complain of nothing."""
    site.add_plugin(PLUGIN)
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A service that answers what a test has written."""
    with Stage().open() as opened:
        yield opened


@pytest.fixture
def connected(newsroom: Site, stage: Stage) -> Stage:
    """The same; it takes every change, and the plugin is set to it."""
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    return stage
