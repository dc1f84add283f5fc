"""The ranking policy as a newsroom writes it: a JSON object of what differs from the defaults."""

import json
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from recommender.errors import FieldFault, InvalidPolicy
from recommender.ranking.policy import Policy

__all__ = ["MOST_BYTES", "parse_policy", "policy_schema"]

MOST_BYTES: Final = 2**20
"""A document that is longer is none."""
_DOCUMENTS: Final = TypeAdapter(Policy)


def parse_policy(document: str | bytes) -> Policy:
    """Read a policy; of the object `{}` it is the defaults.

    Raises:
        InvalidPolicy: not JSON, or fields are unknown, given twice, of another type or out of
            their bounds; each is named.
    """
    try:
        found = _read(document)
        # By way of JSON text: only there is an object a policy, and nothing converted.
        policy = _DOCUMENTS.validate_json(json.dumps(found))
        _check_shares(policy)
        return policy  # noqa: TRY300 - what is refused is refused above
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)
        faults = tuple(map(_fault, told))
    except (ValueError, RecursionError) as error:
        faults = (FieldFault("", _plainly(error)),)
    raise InvalidPolicy("the policy is not acceptable", faults)


def _check_shares(policy: Policy) -> None:
    """Words have what vectors and passages leave, which must not be less than nothing."""
    if policy.dense_weight + policy.passage_weight > 1:
        raise ValueError("dense_weight and passage_weight add up to more than 1")


def policy_schema() -> dict[str, Any]:
    """The JSON schema of a document: of each field its meaning, default and bounds."""
    return _DOCUMENTS.json_schema()


def _read(document: str | bytes) -> object:
    """What a text holds, if it says everything once."""
    if len(document) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES} bytes")
    text = document if isinstance(document, str) else document.decode("utf-8-sig")
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted(name for name in found if names.count(name) > 1)
        raise ValueError(f"given more than once: {', '.join(map(repr, twice))}")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _plainly(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"not JSON: {error}"
        case UnicodeDecodeError():
            return "not UTF-8"
        case RecursionError():
            return "nested too deeply"
        case _:
            return str(error)


def _fault(told: ErrorDetails) -> FieldFault:
    """One fault, at the name that was given, as a JSON pointer."""
    match told["loc"]:
        case (field, name, "[key]"):  # the name is at fault; a pointer leads to what it names
            places: tuple[int | str, ...] = (field, name)
        case places:
            pass
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in places]
    match told["type"]:
        case "dataclass_type":
            detail = "no JSON object"
        case "unexpected_keyword_argument":
            near = get_close_matches(steps[-1], [each.name for each in fields(Policy)], 1)
            detail = f"unknown; did you mean {near[0]!r}?" if near else "unknown"
        case _:
            detail = told["msg"].removeprefix("Value error, ")
    return FieldFault("".join(f"/{step}" for step in steps), detail)
