"""Text that is no part of a story is removed; text that only looks like it stays."""
# ruff: noqa: RUF001 - phrases of many scripts

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.html.blocks import Block, Layout, Span, TextLine
from recommender.analysis.html.boilerplate import remove_boilerplate
from recommender.analysis.html.html_to_text import html_to_text

STORY = "<p>The ferry was late again.</p><p>Nobody on the quay knew why, or said so.</p>"
READ = "The ferry was late again.\n\nNobody on the quay knew why, or said so."
END = "<p>The end.</p>"
LINK = "<a href=/x>The harbour opens a second quay</a>"
LINKS = f"<ul><li>{LINK}</li><li><a href=/y>Fog closes the northern strait</a></li></ul>"
LEAD_INS = [
    *("Read also", "READ MORE", "See also", "You may also like", "Related articles"),
    *("Читайте также", "ЧИТАТЬ ТАКЖЕ", "Материалы по теме", "Вам может быть интересно"),
    *("Ҳамчунин хонед", "Инчунин хонед", "Боз хонед", "Читайте також", "Чытайце таксама"),
    *("Сондай-ақ оқыңыз", "Дагы окуңуз", "Шунингдек ўқинг", "Shuningdek o'qing"),
    *("İlginizi çekebilir", "Həmçinin oxuyun", "همچنین بخوانید", "اقرأ أيضا", "קראו גם"),
    *("Lire aussi", "À lire aussi", "Lesen Sie auch", "Siehe auch", "Mehr zum Thema"),
    *("Lea también", "Te puede interesar", "Leia também", "Leggi anche", "Lees ook"),
    *("Czytaj także", "Zobacz też", "Čtěte také", "Prečítajte si aj", "Pročitajte i"),
    *("Прочетете още", "Citește și", "Kapcsolódó cikkek", "Διαβάστε επίσης", "Läs också"),
    *("Læs også", "Les også", "Lue myös", "Loe ka", "Lasi arī", "Taip pat skaitykite"),
    *("Կարդացեք նաև", "यह भी पढ़ें", "আরও পড়ুন", "相关阅读", "延伸閱讀", "関連記事", "관련 기사"),
    *("อ่านเพิ่มเติม", "Xem thêm", "Baca juga", "Soma pia"),
]


@pytest.mark.parametrize(
    "box",
    [
        "<h3>{0}</h3>{1}",
        "<p><strong>{0}:</strong></p>{1}",
        "<p>► {0}: {2}</p>",
        "<p>{0}<br>{2}<br>{2}</p>",
        "<p><a href=/x>{0}: The harbour opens a second quay</a></p>",
        "<blockquote><p>{0}:</p>{1}</blockquote>",
        "<div><b>{0}</b><div>{2}<p>Work begins in May.</p></div></div>",
    ],
    ids=["heading", "bold", "line", "lines", "link", "quotation", "cards"],
)
def test_a_read_also_block_is_removed_in_many_languages(box: str) -> None:
    marked = {one: f"{STORY}{box.format(one, LINKS, LINK)}{END}" for one in LEAD_INS}
    assert {one: html_to_text(text) for one, text in marked.items()} == dict.fromkeys(
        LEAD_INS, f"{READ}\n\nThe end."
    )


