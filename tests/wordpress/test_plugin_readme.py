"""The plugin's `readme.txt`, as the plugin directory reads it, agrees with its header."""

import re

from tests.wordpress.plugin import PLUGIN

README = (PLUGIN / "readme.txt").read_text()
HEADER = (PLUGIN / "read-also.php").read_text()


def of_readme(name: str) -> str:
    found = re.search(rf"^{name}: *(.+)$", README, re.MULTILINE)
    assert found, name
    return found[1]


def of_header(name: str) -> str:
    found = re.search(rf"^ \* {name}: *(.+)$", HEADER, re.MULTILINE)
    assert found, name
    return found[1]


def test_both_name_the_same_version_and_demands() -> None:
    assert README.startswith(f"=== {of_header('Plugin Name')} ===\n")
    for name in ("Requires at least", "Requires PHP", "License", "License URI"):
        assert of_readme(name) == of_header(name)
    assert of_readme("Stable tag") == of_header("Version")
    assert f"\n= {of_header('Version')} =\n" in README


def test_the_directory_cuts_nothing_off() -> None:
    """It shows 150 characters of the first line, takes five tags, and five sections and more."""
    short = README.split("\n\n")[1]
    assert len(short) <= 150
    assert len(of_readme("Tags").split(",")) == 5
    sections = re.findall(r"^== (.+) ==$", README, re.MULTILINE)
    assert sections == [
        "Description",
        "Installation",
        "Frequently Asked Questions",
        "External services",
        "Changelog",
    ]


def test_lines_that_the_directory_would_read_as_headings_are_headings() -> None:
    odd = [line for line in README.splitlines() if line.startswith("=")]
    assert all(re.fullmatch(r"(={1,3}) [^=]+ \1", line) for line in odd)
