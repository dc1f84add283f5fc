"""Writes the parts of the docs that come from the code: `python docs/generate.py [--check]`.

With `--schemas FILE` it writes the schemas of the API. The types of the JavaScript client are made
from them.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from recommender.cli import main
from recommender.cli.terminal import EXIT_CODES
from recommender.counters import FIGURES, METRIC_PREFIX, Figure
from recommender.ranking.policy import policy_schema
from recommender.settings import PREFIX, VARIABLES, Settings, Variable
from recommender.web.gauges import GAUGES
from service import create_app

DOCS: Final = Path(__file__).parent
MARK: Final = "<!-- generated: {} -->"


def settings_table() -> str:
    """One row a setting."""
    rows = [f"| `{PREFIX}{v.name}` | {_default(v)} | {v.meaning} |" for v in VARIABLES]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def _default(variable: Variable) -> str:
    return f"`{variable.default}`" if variable.default else "none"


def policy_table() -> str:
    """One row a field of the policy."""
    rows = [
        f"| `{name}` | {field['description']} | {_usual(field)} | {_bounds(field)} |"
        for name, field in policy_schema()["properties"].items()
    ]
    return "\n".join(["| field | meaning | default | bounds |", "|---|---|---|---|", *rows])


def _usual(field: Mapping[str, Any]) -> str:
    """The default of a field; that of a mapping is empty."""
    return f"`{json.dumps(field.get('default', {}))}`"


def _bounds(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(map(_bounds, field["anyOf"]))
    if field.get("type") == "null":
        return "`null`"
    if "additionalProperties" in field:
        most = f", at most {field['maxProperties']}" if "maxProperties" in field else ""
        return f"by name{most}; each {_bounds(field['additionalProperties'])}"
    if field["type"] == "boolean":
        return "`true`, `false`"
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    told = [f"{word} {field[bound]:,}" for bound, word in words.items() if bound in field]
    return " ".join([*(["whole,"] if field["type"] == "integer" else []), *told])


def commands_help() -> str:
    """What `--help` says of every command."""
    return "\n\n".join(f"```text\n{text}\n```" for text in _helps(main, "read-also"))


def exit_codes() -> str:
    """One row a kind of failure, in the order in which they are looked up."""
    rows = [f"| {code} | {_meaning(kind)} |" for kind, code in EXIT_CODES]
    return "\n".join(["| code | when |", "|---|---|", "| 0 | done |", *rows])


def _meaning(kind: type[Exception]) -> str:
    return f"`{kind.__name__}`: {(kind.__doc__ or '').strip().splitlines()[0]}"


def _helps(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=88, **main.context_settings)
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _helps(found, f"{name} {child}")


def fault_counts() -> str:
    """What the long runs have counted so far, from the files that they add to."""
    rows = ["| run | counted | seeds |", "|---|---|---|"]
    for path in sorted((DOCS / "faults").glob("*.json")):
        tally = json.loads(path.read_text("utf-8"))
        counts = "<br>".join(f"{name}: {count:,}" for name, count in tally["counts"].items())
        seeds = ", ".join(tally["seeds"])
        found = len(tally["findings"])
        rows.append(f"| `{path.stem}` | {counts}<br>**findings: {found}** | {seeds} |")
    return "\n".join(rows)


def metrics_table() -> str:
    """One row a figure of `/metrics`: gauges, then counters and histograms."""
    rows = [f"| `{METRIC_PREFIX}{name}` | gauge | {GAUGES[name]} |" for name in GAUGES]
    return "\n".join(
        ["| name | kind | meaning |", "|---|---|---|", *rows, *map(_counted_row, FIGURES)]
    )


def _counted_row(figure: Figure) -> str:
    kind = "histogram" if figure.bounds else "counter"
    ending = "" if figure.bounds else "_total"
    labels = "".join(f", `{label}`" for label in figure.labels)
    return f"| `{METRIC_PREFIX}{figure.name}{ending}` | {kind}{labels} | {figure.meaning} |"


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "settings": settings_table,
    "policy": policy_table,
    "commands": commands_help,
    "exit codes": exit_codes,
    "fault counts": fault_counts,
    "metrics": metrics_table,
}


def generated(text: str) -> str:
    """A page with its generated parts made anew, each between its mark and `<!-- end -->`."""
    for name, make in PARTS.items():
        mark = MARK.format(name)
        part = f"{mark}\n{make()}\n<!-- end -->"
        pattern = re.compile(re.escape(mark) + r"\n.*?<!-- end -->", re.DOTALL)
        text = pattern.sub(part.replace("\\", r"\\"), text)
    return text


def stale_pages(*, write: bool) -> list[Path]:
    """Pages whose generated parts are not what the code says; written anew if asked."""
    stale = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text("utf-8")
        if (made := generated(text)) != text:
            stale.append(page)
            if write:
                page.write_text(made, "utf-8")
    return stale


def api_schemas() -> str:
    """The OpenAPI document of the service without its calls. No archive is opened for it."""
    app = create_app(Settings("sqlite://", DOCS.parent / "build"), follows=False)
    document = app.test_client().get("/openapi.json").get_json()
    return json.dumps(document | {"paths": {}})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--schemas"]:
        Path(sys.argv[2]).write_text(api_schemas(), "utf-8")
        sys.exit()
    checking = "--check" in sys.argv[1:]
    pages = stale_pages(write=not checking)
    for page in pages:
        click.echo(f"{page}: {'stale, run: make docs' if checking else 'written'}")
    sys.exit(1 if checking and pages else 0)
