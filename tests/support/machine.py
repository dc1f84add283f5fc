"""A Debian machine of the tests' own, with systemd as its first process.

It sees this machine's disk, as it is, through an overlay in memory: what it writes is gone with it.
It has no network but a loopback of its own, so every port is free.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.missing_software import skip_or_fail
from tests.support.waiting import until

__all__ = ["PACKAGES", "PYTHON_HOME", "REPOSITORY", "Machine", "booted_machine"]

PYTHON_HOME: Final = "/opt/python"
"""Where this Python lies on the machine, readable by every user."""
PACKAGES: Final = "/opt/packages"
"""The same of the packages that it has."""
REPOSITORY: Final = "/opt/repository"
"""The same of this repository."""
MASK: Final = 0o022
"""An operator's: `read-also` sets another, which stays in a process where a test has called it."""
BOOT: Final = Path(__file__).with_name("boot_machine")
PROGRAMS: Final = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "/usr/lib/systemd/systemd": "systemd",
    "/usr/sbin/logrotate": "logrotate",
}
NAMESPACES: Final = ("--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs; `first` is the id of its first process, as seen from here."""

    first: int

    def run(
        self, script: str, *, check: bool = True, seconds: float = 300
    ) -> "subprocess.CompletedProcess[str]":
        """Run lines of bash as root, as an operator types them.

        Raises:
            AssertionError: the last of them failed, and `check`.
            subprocess.TimeoutExpired: they did not end in time.
        """
        paths = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        inside = ("nsenter", "-t", str(self.first), *(f"-{letter}" for letter in "mpnuiC"))
        done = subprocess.run(  # noqa: S603 - scripts of our own
            [*inside, "/bin/bash", "-ec", script],
            env={"HOME": "/root", "LANG": "C.UTF-8", "PATH": paths},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            umask=MASK,
            check=False,
        )
        said = f"{script}\n{done.stdout[-4_000:]}{done.stderr[-4_000:]}"
        assert done.returncode == 0 or not check, said
        return done

    def journal(self, unit: str) -> str:
        """What a unit has logged."""
        return self.run(f"journalctl -u {unit} --no-pager -o cat", check=False).stdout


@contextmanager
def booted_machine() -> Iterator[Machine]:
    """Boot a machine, and stop it at the end; skip where this is not possible."""
    _look_for_programs()
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir="/tmp"))
    command = [
        "unshare",
        *NAMESPACES,
        "--fork",
        "--kill-child",
        str(BOOT),
        str(folder),
        sys.base_prefix,
        sysconfig.get_path("purelib"),
        str(Path(__file__).parents[2]),
    ]
    with (folder / "log").open("wb") as log:
        starter = subprocess.Popen(  # noqa: S603 - words of our own
            command, stdout=log, stderr=log, umask=MASK
        )
    try:
        machine = _wait_for(starter)
        if machine is None:
            said = (folder / "log").read_text("utf-8", "replace")[-500:]
            skip_or_fail(f"this kernel boots no machine inside: {said}", installable=False)
        yield machine
    finally:
        starter.kill()
        starter.wait(120)
        shutil.rmtree(folder)


def _look_for_programs() -> None:
    if os.geteuid() != 0:
        skip_or_fail("only root may boot a machine inside", installable=False)
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            skip_or_fail(f"{program} is not installed: apt-get install {package}")


def _wait_for(starter: "subprocess.Popen[bytes]") -> Machine | None:
    """Wait until systemd has started everything; None if it ends or does not come up."""
    children = Path(f"/proc/{starter.pid}/task/{starter.pid}/children")

    def is_up() -> bool:
        if starter.poll() is not None:
            return True
        first = children.read_text().split()
        if (
            not first
            or "systemd" not in Path(f"/proc/{first[0]}/cmdline").read_text().split("\0")[0]
        ):
            return False
        state = Machine(int(first[0])).run("systemctl is-system-running", check=False).stdout
        return state.strip() in {"running", "degraded"}

    if not until(is_up, 300) or starter.poll() is not None:
        return None
    return Machine(int(children.read_text().split()[0]))
