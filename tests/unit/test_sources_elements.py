"""XML piece by piece: against the standard library's own tree, and where it is not well-formed."""

from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.sources import mending
from recommender.sources.elements import Element, NotWellFormed, read_elements
from recommender.sources.mending import read_mended

TEXTS = st.text("ab&<>\"' \n\té中", max_size=8)
NAMES = st.sampled_from(["title", "x"])
INNER = st.recursive(
    st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), TEXTS, st.just(())),
    lambda inner: st.tuples(
        NAMES,
        st.dictionaries(NAMES, TEXTS, max_size=2),
        TEXTS,
        st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=8,
)
TREES = st.tuples(
    st.sampled_from(["item", "title"]),
    st.dictionaries(NAMES, TEXTS, max_size=2),
    TEXTS,
    st.lists(INNER, max_size=3).map(tuple),
)


def read(document: bytes, around: int = 2) -> list[Element]:
    return list(read_elements(BytesIO(document), lambda _: None, around=around))


def as_tree(element: Element) -> tuple[object, ...]:
    inner = tuple(as_tree(child) for child in element.children)
    return element.name, element.attributes, element.text, inner


def tree_of(node: ET.Element) -> tuple[object, ...]:
    text = "".join([node.text or "", *(child.tail or "" for child in node)])
    return node.tag, dict(node.attrib), text, tuple(tree_of(child) for child in node)


def build(parent: ET.Element, tree: tuple[str, dict[str, str], str, tuple[object, ...]]) -> None:
    name, attributes, text, inner = tree
    node = ET.SubElement(parent, name, attributes)
    node.text = text
    for child in inner:
        build(node, child)  # type: ignore[arg-type]


@given(st.lists(TREES, max_size=4))
def test_elements_are_those_of_a_whole_tree(
    trees: list[tuple[str, dict[str, str], str, tuple[object, ...]]],
) -> None:
    root = ET.Element("rss")
    channel = ET.SubElement(root, "channel")
    for tree in trees:
        build(channel, tree)
    document = ET.tostring(root, "utf-8")
    oracle = [tree_of(node) for node in ET.fromstring(document)[0]]  # noqa: S314 - our own
    assert [as_tree(element) for element in read(document)] == oracle
    items = [tree for tree in oracle if tree[0] == "item"]
    mended = [as_tree(element) for element in read_mended(BytesIO(document), lambda _: None)]
    assert [tree for tree in mended if tree[0] == "item"] == items


def test_elements_of_the_root_can_be_asked_for() -> None:
    document = b"<urlset><url><loc>a</loc></url>\n<url><loc>b</loc></url></urlset>"
    assert [(one.name, one.children[0].text, one.line) for one in read(document, around=1)] == [
        ("url", "a", 1),
        ("url", "b", 2),
    ]


def test_namespaces_are_told_by_their_address() -> None:
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


def test_what_stands_before_a_fault_is_told_first() -> None:
    elements = read_elements(BytesIO(b"<a><b><c/><d/></a>"), lambda _: None)
    assert [next(elements).name, next(elements).name] == ["c", "d"]
    with pytest.raises(NotWellFormed):
        next(elements)


def test_items_beside_a_broken_one_are_mended_with_their_lines() -> None:
    document = (
        b"<?xml version='1.0'?>\n<rss xmlns:w='urn:w'\n><channel><w:t>x</w:t>\n<item><a>1</item>\n"
        b"<item><w:a>2</w:a></item>junk &\n<item><a>3"
    )
    assert [
        (one.name, one.line, [(c.name, c.space, c.text) for c in one.children])
        for one in read_mended(BytesIO(document), lambda _: None)
    ] == [
        ("t", 3, []),
        ("item", 4, [("a", "", "1")]),
        ("item", 5, [("a", "urn:w", "2")]),
        ("item", 6, [("a", "", "3")]),
    ]


def test_of_a_root_each_mended_item_is_read_with_the_namespaces_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A root of 300,000 bytes before each of 20,000 items would be read for hours."""
    documents: list[bytes] = []

    def read_none(document: bytes, _lines: int) -> Iterator[Element]:
        documents.append(document)
        return iter(())

    monkeypatch.setattr(mending, "_read", read_none)
    root = b"<rss xmlns:w='urn:w' x='%s'\nxmlns\n=\"urn:d\">" % (b"a" * 300_000)
    document = root + b"<channel>" + b"<item><w:a>1</w:a></item>\n" * 2
    assert list(read_mended(BytesIO(document), lambda _: None)) == []
    begin = b"<rss xmlns:w='urn:w' xmlns=\"urn:d\"><channel>"
    assert documents[1:] == [begin + b"<item><w:a>1</w:a></item></channel></rss>"] * 2


def test_a_root_of_many_namespaces_is_cut() -> None:
    spaces = b"".join(b" xmlns:a%d='urn:%d'" % (number, number) for number in range(50))
    document = b"<rss%s><channel><item><a39:x/><a40:x/></item>" % spaces
    (item,) = read_mended(BytesIO(document), lambda _: None)
    assert [(one.space, one.name) for one in item.children] == [("urn:39", "x"), ("a40", "x")]


@given(st.integers(1, 80), st.integers(0, 30))
def test_items_are_found_wherever_a_piece_of_the_file_ends(width: int, blanks: int) -> None:
    text = b"x" * width
    document = (
        b"<rss><channel>\n"
        + b"\n" * blanks
        + b"".join(b"<item>%d%s</item>\n" % (number, text) for number in range(9))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mending, "_PIECE", 50)
        told: list[int] = []
        items = list(read_mended(BytesIO(document), told.append))
    assert [(one.text, one.line) for one in items] == [
        (f"{number}{text.decode()}", number + blanks + 2) for number in range(9)
    ]
    assert sum(told) == len(document)


def test_depth_has_no_end_and_levels_have() -> None:
    (element,) = read(b"<a><b>" + b"<c>" * 3_000 + b"</c>" * 3_000 + b"</b></a>")
    levels = 0
    while element.children:
        (element,) = element.children
        levels += 1
    assert levels == 8
