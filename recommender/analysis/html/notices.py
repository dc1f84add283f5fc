"""Lines that stand around a story and tell nothing of it: rights, requests, labels, shortcodes."""
# ruff: noqa: RUF001 - phrases of many scripts

import re
from typing import Final

__all__ = ["drop_shortcodes", "is_label", "is_notice", "is_request"]

# Each line is a pattern; those of notices and labels must fit a whole line of text.
_NOTICES: Final = r"""
(?:copyright )?©.{0,160}
copyright (?:\(c\) ?)?\d{4}\b.{0,120}
\(c\) ?\d{4}\b.{0,120}
(?:無断転載|転載禁止|무단[ ]?전재).{0,40}
the (?:post|article) .{1,300} (?:appeared first|first appeared) on .{1,120}
запись .{1,300} впервые появилась .{1,120}
l['’]article .{1,300} est apparu en premier sur .{1,120}
der beitrag .{1,300} erschien zuerst auf .{1,120}
la entrada .{1,300} (?:se publicó primero|apareció primero|aparece primero) en .{1,120}
o post .{1,300} apareceu primeiro em .{1,120}
l['’]articolo .{1,300} (?:sembra essere il primo su|proviene da) .{1,120}
het bericht .{1,300} verscheen eerst op .{1,120}
artykuł .{1,300} pochodzi z serwisu .{1,120}
this (?:article|story|post|piece|column) (?:was |has been )?(?:originally|first) published .{1,160}
this (?:article|story|post|piece|column) (?:originally|first) appeared .{1,160}
(?:story|article|content|video) continues (?:below|after)(?: (?:the )?(?:advertisement|ad))?\W*
https?://\S+
"""
# Stand at the end of a line that names whose they are.
_RIGHTS: Final = r"""
all rights? reserved|все права защищены|усі права захищені|ҳамаи ҳуқуқҳо (?:маҳфуз|ҳифз)\w*
alle rechte vorbehalten|alle rechten voorbehouden|tous droits réservés|tutti i diritti riservati
todos los derechos reservados|todos os direitos reservados|wszelkie prawa zastrzeżone
版权所有|版權所有
"""
_LABELS: Final = r"""
advertisements?|реклама|ҳаволаи таблиғотӣ|anzeige|werbung|publicité|publicidade?
pubblicità|advertentie|reklama|reklam|广告|廣告|広告|광고|إعلان|تبلیغات|mainos|annons|annonse
share(?: this)?(?: article| story| post| page)?|tweet(?: this)?|like this|loading|share on \w{1,20}
поделиться(?: в соцсетях)?|поделитесь|partager|teilen|compartir|compartilhar|condividi|udostępnij
分享|分享到|シェアする|공유하기|مشاركة|اشتراک‌گذاری
click to (?:share|email|print)\b.{0,80}
leave a (?:comment|reply)|post a comment|comments are closed|view (?:all )?comments
оставить комментарий|добавить комментарий|laisser un commentaire
deja un comentario|deixe um comentário|hinterlasse einen kommentar
\d{1,6} (?:comments?|shares?|views?|комментари\w{1,3}|просмотр\w{0,3})
skip to (?:main )?content|back to top|jump to recipe|view this post on instagram
a post shared by .{1,80}\(@.{1,80}
"""
# Asks the reader to follow, subscribe or share.
_REQUESTS: Final = r"""
subscribe (?:now|here|today)\b
(?:subscribe|sign up) (?:to|for) .{0,40}\b(?:newsletters?|channel|podcast|updates|feed|alerts)\b
get (?:our|the) .{0,20}newsletter\b
follow (?:us|me) (?:on|at)\b
join us on (?:telegram|whatsapp|facebook|viber|instagram|youtube|twitter|x)\b
join our (?:telegram|whatsapp|facebook|viber|mailing list|newsletter)\b
share this (?:article|story|post) (?:on|with)\b
click here to (?:subscribe|sign up|share|join|donate)\b
(?:like us on|download our app|support our journalism)\b
(?:this (?:web)?site|we) uses? cookies\b
(?:originally|first) (?:published|posted) (?:on|at|by|in)\b
подпи(?:шитесь|сывайтесь|шись|сывайся) на\b
(?:присоединяйтесь к (?:нам|нашему)|следите за (?:нами|нашими)|читайте нас)\b
(?:поделитесь (?:этой|с друзьями|новостью)|наш (?:телеграм|telegram)[- ]канал)\b
мы (?:в|на) (?:telegram|телеграм|facebook|instagram|youtube|соцсетях)\b
(?:ба (?:канали|саҳифаи) .{0,40})?обуна шавед
моро дар .{1,40}(?:пайгирӣ кунед|бихонед)
(?:підпи(?:шіться|суйтесь) на|стежте за нами)\b
(?:telegram.{0,20})?(?:арнамызға|каналымызға|каналыбызга) (?:жазылыңыз|жазылыңыздар)
bizi .{0,20}takip edin|kanalimizga (?:obuna|a.zo) bo.?ling
abonnez-vous (?:à|au|ici)\b|suivez-nous (?:sur|en)\b|inscrivez-vous à (?:notre|la) newsletter
abonnieren sie\b|folgen sie uns\b|(?:newsletter|jetzt) abonnieren
suscr[ií]b(?:e|a)te a\b|suscríbase a\b|s[ií]guenos en\b|síganos en\b
assine (?:a nossa|nossa|o nosso)\b|inscreva-se (?:em|na|no) (?:nossa|nosso|canal)\b|siga-nos\b
iscriviti alla\b|seguici su\b|abonneer je op\b|volg ons (?:op|via)\b|schrijf je in voor\b
zapisz się (?:na|do) newsletter|obserwuj nas\b|subskrybuj nas\b
扫码关注|(?:点击)?(?:关注|订阅)我们|欢迎(?:关注|订阅)|關注我們|訂閱我們|歡迎(?:訂閱|追蹤)
メールマガジン(?:登録|の登録)|구독(?:하기| 신청)|تابعونا على|اشترك في (?:نشرتنا|قناتنا)
ติดตามเราได้ที่|theo dõi chúng tôi|ikuti kami di
"""
_LONGEST: Final = 500  # characters; what is longer is no such line
_LONGEST_LABEL: Final = 200

