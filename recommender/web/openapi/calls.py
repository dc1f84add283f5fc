"""Example calls of an operation: what one types or writes to make it."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from recommender.web.openapi.examples import EDITOR, OTHER, QUERIES, SEED, examples_of
from recommender.web.openapi.schemas import Document

__all__ = ["ExampleCall", "example_calls"]

PYTHON: Final = """\
import os
from read_also_client import Client

with Client(os.environ["READ_ALSO_URL"], key=os.environ["READ_ALSO_KEY"]) as api:
    {lines}"""
IN_CLIENT: Final = {
    "putArticle": "print(api.put({ARTICLE}, wait=True))",
    "patchArticle": "print(api.patch({ID}, {BODY}))",
    "getArticle": "print(api.get({ID}))",
    "deleteArticle": "print(api.delete({ID}))",
    "listArticles": "for article in api.articles():\n    print(article.id, article.title)",
    "listArticleIds": 'print(list(api.article_ids(prefix="wp:news.example:")))',
    "bulkWrite": "for item in api.bulk({BODY}):\n    print(item.id, item.status)",
    "listRelated": (
        'for item in api.related({ID}, limit=6, language="any").items:\n'
        "    print(item.score, item.title)"
    ),
    "listRelatedHtml": 'print(api.related_html({ID}, limit=6, heading="Read also"))',
    "listRelatedForDraft": "print(api.related_for_draft({BODY}).items)",
    "listAppearances": "print(api.appears_in({ID}).appears_in)",
    "getPins": "print(api.pins({ID}).pins)",
    "putPins": "print(api.set_pins({ID}, [{OTHER}], by={EDITOR}, wait=True))",
    "deletePins": "print(api.remove_pins({ID}))",
    "getBlocks": "print(api.blocks({ID}).blocks)",
    "putBlocks": "print(api.set_blocks({ID}, [{OTHER}], by={EDITOR}, wait=True))",
    "deleteBlocks": "print(api.remove_blocks({ID}))",
    "getNever": "print(api.never({ID}).decision)",
    "putNever": 'print(api.set_never({ID}, why="the lawyers look at it", by={EDITOR}))',
    "deleteNever": "print(api.remove_never({ID}))",
    "getNoList": "print(api.no_list({ID}).decision)",
    "putNoList": 'print(api.set_no_list({ID}, why="an obituary", by={EDITOR}))',
    "deleteNoList": "print(api.remove_no_list({ID}))",
    "getReadiness": "print(api.readyz())",
    "listAuditEntries": "for entry in api.audit():\n    print(entry.at, entry.actor, entry.action)",
}
"""By operation, how the Python client makes it."""
PLAIN_PYTHON: Final = """\
import os
import httpx

answer = httpx.{verb}(
    {arguments},
)
answer.raise_for_status()
print(answer.{read})"""
PYTHON_KEY: Final = """headers={"Authorization": "Bearer " + os.environ["READ_ALSO_KEY"]}"""
PYTHON_WORDS: Final = {"null": "None", "true": "True", "false": "False"}
_JSON_WORD: Final = re.compile(r"(?<=: )(null|true|false)(?=,?$)", re.MULTILINE)
JAVASCRIPT: Final = """\
const {{ READ_ALSO_URL, READ_ALSO_KEY }} = process.env;
const answer = await fetch(`${{READ_ALSO_URL}}{target}`{options});
if (!answer.ok) throw new Error(await answer.text());
console.log(await answer.{read});"""
JAVASCRIPT_KEY: Final = "Authorization: `Bearer ${READ_ALSO_KEY}`"


@dataclass(frozen=True, slots=True)
class ExampleCall:
    """A call in one language.

    Attributes:
        language: `curl`, `Python` or `JavaScript`.
        text: the whole program; the environment names the service and the key.
    """

    language: str
    text: str


def example_calls(method: str, path: str, operation: Document) -> tuple[ExampleCall, ...]:
    """The same call in each language, with the example's body and parameters."""
    call = _Call(method.upper(), _target(path, operation["operationId"]), operation)
    return (
        ExampleCall("curl", call.in_curl()),
        ExampleCall("Python", call.in_python()),
        ExampleCall("JavaScript", call.in_javascript()),
    )