@pytest.mark.parametrize(
    "aside",
    [
        f"<h2>Latest news</h2>{LINKS}",
        f"<h4>More from this section</h4><p>{LINK}</p>",
        f"<p>Related: {LINK}</p>",
        "<p>Read also: The harbour opens a second quay</p>",
        "<p>Read also</p>",
        f"<h3>Read also</h3><ul><li>{LINK} (12 May)</li><li>{LINK} (1 March, 12:30)</li></ul>",
        f"<h3>From our archive</h3>{LINKS}{LINKS}",
        f"<ul class=wp-block-latest-posts><li>{LINK}</ul>",
        f"<div class='wp-block-query alignwide'><h2>{LINK}</h2><p>Work begins in May.</p></div>",
        "<div class='wp-block-rss'>x</div>",
        "<figure class=wp-block-pullquote><blockquote><p>Late.</p></blockquote></figure>",
        "<blockquote class=pullquote>Late, and nobody said so.</blockquote>",
        "<blockquote><p>“Nobody on the quay knew why”</p><cite>a porter</cite></blockquote>",
        "<p>Subscribe to our daily newsletter</p>",
        "<p>Subscribe to our newsletter, which comes <a href=/x>every day before breakfast</a></p>",
        "<p><em>Подписывайтесь на наш <a href=/t>Telegram</a></em></p>",
        "<p>Follow us on Instagram</p>",
        "<p>© 2026 The Quay. All rights reserved.</p>",
        "<p>Все права защищены.</p>",
        "<p>The post <a href=/x>Ferry late</a> appeared first on <a href=/>The Quay</a>.</p>",
        "<p>This article was originally published by The Other Quay.</p>",
        "<p>Advertisement</p>",
        "<p>Поделиться в соцсетях:</p>",
        "<p>Click to share on Facebook (Opens in new window)</p>",
        "<p>Leave a comment</p>",
        "<p>12 комментариев</p>",
        "<p>https://video.example/watch?v=1</p>",
        "<p><a href=https://video.example/watch>https://video.example/watch</a></p>",
        "<p>[gallery ids='1,2,3' columns=\"2\"]</p>",
        '<p>[caption id="attachment_6" width=”300″]<img src=x> A quay[/caption]</p>',
        "<p>[embed]https://video.example/watch[/embed]</p>",
        "<p>&lt;!--more--&gt;</p>",
        "<!--more-->",
        "<div class=author-box><p>Ann writes about ships.</p></div>",
        "<div id=comments><p>First!</p></div>",
        "<div class='tagcloud'><a href=/t>ships</a> <a href=/t>fog</a></div>",
        "<div class='cookie-notice'>We use cookies.</div>",
        "<form class=newsletter-form>Your address</form>",
        f"<blockquote class=wp-embedded-content>{LINK}</blockquote>",
    ],
)
def test_text_that_is_no_part_of_the_story_is_removed(aside: str) -> None:
    long = f"<p>{'The fog was thick. ' * 9}</p>"
    assert html_to_text(f"{long}{STORY}{aside}{END}") == f"{_plain(long)}\n\n{READ}\n\nThe end."


@pytest.mark.parametrize(
    "marked",
    [
        "<p>Read also the small print, said the porter.</p>",
        "<p>See also the annex of the report, which lists every ship.</p>",
        f"<p>More: {LINK}, and the whole fleet with it, sails to the north in May.</p>",
        "<h2>Related</h2><p>She is related to the harbour master.</p>",
        "<h2>Latest news</h2><p>The ferry came at nine.</p>",
        "<p>Related parties did not answer.</p>",
        "<p>По теме выступили трое, и все о пароме.</p>",
        f"<p>{LINK} is what <a href=/z>the council</a> had <a href=/w>promised</a>.</p>",
        f"<p>{LINK}</p>",
        "<ul><li>Bring a coat</li><li>Bring a book</li><li>Bring patience</li></ul>",
        "<ul>"
        + "".join(f"<li><a href=/x>{name}</a></li>" for name in ("Bergen", "Oslo", "Bodø"))
        + "</ul>",
        "<ul>"
        + "<li><a href=/x>The northern strait</a>: closed by fog since the morning</li>" * 3
        + "</ul>",
        "<blockquote><p>“I never saw such a fog,” said the master.</p></blockquote>",
        "<blockquote>Late again.</blockquote>",
        "<p>Share prices fell.</p>",
        "<p>The quay asked us to subscribe to our newsletter, as it said.</p>",
        "<p>Copyright law changed in the spring, and the quay was not told.</p>",
        "<p>(c) the third of the reasons.</p>",
        "<p>He tweeted https://video.example/watch and left.</p>",
        "<p>“It was [sic] the [ferry] that [he] missed,” she wrote.</p>",
        "<div class='comments-closed wp-block-group'>Kept.</div>",
    ],
)
def test_text_that_only_resembles_boilerplate_stays(marked: str) -> None:
    assert html_to_text(f"{STORY}{marked}{END}") == f"{READ}\n\n{_plain(marked)}\n\nThe end."


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ('<p>[b]Bold[/b] words [quote author="Ann"]stay[/quote].</p>', "Bold words stay."),
        ("<p>Before [gallery ids=1,2] and after.</p>", "Before and after."),
        ("<p>One [caption id='a']<img src=x> a quay[/caption] two.</p>", "One two."),
    ],
)
def test_shortcodes_inside_a_paragraph_are_removed(marked: str, text: str) -> None:
    assert html_to_text(f"{STORY}{marked}") == f"{READ}\n\n{text}"


