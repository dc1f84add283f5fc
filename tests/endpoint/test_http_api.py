"""The lists that docs/http-api.md shows are those of the demonstration's archive."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

API = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\S+) -->\n```json\n(.*?)```", API, re.DOTALL))
VARYING = "generation"
TOLERANCE = 0.005
"""Between machines; new weights would change a number more."""


def compare(shown: Any, real: Any) -> None:
    """All shown values are in the answer; lists may be shortened, texts end with an ellipsis."""
    match shown:
        case dict():
            assert shown.keys() == real.keys()
            for name in shown.keys() - {VARYING}:
                compare(shown[name], real[name])
        case list():
            for member in shown:
                compare(member, next(one for one in real if name_of(one) == name_of(member)))
        case float():
            assert real == pytest.approx(shown, abs=TOLERANCE)
        case str() if shown.endswith("…"):
            assert real.startswith(shown[:-1])
        case _:
            assert real == shown


def name_of(member: Any) -> str:
    """The key of a member of a list: itself, or the beginning of its first text."""
    text = next(iter(member.values())) if isinstance(member, dict) else member
    return str(text)[:40]


@pytest.mark.parametrize("query", EXAMPLES)
def test_a_list_is_answered_as_it_is_shown(sample_client: FlaskClient, query: str) -> None:
    shown = json.loads(EXAMPLES[query])
    answer = sample_client.get(f"/v1/articles/{shown['article_id']}/related?{query}")
    compare(shown, answer.get_json())


def test_a_list_is_shown_plain_and_explained() -> None:
    assert list(EXAMPLES) == ["limit=1", "explain=all"]
