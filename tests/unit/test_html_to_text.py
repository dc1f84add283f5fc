"""An article's HTML as the text that a reader sees, and its links."""

import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recommender.analysis.html.blocks import Block, Layout, Span, TextLine
from recommender.analysis.html.html_to_text import html_to_links, html_to_text
from recommender.analysis.html.sandbox import TEXT
from recommender.errors import UnreadableMarkup

STORY = "<p>The ferry was late again.</p><p>Nobody on the quay knew why, or said so.</p>"
READ = "The ferry was late again.\n\nNobody on the quay knew why, or said so."
LINK = "<li><a href=x>Another story with a rather long headline</a></li>"
TAGS = """
p div b i br a table tr td li ul h2 blockquote pre script style nav aside !-- /p /div
""".split()  # noqa: SIM905 - a list to read
MARKS = [*(f"<{tag}>" for tag in TAGS), "<p class=share>", "<", ">", "&", "&amp;", "-->"]
MARKUP = st.lists(st.sampled_from(MARKS) | st.text(max_size=8), max_size=40).map("".join)
WORDS = st.text("abc éжש中ก", min_size=1, max_size=20).filter(str.strip)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        # Paragraphs.
        ("", ""),
        (" \n ", ""),
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("<p>One.\n<p>Two.", "One.\n\nTwo."),
        ("<p>One.</p>and<p>two</p>three", "One.\n\nand\n\ntwo\n\nthree"),
        ("<div><div>One</div><div>two</div></div>", "One\n\ntwo"),
        ("<h2>Head</h2>Text<hr>more", "Head\n\nText\n\nmore"),
        ("<p></p><p> &nbsp; </p><p>Only.</p>", "Only."),
        ("He said:<blockquote>No.</blockquote>And left.", "He said:\n\nNo.\n\nAnd left."),
        ("<ul><li>One<li>two<ol><li>three</ol></ul>", "One\n\ntwo\n\nthree"),
        ("<dl><dt>Term<dd>Meaning</dl>", "Term\n\nMeaning"),
        ("<section><header>H</header><article>A</article></section>", "H\n\nA"),
        # Words.
        ("in<b>sepa</b>rable <i>and</i> <a href='/x'>linked</a>.", "inseparable and linked."),
        ("wo<!-- note -->rd, Bundes&shy;rat, long<wbr>word", "word, Bundesrat, longword"),
        ("<p>so \t\n many&nbsp;&nbsp; spaces\u3000here</p>", "so many spaces here"),
        ("H<sub>2</sub>O <del>old</del> <custom-tag>new</custom-tag>", "H2O old new"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字</ruby>", "漢字"),
        # Lines.
        ("<p>One<br>two<br/>three</p>", "One\ntwo\nthree"),
        ("One<br><br>two<br> <br>\n<br>three<br>", "One\n\ntwo\n\nthree"),
        ("<pre>One  line\n  two\n\nthree</pre>", "One line\ntwo\n\nthree"),
        # Tables.
        (
            "<table><tr><th>City</th><th>Rain</th></tr><tr><td>Bergen<td>2250 mm</table>",
            "City Rain\nBergen 2250 mm",
        ),
        (
            "<p>A<table><thead><tr><td><p>x</p></td><td>y<br>z</td></tr></thead></table>B",
            "A\n\nx y z\n\nB",
        ),
        (f"<table><tr><td>{STORY}</td><td>Side</td></tr></table>", f"{READ}\n\nSide"),
        # Entities.
        ("&lt;b&gt; &amp;amp; &#8364;&#x20AC; &hellip; &copy", "<b> &amp; €€ … ©"),
        ("AT&T, Q&A &unknown; &", "AT&T, Q&A &unknown; &"),
        # Characters that nobody sees.
        ("a\x00b\x01c&#1;d\x7fe\ufefff", "abcdef"),
        ("\ufeff<p>x</p>", "x"),
        ("a\ud800b", "ab"),
        # Whole pages, fragments, plain text.
        (f"<!DOCTYPE html><head><title>T</title><meta charset=latin1><body>{STORY}", READ),
        (f"<html lang=en><body class=share>{STORY}</body></html>", READ),
        (f"{STORY}</body></html><p>After.", f"{READ}\n\nAfter."),
        ("<?xml version='1.0' encoding='latin1'?><p>é</p>", "é"),
        ("<li>loose</li><td>cell</td></div>end", "loose\n\ncell end"),
        ("1 < 2, a <b, x<y & I <3 you", "1 < 2, a <b, x<y & I <3 you"),
        ("<p>1 < 2 and <3</p>", "1 < 2 and <3"),
        ("First line\nsame.\n\nSecond.\r\n \r\nThird.", "First line same.\n\nSecond.\n\nThird."),
        ("<h2>H</h2>\n\nOne <em>x</em>\n\n<b>Two</b> y", "H\n\nOne x\n\nTwo y"),
        ("<p>One\n\nstill one</p>", "One still one"),
        # A list of links is the article only if there is nothing else.
        (f"<p>A brief.</p><ul class=related-posts>{LINK * 9}</ul>", "A brief."),
        ("<div class=social><a href=x>Our ten best</a></div>", "Our ten best"),
        # Scripts of the world, as they are given.
        ("<p>Съе\u0301шь <b>ё</b>лку</p>", "Съе\u0301шь ёлку"),
        ("<p dir=rtl>می\u200cخواهم \u200f(שלום)\u202b</p>", "می\u200cخواهم \u200f(שלום)\u202b"),  # noqa: RUF001
        ("<p>今天<b>新闻</b>。</p><p>ก\u0e33\u200bลัง</p>", "今天新闻。\n\nก\u0e33\u200bลัง"),
        ("<p>\U0001f469\u200d\U0001f680</p>", "\U0001f469\u200d\U0001f680"),
    ],
)
def test_html_reads_as_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


