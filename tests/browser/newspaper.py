"""A small newspaper for the gallery: stories, pictures drawn here, and pages around lists."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final

from recommender.articles import as_rfc3339

ENGLISH: Final = (
    ("Night ferries return to the old harbour after forty years", "City", 0),
    ("What the new quay will cost, and who pays", "Economy", 1),
    ("“We hear the cranes before we hear the birds”: a morning on Pier 9", "Magazine", 3),
    ("Storm tides: three maps that explain why the port moves inland", "Science", 40),
    ("The last rope maker", "People", 420),
    ("Council votes on cruise ships on Thursday", "Politics", 7900),
)
"""Headline, section, age in days."""
PERSIAN: Final = (
    ("بازگشت کشتی‌های شبانه به بندر قدیمی پس از چهل سال", "شهر", 0),
    ("هزینهٔ اسکلهٔ تازه چقدر است و چه کسی آن را می‌پردازد", "اقتصاد", 1),
    ("«پیش از پرندگان صدای جرثقیل‌ها را می‌شنویم»: صبحی در اسکلهٔ نهم", "مجله", 3),  # noqa: RUF001 - as it is written
    ("سه نقشه که نشان می‌دهد چرا بندر از دریا دور می‌شود", "دانش", 40),
    ("آخرین طناب‌باف", "مردم", 420),
    ("رأی شورا دربارهٔ کشتی‌های تفریحی", "سیاست", 7900),
)
Story = dict[str, Any]
SKIES: Final = (
    *(("#f6c667", "#e8743b", "#7b3b5e"), ("#bfe3f2", "#6fb1d6", "#2f5d7c")),
    *(("#f3e3c3", "#c9b28a", "#5d6b52"), ("#cfd6e6", "#7d8bb0", "#2b3556")),
    *(("#fbd3c6", "#d98a8a", "#5a3350"), ("#d9efe2", "#7fbfa3", "#22564f")),
)


WITHOUT_PICTURE: Final = 4
RUSSIAN: Final = ("Порт ждёт первого ледокола: что изменится зимой", "Город", 2)


def stories(pictures: str, now: datetime, make_story: Callable[..., Story]) -> Iterator[Story]:
    """Seeds `en` and `fa`, six stories for each, one of them without a picture, and a Russian one.

    `pictures` is the address where the pictures are.
    """
    for language, told in (("en", ENGLISH), ("fa", PERSIAN), ("ru", (RUSSIAN,))):
        if language != "ru":
            yield make_story(language, language=language, title=language)
        for number, (title, section, days) in enumerate(told):
            yield make_story(
                f"{language}-{number}",
                language=language,
                title=title,
                section=section,
                url=f"https://news.example/{language}/{number}",
                **({} if number == WITHOUT_PICTURE else {"image_url": f"{pictures}/{number}.svg"}),
                published_at=as_rfc3339(now - timedelta(days=days, minutes=1), "seconds"),
            )


def drawing(number: int) -> str:
    """A picture in three colours, 3:2: a sky, a sun, hills or a sea, houses or a ship."""
    light, middle, dark = SKIES[number]
    sun = 90 + 55 * number
    front = (
        "M0 150h60v-40h30v-25h40v45h35v-60h45v50h50v-30h40v60z"
        if number % 2
        else "M60 150l14 26h112l14-26zM96 146v-34h60v34zM120 108V80h12v28z"
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200" width="600" height="400">
<rect width="300" height="200" fill="{light}"/>
<circle cx="{sun % 260}" cy="62" r="26" fill="#fff" opacity=".85"/>
<path d="M0 130q40-40 90-14t90-18 120 20v82H0z" fill="{middle}"/>
<path d="{front}" fill="{dark}"/>
<rect y="174" width="300" height="26" fill="{dark}" opacity=".75"/></svg>"""


PAGE: Final = """\
<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
<style>
body {{ margin: 0; font: 1.0625rem/1.6 "DejaVu Serif", Georgia, serif }}
body {{ background: #fff; color: #1c1e22 }}
@media (prefers-color-scheme: dark) {{ body {{ background: #16181d; color: #e8e8e6 }} }}
main {{ max-width: {width}; margin: 0 auto; padding: 0.5rem 1rem }}
h2 {{ font-family: inherit }}
{more}</style></head><body><main>{body}</main></body></html>"""


def page(title: str, body: str, *, style: str, width: str = "45rem", **more: str) -> str:
    """A page of the newspaper around something."""
    usual = {"language": "en", "direction": "ltr", "more": ""}
    return PAGE.format(title=escape(title), body=body, style=style, width=width, **usual | more)


PARAGRAPH: Final = (
    "<p>The ferries had been gone for forty years when the council voted, on a wet Tuesday in "
    "March, to bring them back. Nobody who lives on the quay slept much the night the first of "
    "them came in.</p>"
)
PEERS: Final = {
    "jetpack": """
.peer h3 { margin: 0 0 1em; font-size: 9pt; border-block-start: 1px solid rgb(0 0 0 / 20%) }
.peer li { float: left; width: 33%; box-sizing: border-box; padding-right: 20px; opacity: .8 }
.peer li { margin: 0 0 1em }
.peer img { width: 100%; aspect-ratio: 350 / 200; object-fit: cover }
.peer b { display: block; font-weight: normal; font-size: 14px; line-height: 20px; margin: .5em 0 }
.peer small { display: block; font-size: 14px; line-height: 20px; opacity: .6 }
""",
    "crp": """
.peer li { float: left; position: relative; width: 150px; height: 150px; margin: 5px }
.peer li { border: 1px solid #ddd }
.peer img { width: 150px; height: 150px; object-fit: cover; border-radius: 7px }
.peer b { position: absolute; inset: auto 0 10px; padding: 3px; font-size: .8em; line-height: 1.3 }
.peer b { color: #fff; background: rgb(0 0 0 / 60%) }
.peer small { display: none }
""",
}
"""Grids of six as Jetpack and Contextual Related Posts have them by default, drawn after them."""


def peer_grid(pictures: str) -> str:
    """The same stories for the grid of a peer."""
    items = "".join(
        f'<li><a><img src="{pictures}/{number}.svg" alt=""><b>{title}</b></a>'
        f"<small>5 October 2026</small><small>In “{section}”</small></li>"
        for number, (title, section, _) in enumerate(ENGLISH)
    )
    style = "<style>.peer ul { margin: 0; padding: 0; list-style: none; overflow: hidden }</style>"
    return f'{style}<div class="peer"><h3>Related</h3><ul>{items}</ul></div>'