def _target(path: str, operation: str) -> str:
    (article_id,) = examples_of("query", "article_id")
    query = urlencode(QUERIES.get(operation, {}), quote_via=quote)
    return path.replace("{article_id}", article_id) + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    target: str
    operation: Document

    @property
    def has_key(self) -> bool:
        return bool(self.operation["security"])

    @property
    def media(self) -> str | None:
        """The media type of the body; None for none."""
        return next(iter(self.operation.get("requestBody", {}).get("content", ())), None)

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        return self.operation["requestBody"]["content"][self.media]["example"]

    @property
    def answers_json(self) -> bool:
        """Whether the first good answer is JSON."""
        good = next(one for status, one in self.operation["responses"].items() if status < "300")
        return "application/json" in good.get("content", ())

    def in_curl(self) -> str:
        parts = ["" if self.method == "GET" else f"-X {self.method} "]
        parts[0] = f'curl -f {parts[0]}"$READ_ALSO_URL{self.target}"'
        if self.has_key:
            parts.append('-H "Authorization: Bearer $READ_ALSO_KEY"')
        if self.media:
            parts.append(f"-H {shlex.quote(f'Content-Type: {self.media}')}")
            parts.append(f"-d {shlex.quote(json.dumps(self.body, indent=2, ensure_ascii=False))}")
        return " \\\n  ".join(parts)

    def in_python(self) -> str:
        """With the Python client, where it has a method for the operation; else with httpx."""
        lines = IN_CLIENT.get(self.operation["operationId"])
        if lines is None:
            return self._in_plain_python()
        values = {"ID": SEED, "OTHER": OTHER, "EDITOR": EDITOR}
        for name, value in values.items():
            lines = lines.replace(f"{{{name}}}", f'"{value}"')
        if "{ARTICLE}" in lines:
            lines = lines.replace("{ARTICLE}", _in_python({"id": SEED} | self.body))
        if "{BODY}" in lines:
            lines = lines.replace("{BODY}", _in_python(self.body))
        return PYTHON.format(lines=lines.replace("\n", "\n    "))

    def _in_plain_python(self) -> str:
        arguments = [f'os.environ["READ_ALSO_URL"] + "{self.target}"']
        arguments += [PYTHON_KEY] if self.has_key else []
        if self.media:
            arguments.append(f"json={_in_python(self.body)}".replace("\n", "\n    "))
        arguments.append("timeout=30")
        return PLAIN_PYTHON.format(
            verb=self.method.lower(),
            arguments=",\n    ".join(arguments),
            read="json()" if self.answers_json else "text",
        )

    def in_javascript(self) -> str:
        options = ",\n  ".join(self._javascript_options())
        return JAVASCRIPT.format(
            target=self.target,
            options=f", {{\n  {options},\n}}" if options else "",
            read="json()" if self.answers_json else "text()",
        )

    def _javascript_options(self) -> Iterator[str]:
        if self.method != "GET":
            yield f'method: "{self.method}"'
        headers = [JAVASCRIPT_KEY] if self.has_key else []
        headers += [f'"Content-Type": "{self.media}"'] if self.media else []
        if headers:
            yield f"headers: {{ {', '.join(headers)} }}"
        if self.media:
            yield f"body: JSON.stringify({self._written()})"

    def _written(self) -> str:
        """The body as JSON, after a line that is indented."""
        return json.dumps(self.body, indent=2, ensure_ascii=False).replace("\n", "\n  ")


def _in_python(value: object) -> str:
    """A value of JSON as Python writes it."""
    text = json.dumps(value, indent=4, ensure_ascii=False)
    return _JSON_WORD.sub(lambda word: PYTHON_WORDS[word[0]], text)