UNSEEN_ELEMENTS = [
    *("noscript", "template", "iframe", "button", "video", "nav", "aside", "footer", "style"),
    *("script", "SCRIPT"),
]
UNSEEN_ATTRIBUTES = [
    *("role=navigation", "hidden", "aria-hidden=true", "style='color: red; DISPLAY : none'"),
    *("class=wp-caption-text", "class='sharedaddy sd-sharing-enabled'", "class=article__share"),
    *("class='addtoany_share_save_container addtoany_content'", "class='yarpp yarpp-related'"),
    *("class='Social-Share-Buttons'", "class=td-related-articles-box", "id=jp-relatedposts"),
]


@pytest.mark.parametrize(
    "unseen",
    [
        *(f"<{name}><p>no</p></{name}>" for name in UNSEEN_ELEMENTS),
        *(f"<div {attribute}><p>no</p></div>" for attribute in UNSEEN_ATTRIBUTES),
        *("<!-- no --><!-- <p>no</p> -->", "<![CDATA[no]]>", "<?php no ?>"),
        "<svg><title>no</title><text>no</text></svg>",
        "<form><input value=no><label>no</label><textarea>no</textarea></form>",
        "<select><option>no</select>",
        "<figure><img alt=no><figcaption>no</figcaption></figure>",
    ],
)
def test_boilerplate_is_left_out(unseen: str) -> None:
    assert html_to_text(f"{STORY}{unseen}<p>The end.</p>") == f"{READ}\n\nThe end."


@pytest.mark.parametrize(
    "opening",
    [
        *("<div class=market-share-table>", "<div class='category-social tag-related'>"),
        *("<div class=shared-housing id=socialist>", "<div role=presentation>", "<figure>"),
        *("<p style='display: block'>", "<p aria-hidden=false>"),
        "<blockquote class=twitter-tweet>",
    ],
)
def test_text_that_only_resembles_boilerplate_stays(opening: str) -> None:
    assert html_to_text(f"{STORY}{opening}Kept.") == f"{READ}\n\nKept."


@pytest.mark.parametrize(
    "opening",
    [
        *("<div class=share>", "<form>", "<aside>", "<div hidden>"),
        "<div id=related><div class=social>",
    ],
)
def test_a_wrapper_keeps_its_text_whatever_it_is_called(opening: str) -> None:
    assert html_to_text(f"{opening}{STORY}") == READ
    assert html_to_text(f"<p>By X</p>{opening}{STORY}") == f"By X\n\n{READ}"


def test_nesting_is_read_as_deep_as_the_parser_goes() -> None:
    assert html_to_text("<div>" * 250 + "deep") == "deep"
    assert html_to_text("<pre>" * 250 + "deep") == "deep"
    assert html_to_text("<table><tr><td>" * 80 + "deep") == "deep"


@pytest.mark.parametrize("before", ["", "</i>" * 1_000])
def test_deeper_nesting_is_refused_and_never_cut_silently(before: str) -> None:
    with pytest.raises(UnreadableMarkup, match="nested deeper than 255 elements"):
        html_to_text(f"<p>One{before}{'<div>' * 300}two")


def test_a_text_may_be_as_long_as_a_body_and_no_longer() -> None:
    assert len(html_to_text("<p>" + "x" * TEXT.longest_text)) == TEXT.longest_text
    with pytest.raises(UnreadableMarkup, match="longer than 1000000 characters"):
        html_to_text("<p>" + "x" * (TEXT.longest_text + 1))


