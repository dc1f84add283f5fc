"""XML piece by piece: against the standard library's own tree, and where it is not well-formed."""

from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.sources.xml_elements import (
    NotWellFormed,
    XmlElement,
    read_elements,
    recover_elements,
)


def an_element(
    name: str, attributes: dict[str, str], text: str, inner: list[ET.Element]
) -> ET.Element:
    made = ET.Element(name, attributes)
    made.text = text
    made.extend(inner)
    return made


TEXTS = st.text("ab&<>\"' \n\té中", max_size=8)
NAMES = st.sampled_from(["title", "x"])
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=2)
INNER = st.recursive(
    st.builds(an_element, NAMES, ATTRIBUTES, TEXTS, st.just([])),
    lambda inner: st.builds(an_element, NAMES, ATTRIBUTES, TEXTS, st.lists(inner, max_size=3)),
    max_leaves=8,
)
ITEMS = st.builds(
    an_element, st.sampled_from(["item", "title"]), ATTRIBUTES, TEXTS, st.lists(INNER, max_size=3)
)


def read(document: bytes, depth: int = 2) -> list[XmlElement]:
    return list(read_elements(BytesIO(document), lambda _: None, depth=depth))


def as_tree(element: XmlElement) -> tuple[object, ...]:
    inner = tuple(as_tree(child) for child in element.children)
    return element.name, element.attributes, element.text, inner


def tree_of(node: ET.Element) -> tuple[object, ...]:
    text = "".join([node.text or "", *(child.tail or "" for child in node)])
    return node.tag, dict(node.attrib), text, tuple(tree_of(child) for child in node)


@given(st.lists(ITEMS, max_size=4))
def test_elements_are_those_of_a_whole_tree(items: list[ET.Element]) -> None:
    root = an_element("rss", {}, "", [an_element("channel", {}, "", items)])
    document = ET.tostring(root, "utf-8")
    oracle = [tree_of(node) for node in ET.fromstring(document)[0]]  # noqa: S314 - our own
    assert [as_tree(element) for element in read(document)] == oracle
    assert [as_tree(element) for element in recover_elements(document)] == oracle


def test_namespaces_are_given_by_their_address() -> None:
    (element,) = read(b"<a xmlns:x='urn:x'><b><x:c y='1'/></b></a>")
    assert (element.name, element.space, element.attributes) == ("c", "urn:x", {"y": "1"})


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (b"", 1),
        (b"text", 1),
        (b"\n\n<a>\n<b>\n<c>\n</b>", 6),
        (b"<a><b>\n&nbsp;", 2),
        (b"<a><b>\n<x:c/>", 2),
        (b"<a><b>\xff", 1),
    ],
)
def test_a_fault_has_its_line(document: bytes, line: int) -> None:
    with pytest.raises(NotWellFormed) as fault:
        read(document)
    assert fault.value.line == line


def test_elements_before_a_fault_are_given_first() -> None:
    elements = read_elements(BytesIO(b"<a><b><c/><d/></a>"), lambda _: None)
    assert [next(elements).name, next(elements).name] == ["c", "d"]
    with pytest.raises(NotWellFormed):
        next(elements)


def test_elements_recovered_by_lxml_have_their_lines_and_namespaces() -> None:
    document = (
        b"\n<?xml version='1.0'?>\n<rss xmlns:w='urn:w'\n><channel><w:t>x</w:t>\n<item><w:a>1"
        b"</w:a><no:a>\0&#8;2</no:a> &amp; more</item>junk & junk\n<item><a>3"
    )
    assert [
        (one.name, one.line, one.text, [(c.name, c.space, c.text) for c in one.children])
        for one in recover_elements(document)
    ] == [
        ("t", 4, "x", []),
        ("item", 5, " & more", [("a", "urn:w", "1"), ("a", "no", "2")]),
        ("item", 6, "", [("a", "", "3")]),
    ]


@pytest.mark.parametrize("document", [b"", b"text", b"<", b"<!DOCTYPE x [<!ENTITY a 'b'>]>"])
def test_nothing_is_recovered_from_what_has_no_elements(document: bytes) -> None:
    assert recover_elements(document) == []


def test_any_depth_is_read_and_eight_levels_are_kept() -> None:
    (element,) = read(b"<a><b>" + b"<c>" * 3_000 + b"</c>" * 3_000 + b"</b></a>")
    levels = 0
    while element.children:
        (element,) = element.children
        levels += 1
    assert levels == 8