_BARE_SHORTCODES: Final = (
    "audio|caption|contact-form|contact-form-7|embed|gallery|instagram|more|playlist|twitter|"
    "video|wp_caption|youtube"
)
_CAPTION: Final = re.compile(
    r"\[(caption|wp_caption|embed)(?:\s[^\[\]]{0,400})?\].{0,1000}?\[/\1\]", re.DOTALL
)
# With a setting, or closing, or of a known name: [sic] and [the minister] are words of the story.
_SHORTCODE: Final = re.compile(
    r"\[/?[a-z][a-z0-9_-]{1,40}(?:\s+[a-z0-9_-]{1,40}\s?=\s?(?:[\"“”″'‘’][^\[\]\"“”″'‘’]{0,400}"
    r"[\"“”″'‘’]|[^\s\[\]]{1,200}))+\s*/?\]"
    rf"|\[/[a-z][a-z0-9_-]{{0,40}}\]|\[(?:{_BARE_SHORTCODES})\s?/?\]"
)
_MORE: Final = re.compile(r"<!--\s?(?:more|nextpage|noteaser)\b.{0,80}?-->")
_OPENING: Final = re.compile(r"\[([a-z][a-z0-9_-]{0,40})\]")


def _patterns(lines: str) -> re.Pattern[str]:
    return re.compile(rf"[\W_]{{0,6}}?(?:{_any_of(lines)})", re.IGNORECASE)


def _any_of(lines: str) -> str:
    return "|".join(f"(?:{line})" for line in lines.splitlines() if line)


_NOTICE: Final = _patterns(_NOTICES)
_RIGHT: Final = re.compile(
    rf"(?:[^.!?]{{0,80}}[.,;]? )?(?:{_any_of(_RIGHTS)})\W*.{{0,20}}", re.IGNORECASE
)
_LABEL: Final = re.compile(rf"{_patterns(_LABELS).pattern}[\W_]{{0,6}}", re.IGNORECASE)
_REQUEST: Final = _patterns(_REQUESTS)


def is_notice(text: str) -> bool:
    """Whether a line is a notice of rights or origin, or nothing but an address."""
    if len(text) > _LONGEST:
        return False
    return any(pattern.fullmatch(text) for pattern in (_NOTICE, _RIGHT))


def is_label(text: str) -> bool:
    """Whether a line is what a button or a box says: share, advertisement, leave a comment."""
    return len(text) <= _LONGEST_LABEL and _LABEL.fullmatch(text) is not None


def is_request(text: str) -> bool:
    """Whether a line begins by asking the reader to subscribe, follow or share."""
    return len(text) <= _LONGEST and _REQUEST.match(text) is not None


def drop_shortcodes(text: str) -> str:
    """A line without WordPress's [shortcodes] and marks that no plug-in has taken out.

    What stands between an opening and a closing one is kept, but a picture's caption.
    """
    if "[" not in text:
        return _MORE.sub("", text) if "<!--" in text else text
    closed = {one for one in _OPENING.findall(text) if f"[/{one}]" in text}
    text = _SHORTCODE.sub("", _CAPTION.sub("", _MORE.sub("", text)))
    return _OPENING.sub(lambda one: "" if one[1] in closed else one[0], text)