@given(st.text() | MARKUP)
def test_any_text_is_read_and_comes_out_tidy(html: str) -> None:
    text = html_to_text(html)
    assert [mark for mark in text if unicodedata.category(mark) == "Cc" and mark != "\n"] == []
    assert re.search(r"\n{3}|^\s|\s$|  |[^\S\n]\n|\n[^\S\n]", text) is None


@given(MARKUP, MARKUP)
def test_no_script_leaks(before: str, after: str) -> None:
    """A comment or a script that was opened before takes the whole rest with it.

    A tag or a "<?" that is still open swallows the script's own tag, in a browser too: what stands
    in it is then a text that readers see.
    """
    assume("<" not in before.rpartition(">")[2])
    text = html_to_text(f"{before}<script>stolen('cookie')</script>{after}")
    assert "stolen" not in text


@given(st.lists(WORDS, max_size=6))
def test_plain_paragraphs_come_out_as_they_went_in(drawn: list[str]) -> None:
    text = "\n\n".join(" ".join(words.split()) for words in drawn)
    assert html_to_text(text) == text
    marked = "".join(f"<p>{paragraph}</p>\n" for paragraph in text.split("\n\n"))
    assert html_to_text(marked) == text


# Links.


@pytest.mark.parametrize(
    ("html", "links"),
    [
        ("", []),
        ("<p>no link</p>", []),
        ("<p><a href='/a'>one</a> and <A HREF=/b>two</A></p>", ["/a", "/b"]),
        ("<a href='/a'>x</a><a href='/a'>again</a>", ["/a"]),
        ("<a href=' /a\n\t/b '>x</a>", ["/a/b"]),
        ("<a href='/a?x=1&amp;y=2'>x</a>", ["/a?x=1&y=2"]),
        ("<a href=''>x</a><a>y</a><a name=z>z</a>", []),
        ("<a href='/мост'>x</a>", ["/мост"]),
        ("<a href='javascript:alert(1)'>x</a>", ["javascript:alert(1)"]),
        ("<a href='/a\u0085/b\x7f'>x</a>", ["/a /b"]),
        ("<div><ul><li><a href='/deep'>", ["/deep"]),
        ("<!-- <a href='/c'> --><script>'<a href=/d>'</script><a href='/e'>", ["/e"]),
        ("<template><a href='/f'></a></template><noscript><a href='/g'></noscript>", []),
        ("<p title='<a href=/h>'>x</p>", []),
        ("<link href='/i'><img src='/j'><area href='/k'>", []),
        ("href=x", []),
    ],
)
def test_links_come_once_and_in_order(html: str, links: list[str]) -> None:
    assert html_to_links(html).splitlines() == links


def test_too_many_links_are_refused() -> None:
    links = (f"<a href=/{'x' * 1_000}{n}></a>" for n in range(TEXT.longest_text // 1_000))
    with pytest.raises(UnreadableMarkup, match="links are longer"):
        html_to_links("".join(links))


# Blocks.


def test_a_layout_keeps_lines_and_paragraphs_apart() -> None:
    layout = Layout()
    for text in ("one ", " more"):
        layout.write(text)
    layout.break_line()
    layout.write("two")
    assert [layout.end_line(), layout.end_line()] == [True, False]
    layout.end_block()
    layout.end_block()
    for cell in (["cell"], [], ["next\ncell"], ["a", "b"]):
        layout.add_cell(Layout([Block((TextLine(text),)) for text in cell]))
    layout.write("end")
    layout.end_block()
    texts = [block.text for block in layout.blocks]
    assert texts == ["one more\ntwo", "cell next cell", "a", "b", "end"]


def test_a_layout_knows_how_much_of_a_line_is_links() -> None:
    layout = Layout()
    layout.write("see ")
    layout.write("the ferry", linked=8)
    layout.end_line()
    layout.write("all", linked=3)
    layout.end_block()
    (block,) = layout.blocks
    assert [line.linked for line in block.lines] == [8, 3]
    assert [line.linked_share for line in block.lines] == [8 / 11, 1]
    assert (block.length, block.linked) == (14, 11)


def test_a_layout_knows_which_blocks_one_element_holds() -> None:
    layout = Layout()
    for text in ("a", "b", "c"):
        layout.write(text)
        layout.end_block()
    layout.end_span(1)
    layout.end_span(1)
    layout.end_span(2)
    cell = Layout([Block((TextLine("d"),)), Block((TextLine("e"),))], [Span(0, 2)])
    layout.add_cell(cell)
    assert layout.spans == [Span(1, 3), Span(3, 5)]