def _plain(text: str) -> str:
    """The text of plain markup, by another implementation."""
    for tag in ("</li><li>", "</h2><p>"):
        text = text.replace(tag, "\n\n")
    out, inside = "", False
    for mark in text:
        inside = mark == "<" or (inside and mark != ">")
        out += "" if inside or mark == ">" else mark
    return html.unescape(out).strip()


def test_a_run_of_headlines_goes_next_to_a_longer_story_and_is_the_story_otherwise() -> None:
    headlines = "".join(
        f"<li><a href=/{n}>Headline {n} of some other story</a></li>" for n in range(3)
    )
    assert html_to_text(f"{STORY * 2}<ul>{headlines}</ul>") == f"{READ}\n\n{READ}"
    alone = html_to_text(f"<p>The week.</p><ul>{headlines}</ul>")
    assert alone.splitlines()[-1] == "Headline 2 of some other story"
    assert html_to_text(f"{STORY * 2}<ul>{headlines.replace('</li>', ' Kept.</li>')}</ul>") != (
        f"{READ}\n\n{READ}"
    )


def test_a_list_of_links_that_a_sentence_announces_is_a_part_of_the_story() -> None:
    items = "".join(f"<li><a href=/{n}>Report {n} of the harbour board</a></li>" for n in range(3))
    sentence = "The board has published three reports on the fog, and none of them names the ferry"
    listed = "\n\n".join(f"Report {n} of the harbour board" for n in range(3))
    text = html_to_text(f"{STORY * 2}<p>{sentence}:</p><ul>{items}</ul>")
    assert text == f"{READ}\n\n{READ}\n\n{sentence}:\n\n{listed}"
    for before in (f"<p>{sentence}.</p>", "<p>More of it:</p>", f"<h2>{sentence}:</h2>"):
        assert listed not in html_to_text(f"{STORY * 4}{before}<ul>{items}</ul>")


def test_a_removal_that_would_leave_no_text_is_not_made() -> None:
    assert html_to_text("<p>Advertisement</p>") == "Advertisement"
    assert html_to_text(f"<p>Read also: {LINK}</p>").endswith("second quay")
    assert html_to_text("<p>[gallery]</p>") == ""


def blocks_of(*texts: str, linked: bool = False) -> list[Block]:
    return [Block((TextLine(text, len(text.replace(" ", "")) if linked else 0),)) for text in texts]


def test_an_element_with_a_lead_in_is_removed_only_if_it_is_the_smaller_part() -> None:
    story = blocks_of("A story that is as long as this one is.", "And goes on, and on, and on.")
    box = [*blocks_of("Read also"), *blocks_of("Other news", linked=True), *blocks_of("Teaser")]
    inside = Layout([*story, *box], [Span(0, 5), Span(2, 5)])
    assert remove_boilerplate(inside) == [block.text for block in story]
    around = Layout([*box, *story], [Span(0, 5)])
    assert remove_boilerplate(around) == ["Teaser", *(block.text for block in story)]


WORDS = st.sampled_from(
    [*LEAD_INS, "Latest news", "a", "Share", "[x a=b]", "https://x.example", "© 2026", "[/x]", ":"]
)


@given(
    st.lists(
        st.tuples(st.lists(WORDS, min_size=1, max_size=3), st.integers(0, 9), st.booleans()),
        max_size=8,
    ),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=4),
)
def test_cleaning_only_removes_lines(
    drawn: list[tuple[list[str], int, bool]], spans: list[tuple[int, int]]
) -> None:
    blocks = [
        Block(tuple(TextLine(word, linked) for word in words), "quote" if is_quote else "text")
        for words, linked, is_quote in drawn
    ]
    ends = [Span(a, b) for a, b in spans if a < b <= len(blocks)]
    given_lines = [line.text for block in blocks for line in block.lines]
    left = [line for text in remove_boilerplate(Layout(blocks, ends)) for line in text.split("\n")]
    rest = iter(given_lines)
    assert all(any(one == line for one in rest) or "[" in "".join(given_lines) for line in left)
    assert remove_boilerplate(Layout(blocks, ends)) == remove_boilerplate(Layout(blocks, ends))
