"""The plugin's texts: what a translator gets, and what WordPress reads of a translation.

`python -m tests.wordpress.translations` writes `languages/` anew: the template from the code, each
`.po` with the texts that there are now, its `.mo`, and as JSON the texts of the block's script.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["JSON_OF_BLOCK", "LANGUAGES", "compiled", "needed", "of_block", "template"]

PLUGIN = Path(__file__).parents[2] / "integrations/wordpress/read-also"
LANGUAGES = PLUGIN / "languages"
BLOCK = "blocks/read-also"
JSON_OF_BLOCK = "read-also-{}-read-also-list-editor-script.json"
"""Where WordPress looks for the texts of the block's script, by locale."""
KEYWORDS = (
    *("__:1", "_e:1", "esc_html__:1", "esc_html_e:1", "esc_attr__:1", "esc_attr_e:1"),
    *("_n:1,2", "_x:1,2c", "_ex:1,2c", "esc_html_x:1,2c", "esc_attr_x:1,2c", "_nx:1,2,4c"),
)
HEADER = """\
# Translations of the WordPress plugin Read Also.
# This file is distributed under the license of the plugin.
msgid ""
msgstr ""
"Project-Id-Version: Read Also\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"X-Domain: read-also\\n"

"""
NOT_OURS = 'msgid "Uncategorized"\nmsgstr ""\n'
"""Texts that the plugin takes from WordPress itself."""


def needed() -> list[str]:
    """What is missing here to make translations, by Debian's name."""
    return [] if Path("/usr/bin/xgettext").exists() else ["gettext"]


def template() -> str:
    """The `.pot`: every text of the code, of the block and of the plugin's header."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in _beside_the_code():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        pot = root / "read-also.pot"
        pot.touch()
        (root / "not-ours.po").write_text(NOT_OURS)
        _collect(pot, PLUGIN, "PHP", _files(".php"))
        _collect(pot, PLUGIN, "JavaScript", _files(".js"))
        _collect(pot, root, "JavaScript", ["read-also.php", f"{BLOCK}/block.json"])
        return HEADER + pot.read_text().partition("\n\n")[2]  # That of xgettext has the time.


def _files(suffix: str) -> list[str]:
    return sorted(str(path.relative_to(PLUGIN)) for path in PLUGIN.rglob(f"*{suffix}"))


def _collect(pot: Path, root: Path, language: str, files: list[str]) -> None:
    """Add the texts of some files to a template. Files have no lines there, so that it stays."""
    options = [f"--keyword={keyword}" for keyword in KEYWORDS]
    _run(
        *("xgettext", f"--language={language}", "--from-code=UTF-8", "--add-location=file"),
        *("--keyword", *options, "--add-comments=translators:", "--no-wrap"),
        *("--join-existing", f"--exclude-file={pot.parent / 'not-ours.po'}"),
        *(f"--output={pot}", f"--directory={root}", *files),
    )


def _beside_the_code() -> Iterator[tuple[str, str]]:
    """Texts that WordPress translates and that stand in no call, by file, as calls."""
    header = (PLUGIN / "read-also.php").read_text()
    for_header = (
        f"/* translators: {name} of the plugin */ __({json.dumps(found[1].strip())});"
        for name in ("Plugin Name", "Description")
        if (found := re.search(rf"^ \* {name}:(.*)$", header, re.MULTILINE))
    )
    yield "read-also.php", "\n".join(for_header)
    block = json.loads((PLUGIN / BLOCK / "block.json").read_text())
    texts = [(block["title"], "block title"), (block["description"], "block description")]
    texts += [(keyword, "block keyword") for keyword in block.get("keywords", ())]
    calls = (f"_x({json.dumps(text)}, {json.dumps(context)});" for text, context in texts)
    yield f"{BLOCK}/block.json", "\n".join(calls)


def compiled(po: Path) -> bytes:
    """The `.mo` of a translation that is right: with its places and plurals, no text twice.

    Raises:
        RuntimeError: what msgfmt says is wrong.
    """
    with TemporaryDirectory() as folder:
        mo = Path(folder) / "messages.mo"
        _run("msgfmt", "--check", "--no-hash", f"--output-file={mo}", str(po))
        return mo.read_bytes()


def of_block(po: Path) -> str:
    """The texts of the block's script as WordPress's editor reads them (Jed)."""
    script = f"{BLOCK}/index.js"
    header = re.search(r'"Plural-Forms: (.*?)\\n"', po.read_text())
    locale = po.stem.removeprefix("read-also-")
    messages: dict[str, object] = {
        "": {"domain": "messages", "lang": locale, "plural-forms": header[1] if header else ""}
    }
    for entry in po.read_text().split("\n\n"):
        if re.search(rf"^#: .*{re.escape(script)}", entry, re.MULTILINE):
            words = {
                name: json.loads(text)
                for name, text in re.findall(
                    r'^(msgctxt|msgid|msgstr) (".*")$', entry, re.MULTILINE
                )
            }
            context = f"{words['msgctxt']}\x04" if "msgctxt" in words else ""
            messages[context + words["msgid"]] = [words["msgstr"]]
    whole = {"domain": "messages", "locale_data": {"messages": messages}, "source": script}
    return json.dumps(whole, ensure_ascii=False, indent="\t") + "\n"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - gettext's programs
    if done.returncode:
        raise RuntimeError(done.stderr)


def main() -> None:
    """Write the template, and bring each translation up to it."""
    pot = LANGUAGES / "read-also.pot"
    LANGUAGES.mkdir(exist_ok=True)
    pot.write_text(template())
    for po in sorted(LANGUAGES.glob("*.po")):
        locale = po.stem.removeprefix("read-also-")
        _run(
            *("msgmerge", "--quiet", "--update", "--backup=none", "--no-fuzzy-matching"),
            *("--no-wrap", "--add-location=file", str(po), str(pot)),
        )
        _run("msgattrib", "--no-obsolete", "--no-wrap", f"--output-file={po}", str(po))
        po.with_suffix(".mo").write_bytes(compiled(po))
        (LANGUAGES / JSON_OF_BLOCK.format(locale)).write_text(of_block(po))
        sys.stdout.write(f"{po.name}\n")


if __name__ == "__main__":
    main()
