"""The imports of the package, and the format of messages in the pipes."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.html.sandbox import HEADER, TEXT, Reply, length_of, pack

LIGHT = {
    *("recommender", "recommender.errors", "recommender.id_grammar"),
    *("recommender.analysis", "recommender.analysis.html"),
}
CLEAN = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n"))


def modules_after(program: str) -> set[str]:
    """The modules that a new interpreter has loaded after a program."""
    program = f"import json, sys; {program}; print(json.dumps(sorted(sys.modules)))"
    return set(
        json.loads(
            subprocess.check_output([sys.executable, "-I", "-c", program])  # noqa: S603 - our own
        )
    )


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in {"recommender", "index"}}


def test_a_parent_needs_no_parser() -> None:
    modules = modules_after("import recommender.analysis.html.web_page")
    assert modules & {"lxml", "trafilatura", "feedparser"} == set()
    assert ours(modules) == LIGHT | {
        "recommender.analysis.html.web_page",
        "recommender.analysis.html.sandbox",
    }


@pytest.mark.parametrize(
    ("task", "needed", "parsers"),
    [
        ("TEXT", {"html_to_text", "boilerplate", "boilerplate_phrases", "shortcodes"}, {"lxml"}),
        ("FEED", {"feed_document"}, {"feedparser", "feedparser_sgmllib"}),
    ],
)
def test_a_child_imports_only_what_its_task_needs(
    task: str, needed: set[str], parsers: set[str]
) -> None:
    modules = modules_after(
        "from recommender.analysis.html import sandbox, sandbox_child; "
        f"sandbox_child.load_function(sandbox.{task})"
    )
    assert ours(modules) - {"recommender.characters"} == LIGHT | {
        f"recommender.analysis.html.{name}"
        for name in ("blocks", "sandbox", "sandbox_child", *needed)
    }
    third = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    unasked = {name for name in third if name.startswith(("_", "cython")) or "editable" in name}
    assert third - unasked == {*parsers, "recommender"}
    assert task == "FEED" or modules & {"socket", "ssl", "http", "urllib.request"} == set()


@given(st.binary(max_size=300))
def test_a_frame_has_its_length(payload: bytes) -> None:
    frame = pack(payload)
    assert length_of(frame[:HEADER]) == len(payload)
    assert frame[HEADER:] == payload


@given(CLEAN)
def test_a_reply_is_decoded_as_it_was_encoded(text: str) -> None:
    for reply in (Reply(text), Reply(reason=text)):
        assert Reply.decode(reply.encode(), TEXT.longest_text) == reply


@pytest.mark.parametrize("mark", ['"', "\\", "\n", "\U0001f680"])
def test_the_longest_text_fits_into_a_reply(mark: str) -> None:
    payload = Reply(mark * TEXT.longest_text).encode()
    assert len(payload) <= 4 * TEXT.longest_text + 1_024
    assert Reply.decode(payload, TEXT.longest_text).text == mark * TEXT.longest_text


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"x", b"{}", b"[]", b"[1, null]", b"[null, null]", b'["a", "b"]', b'"a"', b"\xff"),
        *(b'["a"]', b'["a", null, null]', b'["\\u0000", null]', b'["\\ud800", null]'),
        b'[null, "\\u001b[31mred"]',
        b'["' + b"a" * (TEXT.longest_text + 1) + b'", null]',
        b"[" * 100_000,
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_nonsense_is_no_reply(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own complaints are among them
        Reply.decode(payload, TEXT.longest_text)
