"""A policy written by a newsroom is read as written, or refused with the name of the field."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InvalidPolicy
from recommender.ranking.policy import (
    MOST_POLICY_BYTES,
    RELEVANCE_ONLY,
    Policy,
    parse_policy,
    policy_schema,
)
from recommender.ranking.site_rules import Condition

Schema = Mapping[str, Any]
PROPERTIES: dict[str, dict[str, Any]] = policy_schema()["properties"]
NUMBERS = [name for name, one in PROPERTIES.items() if one.get("type") in {"number", "integer"}]
SECTIONS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=300
).map(str.strip)


def floats(schema: Schema) -> st.SearchStrategy[float]:
    """Numbers within the bounds that a field declares."""
    return st.floats(
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
    )


NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "section": st.sampled_from(["news", "news,sport", "-opinion", r"Arts\, Culture"]),
        "tag": NAMES,
        "language": st.sampled_from(["en", "en,ru", "-fr"]),
        "max_age_days": st.floats(0.01, 36_500),
        "min_age_days": st.floats(0.01, 36_500),
    },
)
"""Each is written as a policy is shown."""
ACTIONS: list[dict[str, Any]] = [
    {"action": "never", "items": {"section": "opinion"}},
    {"action": "boost", "by": 0.25},
    {"action": "bury", "by": 1.0, "starts_at": "2026-03-01T09:30:00Z"},
    {"action": "share", "at_least": 2},
    {"action": "share", "at_most": 12, "ends_at": "2026-03-01T09:30:00Z"},
    {"action": "share", "at_least": 3, "at_most": 3},
]
RULES = st.lists(
    st.builds(
        lambda name, action, under, items: (
            {"name": name} | ({"under": under} if under else {})
            | ({"items": items} if items else {}) | action
        ),
        NAMES, st.sampled_from(ACTIONS), CONDITIONS, CONDITIONS,
    ),
    max_size=4,
    unique_by=lambda rule: rule["name"],
)  # fmt: skip


PLAIN = {"null": st.none(), "boolean": st.booleans(), "array": RULES}


def values(schema: Schema) -> st.SearchStrategy[Any]:
    if "anyOf" in schema:
        return st.one_of(*map(values, schema["anyOf"]))
    if schema["type"] in PLAIN:
        return PLAIN[schema["type"]]
    match schema["type"]:
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "number":
            return floats(schema)
        case _:
            each = floats(schema["additionalProperties"])
            return st.dictionaries(SECTIONS.filter(bool), each, max_size=5)


SHARES = ("dense_weight", "passage_weight")
"""The rest to 1 is the weight of words."""


def leaves_words_a_share(document: dict[str, Any]) -> bool:
    return sum(document.get(name) or 0 for name in SHARES) <= 1


DOCUMENTS = st.fixed_dictionaries(
    {}, optional={name: values(schema) for name, schema in PROPERTIES.items()}
).filter(leaves_words_a_share)


def faults_of(document: str | bytes) -> dict[str, str]:
    """By field, the fault in a policy."""
    with pytest.raises(InvalidPolicy) as refused:
        parse_policy(document)
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_an_empty_object_is_the_defaults() -> None:
    assert parse_policy("{}") == Policy()
    assert Policy().to_document() == {}
    assert Policy().to_json() == "{}"


@given(DOCUMENTS)
def test_a_policy_reads_back_as_written(document: dict[str, Any]) -> None:
    policy = parse_policy(json.dumps(document))
    for name, value in document.items():
        assert policy.to_document(full=True)[name] == value
    usual = Policy().to_document(full=True)
    assert policy.to_document() == {k: v for k, v in document.items() if v != usual[k]}
    assert policy.to_document(full=True) == usual | document
    assert parse_policy(policy.to_json()) == policy
    assert parse_policy(json.dumps(policy.to_document(full=True))) == policy


def test_a_whole_number_does_for_one_with_a_fraction() -> None:
    policy = parse_policy('{"threshold": 1, "half_lives": {"sport": 7}}')
    assert policy == Policy(threshold=1.0, half_lives={"sport": 7.0})
    assert policy.to_json() == '{"half_lives": {"sport": 7.0}, "threshold": 1.0}'


def test_a_policy_holds_what_it_was_made_of_and_nothing_later() -> None:
    half_lives = {"sport": 7.0}
    policy = Policy(half_lives=half_lives)
    half_lives["sport"] = 1.0
    assert policy.half_lives == {"sport": 7.0}
    with pytest.raises(TypeError):
        policy.half_lives["sport"] = 2.0  # type: ignore[index]
    assert replace(policy, threshold=0.2).half_lives == {"sport": 7.0}
    assert hash(policy) == hash(replace(policy))


def test_code_may_go_beyond_the_bounds_to_put_a_rule_out_of_force() -> None:
    assert Policy(threshold=2.0, words_threshold=2.0).threshold == 2.0
    beyond = {"/duplicate_overlap", "/story_likeness", "/copy_overlap"}
    assert set(faults_of(RELEVANCE_ONLY.to_json())) == beyond


@pytest.mark.parametrize("name", NUMBERS)
def test_a_value_that_is_no_number_is_named(name: str) -> None:
    for value in ("true", '"0.1"', "null", "[1]", '{"a": 1}'):
        (found,) = faults_of(f'{{"{name}": {value}}}').items()
        assert found[0] == f"/{name}"
        assert "valid" in found[1]
    assert "too large" in faults_of(f'{{"{name}": 1e400}}')[f"/{name}"]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_bounds_are_those_of_the_docs(name: str) -> None:
    schema = PROPERTIES[name]
    for word, step in {"minimum": -1, "maximum": 1}.items():
        outside = f"exclusive{word.capitalize()}"
        assert (word in schema) != (outside in schema)  # every number has bounds
        if word in schema:
            alone = dict.fromkeys(SHARES, 0) | {name: schema[word]}
            assert getattr(parse_policy(json.dumps(alone)), name) == schema[word]
        bound = schema.get(outside, schema.get(word, 0) + step)
        assert set(faults_of(json.dumps({name: bound}))) == {f"/{name}"}


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_within_0_and_1_or_null_for_what_was_measured(name: str) -> None:
    for value in (0.0, 1.0, None):
        assert getattr(parse_policy(json.dumps({name: value})), name) == value
    for text in ("-0.001", "1.001", "true", '"0.5"'):
        assert f"/{name}" in {
            one.rsplit("/float", 1)[0] for one in faults_of(f'{{"{name}": {text}}}')
        }


def test_vectors_and_passages_may_not_take_more_than_there_is() -> None:
    parse_policy('{"dense_weight": 0.75, "passage_weight": 0.25}')
    found = faults_of('{"dense_weight": 0.75, "passage_weight": 0.26}')
    assert found == {"": "dense_weight and passage_weight add up to more than 1"}


def test_every_field_has_a_meaning() -> None:
    assert list(PROPERTIES) == [field.name for field in fields(Policy)]
    assert all(schema["description"] for schema in PROPERTIES.values())


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ("[]", {"": "not a JSON object"}),
        ('"{}"', {"": "not a JSON object"}),
        (b"\xff", {"": "is not UTF-8 at byte 0"}),
        ('{"a":' * 10_000, {"": "is nested deeper than 32 levels"}),
        (" " * MOST_POLICY_BYTES + "{}", {"": f"longer than {MOST_POLICY_BYTES} bytes"}),
        ('{"threshold": 0.1, "threshold": 0.1}', {"/threshold": "is given more than once"}),
        ('{"thresold": 0.1}', {"/thresold": "unknown; did you mean 'threshold'?"}),
        ('{"a/b~": 0.1}', {"/a~1b~0": "unknown"}),
        ('{"candidates": 200.5}', {"/candidates": "Input should be a valid integer"}),
        ('{"fallback": 1}', {"/fallback": "Input should be a valid boolean"}),
        ('{"half_lives": [7]}', {"/half_lives": "Input should be an object"}),
        (
            '{"half_lives": {"a": 0}}',
            {"/half_lives/a": "Input should be greater than or equal to 0.01"},
        ),
        ('{"half_lives": {"a": true}}', {"/half_lives/a": "Input should be a valid number"}),
        ('{"half_lives": {"": 1}}', {"/half_lives/": "String should have at least 1 character"}),
        (
            '{"half_lives": {"[key]": true}}',
            {"/half_lives/[key]": "Input should be a valid number"},
        ),
        (
            '{"half_lives": {" a/b~": 1}}',
            {
                "/half_lives/ a~1b~0": (
                    "must be a section as articles name it, without blanks around it"
                )
            },
        ),
        (
            '{"diversity": 1.1, "age_weight": -0.1}',
            {
                "/diversity": "Input should be less than or equal to 1",
                "/age_weight": "Input should be greater than or equal to 0",
            },
        ),
    ],
)
def test_every_fault_is_named_by_its_field(document: str | bytes, faults: dict[str, str]) -> None:
    assert faults_of(document) == faults


@pytest.mark.parametrize("section", ["", " sport", "sport\\n", "a\\u0000b", "x" * 301, "\\ud800"])
def test_a_section_that_no_article_can_have_is_refused(section: str) -> None:
    assert len(faults_of(f'{{"half_lives": {{"{section}": 7}}}}')) == 1


def test_more_sections_than_a_newsroom_has_are_refused() -> None:
    many = {f"section {number}": 7 for number in range(501)}
    assert list(faults_of(json.dumps({"half_lives": many}))) == ["/half_lives"]


def rule_faults(**fields: Any) -> dict[str, str]:
    """The faults of one rule, by field."""
    rule = {"name": "one", "action": "boost", "by": 0.1} | fields
    found = faults_of(json.dumps({"rules": [{k: v for k, v in rule.items() if v != ""}]}))
    return {pointer.removeprefix("/rules/0"): detail for pointer, detail in found.items()}


PRINTED = "must be characters that can be printed, without blanks around them"
OFFSET = "offset, such as 2026-03-01T09:30:00+05:00"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"by": ""}, {"": "boost takes by"}),
        ({"action": "never"}, {"": "never takes none of by, at_least, at_most"}),
        ({"action": "never", "by": ""}, {"": "never needs items, or every list would be empty"}),
        ({"action": "share"}, {"": "share takes at_least or at_most"}),
        ({"action": "share", "by": ""}, {"": "share takes at_least or at_most"}),
        (
            {"action": "share", "by": "", "at_least": 3, "at_most": 2},
            {"": "at_least is more than at_most"},
        ),
        (
            {"action": "share", "by": "", "at_least": 0},
            {"/at_least": "Input should be greater than or equal to 1"},
        ),
        ({"action": "hide"}, {"/action": "Input should be 'never', 'boost', 'bury' or 'share'"}),
        ({"by": 1.01}, {"/by": "Input should be less than or equal to 1"}),
        ({"name": ""}, {"/name": "Field required"}),
        ({"name": " a"}, {"/name": PRINTED}),
        ({"name": "a\nb"}, {"/name": PRINTED}),
        ({"item": {}}, {"/item": "unknown; did you mean 'items'?"}),
        ({"items": {"sectoin": "a"}}, {"/items/sectoin": "unknown; did you mean 'section'?"}),
        ({"items": []}, {"/items": "not a JSON object"}),
        (
            {"under": {"section": "a,,b", "language": "english!"}},
            {
                "/under/section": "must have values of 1 to 300 characters, joined by commas",
                "/under/language": "must be any, or BCP-47 tags joined by commas, such as en,ru or "
                "-fr",
            },
        ),
        ({"ends_at": "2026-03-01"}, {"/ends_at": f"must be an RFC 3339 time with an {OFFSET}"}),
        (
            {"starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z"},
            {"": "ends_at must be later than starts_at"},
        ),
    ],
)  # fmt: skip
def test_a_rule_that_says_too_little_or_too_much_is_refused(
    fields: dict[str, Any], faults: dict[str, str]
) -> None:
    assert rule_faults(**fields) == faults


def test_rules_have_names_of_their_own_and_are_not_too_many() -> None:
    rules = [{"name": f"rule {at % 50}", "action": "boost", "by": 0.1} for at in range(51)]
    assert faults_of(json.dumps({"rules": rules[:51]}))["/rules"].startswith("Tuple should have")
    assert faults_of(json.dumps({"rules": [rules[0], rules[50]]})) == {
        "/rules": "two rules have the name 'rule 0'"
    }


def test_the_values_of_a_condition_may_stand_in_a_list() -> None:
    rule = {"name": "one", "action": "never", "items": {"section": ["Arts, Culture", "-news"]}}
    policy = parse_policy(json.dumps({"rules": [rule]}))
    assert policy.rules[0].items == Condition(section=r"Arts\, Culture,-news")
    assert parse_policy(policy.to_json()) == policy


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse_policy(b'\xef\xbb\xbf{"threshold": 0.2}') == Policy(threshold=0.2)
