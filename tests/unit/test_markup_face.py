"""What the package imports, and the shape of what goes through the pipes."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recommender.analysis.html
from recommender.analysis.html.frames import HEADER, LONGEST_ANSWER, Answer, length_of, pack
from recommender.analysis.html.limits import LONGEST_TEXT
from recommender.analysis.html.sheet import Block, Line, Sheet, Span

LIGHT = {"recommender", "recommender.errors", "recommender.analysis", "recommender.analysis.html"}
CLEAN = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n"))


def modules_after(program: str) -> set[str]:
    """The modules that an interpreter of its own has after a program."""
    program = f"import json, sys; {program}; print(json.dumps(sorted(sys.modules)))"
    return set(
        json.loads(
            subprocess.check_output([sys.executable, "-I", "-c", program])  # noqa: S603 - our own
        )
    )


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in {"recommender", "index"}}


def test_the_recipe_is_public() -> None:
    assert recommender.analysis.html.__all__ == ["MARKUP_RECIPE"]
    assert recommender.analysis.html.MARKUP_RECIPE == "markup-2"


def test_the_recipe_and_the_reader_need_no_html_parser() -> None:
    modules = modules_after("import recommender.analysis.html.guard")
    assert "lxml" not in modules
    assert ours(modules) == LIGHT | {
        "recommender.analysis.html.frames",
        "recommender.analysis.html.guard",
        "recommender.analysis.html.limits",
    }


def test_the_child_imports_only_what_it_needs() -> None:
    modules = modules_after("import recommender.analysis.html.child")
    assert ours(modules) == LIGHT | {
        f"recommender.analysis.html.{name}"
        for name in (
            *("child", "frames", "furniture", "limits", "notices", "phrases", "sheet", "text"),
            "trimming",
        )
    }
    third = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    unasked = {name for name in third if name.startswith(("_", "cython")) or "editable" in name}
    assert third - unasked == {"lxml", "recommender"}
    assert modules & {"socket", "ssl", "http", "urllib.request", "subprocess", "pickle"} == set()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_a_frame_tells_its_length(payload: bytes) -> None:
    frame = pack(payload)
    assert length_of(frame[:HEADER]) == len(payload)
    assert frame[HEADER:] == payload


@settings(deadline=None)
@given(CLEAN)
def test_an_answer_is_decoded_as_it_was_encoded(text: str) -> None:
    for answer in (Answer(text), Answer(reason=text)):
        assert Answer.decode(answer.encode()) == answer


@pytest.mark.parametrize("mark", ['"', "\\", "\n", "\U0001f680"])
def test_the_longest_text_fits_into_an_answer(mark: str) -> None:
    payload = Answer(mark * LONGEST_TEXT).encode()
    assert len(payload) <= LONGEST_ANSWER
    assert Answer.decode(payload).text == mark * LONGEST_TEXT


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"x", b"{}", b"[]", b"[1, null]", b"[null, null]", b'["a", "b"]', b'"a"', b"\xff"),
        *(b'["a"]', b'["a", null, null]', b'["\\u0000", null]', b'["\\ud800", null]'),
        b'[null, "\\u001b[31mred"]',
        b'["' + b"a" * (LONGEST_TEXT + 1) + b'", null]',
        b"[" * 100_000,
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_nonsense_is_no_answer(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own complaints are among them
        Answer.decode(payload)


def texts(sheet: Sheet) -> list[str]:
    return [block.text for block in sheet.blocks]


def test_a_sheet_keeps_lines_and_paragraphs_apart() -> None:
    sheet = Sheet()
    sheet.write("one ")
    sheet.write(" more")
    sheet.break_line()
    sheet.write("two")
    assert sheet.end_line()
    assert not sheet.end_line()
    sheet.end_paragraph()
    sheet.end_paragraph()
    for cell in (["cell"], [], ["next\ncell"], ["a", "b"]):
        sheet.add_cell(Sheet([Block((Line(text),)) for text in cell]))
    sheet.write("end")
    sheet.end_paragraph()
    assert texts(sheet) == ["one more\ntwo", "cell next cell", "a", "b", "end"]


def test_a_sheet_knows_how_much_of_a_line_is_links() -> None:
    sheet = Sheet()
    sheet.write("see ")
    sheet.write("the ferry", linked=8)
    sheet.end_line()
    sheet.write("all", linked=3)
    sheet.end_paragraph()
    (block,) = sheet.blocks
    assert [line.linked for line in block.lines] == [8, 3]
    assert [line.share for line in block.lines] == [8 / 11, 1]
    assert (block.weight, block.linked) == (14, 11)


def test_a_sheet_tells_which_blocks_one_element_holds() -> None:
    sheet = Sheet()
    for text in ("a", "b", "c"):
        sheet.write(text)
        sheet.end_paragraph()
    sheet.span(1)
    sheet.span(1)
    sheet.span(2)
    cell = Sheet([Block((Line("d"),)), Block((Line("e"),))], [Span(0, 2)])
    sheet.add_cell(cell)
    assert sheet.spans == [Span(1, 3), Span(3, 5)]


def test_the_child_of_pages_alone_imports_what_finds_a_main_text() -> None:
    modules = modules_after(
        "from recommender.analysis.html.child import task_of; task_of(['page'])"
    )
    assert "trafilatura" in modules
    assert "recommender.analysis.html.page" in modules
    assert "trafilatura" not in modules_after("import recommender.analysis.html.webpage")
    assert "lxml" not in modules_after("import recommender.analysis.html.webpage")
