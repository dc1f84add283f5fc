"""An operator's hour: every command of docs/operations.md, in its order, on a real machine."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.machine import PACKAGES, PYTHON_HOME, REPOSITORY, Machine, booted_machine
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
LIST = "/v1/articles/guiyang-smart-city/related?limit=3"

STAND_INS = {
    "apt-get update": "true",
    "apt-get install -y postgresql": """
        cluster=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
        rm -rf /etc/postgresql/*/* /var/lib/postgresql/*/*  # what this machine has already
        pg_createcluster "$cluster" main && systemctl start "postgresql@$cluster-main"
    """,
    r"apt-get install -y git .*": "command -v git nginx openssl curl python3",
    r"git clone .*": f"""
        mkdir -p /usr/src/read-also && cd {REPOSITORY}
        git ls-files -co --exclude-standard -z | tar --null -T - -c | tar -C /usr/src/read-also -x
        git -C /usr/src/read-also init -q""",
    r"git -C /usr/src/read-also pull": "git -C /usr/src/read-also status",
    r"python3 -m venv /opt/read-also": f"""
        echo {PYTHON_HOME}/lib > /etc/ld.so.conf.d/00-python.conf && ldconfig
        {PYTHON_HOME}/bin/python3 -m venv --without-pip /opt/read-also
        echo {PACKAGES} > "$(echo /opt/read-also/lib/python3*/site-packages)/dependencies.pth"
    """,
    r"/opt/read-also/bin/pip install .*": """
        cd /usr/src/read-also && /opt/read-also/bin/python -m pip install -q --no-deps --no-index \\
            --no-build-isolation --force-reinstall /usr/src/read-also""",
    r"certbot certonly .*": """
        live=/etc/letsencrypt/live/related.example && mkdir -p $live
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -quiet \\
            -subj /CN=related.example -addext subjectAltName=DNS:related.example \\
            -out $live/fullchain.pem -keyout $live/privkey.pem
        cp $live/fullchain.pem /usr/local/share/ca-certificates/tests.crt
        update-ca-certificates
        echo 127.0.0.1 related.example >> /etc/hosts""",
}
"""What needs the network is replaced, by whole lines: packages by those of the tests' Python, the
repository by a copy of this checkout, the certificate by one that signs itself.
"""


def commands_of(page: str) -> list[str]:
    """The lines of a page's shell blocks, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def as_run_here(command: str) -> str:
    """A command, or what stands in for it."""
    return next((new for old, new in STAND_INS.items() if re.fullmatch(old, command)), command)


def test_every_stand_in_is_for_a_command_of_the_page() -> None:
    commands = commands_of(PAGE)
    assert len(commands) > 30
    unused = [old for old in STAND_INS if not any(re.fullmatch(old, one) for one in commands)]
    assert unused == []


def test_from_an_empty_machine_to_tls_there_are_ten_commands() -> None:
    first = PAGE.split("## From an empty Debian machine to TLS")[1]
    assert len(commands_of(first.split("Instead of the sample")[0])) == 10


@dataclass
class Hour:
    """An operator at work: what was typed and said, and the secret of the CMS."""

    machine: Machine
    said: dict[str, str] = field(default_factory=dict)
    secret: str = ""

    def type(self, command: str) -> None:
        """Run a command of the page, or what stands in for it."""
        self.said[command] = self.machine.run(as_run_here(command), seconds=600).stdout

    def ask(self, path: str, *options: str) -> str:
        """Ask the public address as a browser or the CMS does; the body of the answer."""
        words = ["curl", "-s", *options, f"https://related.example{path}"]
        return self.machine.run(shlex.join(words), check=False).stdout

    def put(self, article_id: str) -> None:
        """Store an article as the CMS does: again, until it is acknowledged."""
        key, document = f"X-API-Key: {self.secret}", json.dumps({"title": f"Story {article_id}"})
        path = f"/v1/articles/{article_id}?wait=visible"
        words = (path, "-X", "PUT", "-H", key, "--data", document)
        assert until(lambda: '"change"' in self.ask(*words), every=0.5), self.ask(*words)

    def status_of(self, path: str) -> str:
        """The status of an answer to the key of the CMS."""
        key = f"X-API-Key: {self.secret}"
        return self.ask(path, "-H", key, "-o", "/dev/null", "-w", "%{http_code}")

    def wait_for_lists(self) -> None:
        assert until(lambda: "items" in self.ask(LIST), every=0.5), self.ask(LIST)

    def wait_for_all(self) -> None:
        """Wait until the indexer has loaded its model too."""
        asked = "read-also status"
        assert until(lambda: self.machine.run(asked, check=False).returncode == 0, every=1)


