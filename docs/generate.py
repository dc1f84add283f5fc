"""Writes the parts of the docs that come from the code: `python docs/generate.py [--check]`.

With `--schemas FILE` it writes the schemas of the API. The types of the JavaScript client are made
from them. It also copies the stylesheet of lists into the WordPress plugin.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from recommender.api import LIMITS, LONGEST_HEADING, MOST_LISTS
from recommender.api.conditions import LONGEST_LANGUAGES, MOST_CONDITIONS, MOST_VALUES
from recommender.api.paging import MOST_ENTRIES, MOST_ON_A_PAGE
from recommender.api.request_bodies import Override, Pins
from recommender.api.request_options import MOST_EXCLUDED
from recommender.articles import LONGEST_NAME, MOST_FIELDS, MOST_MARKUP, Article
from recommender.attributes import LONGEST_TEXT, MOST_ATTRIBUTES, MOST_BYTES, MOST_IN_LIST
from recommender.cli import main
from recommender.cli.terminal import EXIT_CODES
from recommender.counters import FIGURES, METRIC_PREFIX, Figure
from recommender.id_grammar import ID_SCHEMA, LONGEST_ID
from recommender.ranking.overrides import KINDS, MOST_OVERRIDES
from recommender.ranking.policy import policy_schema
from recommender.settings import PREFIX, VARIABLES, Settings, Variable
from recommender.strict_json import MOST_DEPTH, MOST_MARKS
from recommender.web.bodies import LARGEST_DOCUMENT
from recommender.web.bulk_routes import MOST_LINES, MOST_LOAD_BYTES
from recommender.web.gauges import GAUGES
from recommender.web.openapi.schemas import Schemas
from recommender.web.state import WAIT_SECONDS
from service import create_app

DOCS: Final = Path(__file__).parent
MARK: Final = "<!-- generated: {} -->"
STYLE: Final = DOCS.parent / "recommender/web/static/read-also.css"
PLUGIN_STYLE: Final = DOCS.parent / "integrations/wordpress/read-also/assets/read-also.css"


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


def rule_table() -> str:
    """One row a field of a site rule."""
    return _fields_table("SiteRule")


def condition_table() -> str:
    """One row a field of the condition of a site rule."""
    return _fields_table("Condition")


def _fields_table(definition: str) -> str:
    fields = policy_schema()["$defs"][definition]["properties"]
    rows = [
        f"| `{name}` | {field['description']} | {_bounds(field)} |"
        for name, field in fields.items()
    ]
    return "\n".join(["| field | meaning | value |", "|---|---|---|", *rows])


def _usual(field: Mapping[str, Any]) -> str:
    """The default of a field; that of a mapping is empty."""
    return f"`{json.dumps(field.get('default', {}))}`"


def _bounds(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(map(_bounds, field["anyOf"]))
    if "$ref" in field:
        return "a condition"
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if field["type"] in _WORDS:
        return _WORDS[field["type"]](field)
    if "additionalProperties" in field:
        most = f", at most {field['maxProperties']}" if "maxProperties" in field else ""
        return f"by name{most}; each {_bounds(field['additionalProperties'])}"
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    told = [f"{word} {field[bound]:,}" for bound, word in words.items() if bound in field]
    return " ".join([*(["whole,"] if field["type"] == "integer" else []), *told]) or "a number"


_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "null": lambda _: "`null`",
    "boolean": lambda _: "`true`, `false`",
    "array": lambda field: f"a list of at most {field['maxItems']}",
    "string": lambda field: "a time, RFC 3339" if "format" in field else "text",
}


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


def article_table() -> str:
    """One row a field of an article."""
    schema, known = Article.model_json_schema(), Schemas.of([Article]).components["Article"]
    required = frozenset(schema["required"])
    rows = [
        f"| `{name}` | {_value_in_words(name, field)}{', required' * (name in required)} "
        f"| {known['properties'][name].get('description', '')} |"
        for name, field in schema["properties"].items()
    ]
    return "\n".join(["| field | value | meaning |", "|---|---|---|", *rows])


def _value_in_words(name: str, field: Mapping[str, Any]) -> str:
    """The values that a field of an article takes, from its JSON Schema."""
    value = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if value["type"] == "array":
        each = _value_in_words(name, value["items"])
        return f"a list of at most {value['maxItems']:,}, each {each}"
    if name == "body_html":
        return f"text, at most {_bytes(MOST_MARKUP)} of UTF-8"
    if value["type"] == "string":
        return _text_in_words(value)
    others = {"boolean": "`true`, `false`", "integer": "a whole number of 0 to 2^63 - 1"}
    return others.get(value["type"], "an object, see [attributes](#attributes)")


def _text_in_words(value: Mapping[str, Any]) -> str:
    if value.get("pattern") == ID_SCHEMA["pattern"]:
        return f"an [id](#ids), at most {LONGEST_ID} characters"
    if value.get("format") == "date-time":
        return "a time as RFC 3339, with an offset"
    is_address = value.get("pattern", "").startswith("^https?://[^\\s/?#]")
    kind = "an http or https address" if is_address else "text"
    return f"{kind}, at most {value['maxLength']:,} characters"


def limits_table() -> str:
    """One row a limit of the API, from the constants that hold it."""
    why, editor = (
        next(fact.max_length for fact in field.metadata if hasattr(fact, "max_length"))
        for field in (Override.model_fields["why"], Pins.model_fields["by"])
    )
    limits = {
        "an id": f"{LONGEST_ID} characters",
        "the body of a request": _bytes(LARGEST_DOCUMENT),
        "a bulk load": f"{_bytes(MOST_LOAD_BYTES)}, {MOST_LINES:,} lines",
        "a line of a bulk load": _bytes(LARGEST_DOCUMENT),
        "levels of JSON": f"{MOST_DEPTH}",
        "commas and opening brackets of JSON, outside of strings": f"fewer than {MOST_MARKS:,}",
        "fields of an article": f"{MOST_FIELDS}",
        "items of a list (`limit`)": f"{LIMITS[-1]}",
        "ids to leave out (`exclude`)": f"{MOST_EXCLUDED}",
        "`language` of a list": f"{LONGEST_LANGUAGES:,} characters",
        "values of another filter": f"{MOST_VALUES}",
        "attributes that a request filters by": f"{MOST_CONDITIONS}",
        "a name of a section, tag or author": f"{LONGEST_NAME} characters",
        "attributes of an article": f"{MOST_ATTRIBUTES}, {MOST_BYTES:,} bytes as JSON",
        "a value of an attribute": f"{LONGEST_TEXT} characters, {MOST_IN_LIST} entries of a list",
        "`heading` of a fragment": f"{LONGEST_HEADING} characters",
        "lists of one request": f"{MOST_LISTS}",
        "pins, blocks of an article": " and ".join(str(MOST_OVERRIDES[kind]) for kind in KINDS),
        "`why` and `by` of pins and blocks": f"{why} and {editor} characters",
        "articles, audit entries of a page": f"{MOST_ON_A_PAGE} and {MOST_ENTRIES:,}",
        "seconds that `wait=visible` waits": f"{WAIT_SECONDS:g}",
    }
    rows = [f"| {what} | {most} |" for what, most in limits.items()]
    return "\n".join(["| what | at most |", "|---|---|", *rows])


def _bytes(count: int) -> str:
    return f"{count // 2**20} MiB"


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "settings": settings_table,
    "policy": policy_table,
    "site rules": rule_table,
    "conditions": condition_table,
    "commands": commands_help,
    "exit codes": exit_codes,
    "fault counts": fault_counts,
    "metrics": metrics_table,
    "article": article_table,
    "limits": limits_table,
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


def stale_style(*, write: bool) -> list[Path]:
    """The copy of the stylesheet that the WordPress plugin ships, if it is not the service's."""
    if PLUGIN_STYLE.read_bytes() == STYLE.read_bytes():
        return []
    if write:
        PLUGIN_STYLE.write_bytes(STYLE.read_bytes())
    return [PLUGIN_STYLE]


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
    pages = stale_pages(write=not checking) + stale_style(write=not checking)
    for page in pages:
        click.echo(f"{page}: {'stale, run: make docs' if checking else 'written'}")
    sys.exit(1 if checking and pages else 0)
