"""The shipped systemd units: systemd understands them, and they are confined alike."""

import subprocess
from pathlib import Path

import pytest

from tests.support.nginx import find_program

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
MOST_EXPOSURE = 15  # tenths, of 100; 0 is best


def confinement_of(service: Path) -> str:
    """The part of a unit that says what it may do."""
    text = service.read_text("utf-8").split("# --- what it may do ---")[1]
    return text.split("\n# CHANGE")[0].split("\n[Install]")[0].strip()


def test_every_unit_is_confined_in_the_same_way() -> None:
    assert len(SERVICES) == 6
    assert len({confinement_of(service) for service in SERVICES}) == 1


def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    program = find_program("systemd-analyze", "systemd")
    for unit in [*SERVICES, *UNITS.glob("*.timer")]:
        text = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(
            text.replace("=/opt/read-also/bin/read-also", "=/bin/echo")
        )
    done = subprocess.run(  # noqa: S603 - words of our own
        [program, "verify", "--man=no", "--recursive-errors=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
def test_systemd_finds_a_unit_little_exposed(service: Path) -> None:
    words = f"security --offline=yes --no-pager --threshold={MOST_EXPOSURE}"
    done = subprocess.run(  # noqa: S603 - words of our own
        [find_program("systemd-analyze", "systemd"), *words.split(), service],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