@pytest.fixture(scope="module")
def hour() -> Iterator[Hour]:
    """After the last command of the page, and after what the CMS did meanwhile."""
    with booted_machine() as machine:
        hour = Hour(machine)
        for command in commands_of(PAGE):
            if command.startswith("curl "):
                hour.wait_for_lists()
            if command == "read-also status":
                hour.wait_for_all()
            if command == "read-also snapshots list":  # there is something to go back to
                hour.put("before-rollback")
                machine.run("read-also rebuild")
            hour.type(command)
            if command.startswith("read-also keys add"):
                hour.secret = hour.said[command].split()[-1]
            if command.startswith("ls -l /var/backups"):
                hour.put("after-backup")
        hour.wait_for_lists()
        yield hour


@pytest.mark.long
def test_an_operators_hour_ends_with_a_served_watched_and_restored_service(hour: Hour) -> None:
    assert len(json.loads(hour.ask(LIST))["items"]) == 3
    assert hour.machine.run("systemctl --failed --plain --no-legend").stdout == ""
    stored = hour.machine.run("read-also export -").stdout
    assert len(stored.splitlines()) == 138  # the sample, and what was written after the restore
    assert "before-rollback" in stored
    assert "after-backup" not in stored
    copies = hour.machine.run("ls -l /var/backups/read-also/*.db").stdout.splitlines()
    assert len(copies) == 1
    assert copies[0].startswith("-rw------- 1 read-also read-also")
    assert "postgresql:///read_also" in hour.machine.run("read-also config check").stdout


@pytest.mark.long
def test_what_is_for_operators_is_not_on_the_public_address(hour: Hour) -> None:
    for path in ("/metrics", "//metrics", "/%6Detrics", "/readyz", "/healthz"):
        assert json.loads(hour.ask(path))["status"] == 404


@pytest.mark.long
def test_a_revoked_key_opens_nothing(hour: Hour) -> None:
    assert hour.status_of("/v1/articles/before-rollback") == "401"


@pytest.mark.long
def test_the_units_confine_what_they_run(hour: Hour) -> None:
    run = hour.machine.run
    main = run("systemctl show -P MainPID read-also.service").stdout.strip()
    status = run(f"cat /proc/{main}/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapBnd:\t0000000000000000" in status
    seen = f"nsenter -t {main} -m setpriv --reuid read-also --regid read-also --clear-groups"
    assert run(f"{seen} touch /etc/x", check=False).returncode != 0
    assert run(f"{seen} ls /root", check=False).returncode != 0
    run(f"{seen} touch /var/lib/read-also/x")


@pytest.mark.long
def test_the_service_comes_back_after_its_supervisor_is_killed(hour: Hour) -> None:
    hour.machine.run("kill -9 $(systemctl show -P MainPID read-also.service)")
    key = "-H", f"X-API-Key: x{hour.secret}"  # past the cache
    assert until(lambda: "not known" in hour.ask(LIST, *key), every=0.2)


@pytest.mark.long
def test_a_reload_fails_no_request(hour: Hour) -> None:
    """Each asks for a list that nginx does not keep."""
    asked = "https://related.example/v1/articles/guiyang-smart-city/related?limit=[1-90]"
    said = hour.machine.run(f"""
        systemctl reload read-also.service
        curl -s -o /dev/null -w '%{{http_code}} ' --rate 20/s '{asked}'""")
    assert said.stdout.split() == ["200"] * 90


@pytest.mark.long
def test_the_lines_of_cron_run_as_they_stand(hour: Hour) -> None:
    lines = (ROOT / "deploy" / "cron" / "read-also").read_text("utf-8").splitlines()
    jobs = [re.split(r"\s+", line, maxsplit=6) for line in lines if line[:1] in "*0123456789"]
    assert [job[5] for job in jobs] == ["read-also"] * 3
    for *_, command in jobs:
        typed = shlex.quote(command.replace("\\%", "%"))
        path = "PATH=/usr/local/bin:/usr/bin:/bin"
        hour.machine.run(f"runuser -u read-also -- env {path} sh -c {typed}")
    assert hour.machine.run("ls /var/backups/read-also/*.db").stdout.count("\n") == 2
    hour.machine.run("logrotate -f /etc/logrotate.d/read-also")
    rotated = hour.machine.run("ls /var/log/read-also").stdout.split()
    names = ("backup.log", "import.log", "rebuild.log")
    assert rotated == [name + end for name in names for end in ("", ".1")]
