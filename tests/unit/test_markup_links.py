"""The links of an article: each once, as they stand there, whatever else does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.analysis.html.frames import Answer
from recommender.analysis.html.limits import LONGEST_TEXT
from recommender.analysis.html.text import read_links
from recommender.errors import UnreadableMarkup


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
    assert read_links(html).splitlines() == links


def test_too_many_are_refused() -> None:
    html = "".join(f"<a href=/{'x' * 1_000}{n}>" + "</a>" for n in range(LONGEST_TEXT // 1_000))
    with pytest.raises(UnreadableMarkup, match="links are longer"):
        read_links(html)


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=40))
def test_what_is_read_passes_through_the_pipe(html: str, link: str) -> None:
    read = Answer(read_links(f"{html}<a href='{link}'>x</a>"))
    assert Answer.decode(read.encode()) == read
