"""Phrases of boilerplate in many languages: "Read also", rights, labels of buttons, requests.

Each function looks at one line of text. Case and the characters around a phrase do not matter.
"""
# ruff: noqa: RUF001 - phrases of many scripts

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["LeadIn", "is_label", "is_notice", "is_request", "match_lead_in"]

# Each line is a pattern. Notices and labels must match a whole line of the text.
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
# At the end of a line; the owner of the rights may be named before.
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
# Requests to follow, subscribe or share.
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
_LONGEST_LINE: Final = 500  # characters; a longer line is a part of the story
_LONGEST_LABEL: Final = 200


def _line_pattern(patterns: str) -> re.Pattern[str]:
    """A pattern of any of some patterns, one on each line, after up to six other characters."""
    return re.compile(rf"[\W_]{{0,6}}?(?:{_alternatives(patterns)})", re.IGNORECASE)


def _alternatives(patterns: str) -> str:
    return "|".join(f"(?:{line})" for line in patterns.splitlines() if line)


_NOTICE: Final = _line_pattern(_NOTICES)
_RIGHT: Final = re.compile(
    rf"(?:[^.!?]{{0,80}}[.,;]? )?(?:{_alternatives(_RIGHTS)})\W*.{{0,20}}", re.IGNORECASE
)
_LABEL: Final = re.compile(rf"{_line_pattern(_LABELS).pattern}[\W_]{{0,6}}", re.IGNORECASE)
_REQUEST: Final = _line_pattern(_REQUESTS)


def is_notice(line: str) -> bool:
    """Whether a line states rights or the origin of the text, or is only an address."""
    if len(line) > _LONGEST_LINE:
        return False
    return any(pattern.fullmatch(line) for pattern in (_NOTICE, _RIGHT))


def is_label(line: str) -> bool:
    """Whether a line is the label of a button or box: share, advertisement, leave a comment."""
    return len(line) <= _LONGEST_LABEL and _LABEL.fullmatch(line) is not None


def is_request(line: str) -> bool:
    """Whether a line begins by asking the reader to subscribe, follow or share."""
    return len(line) <= _LONGEST_LINE and _REQUEST.match(line) is not None


# They introduce other articles and hardly anything else.
_READ_ALSO: Final = """
read also|also read|read more|read next|read this next|also see|see also|watch also|also watch|
you may also like|you might also like|you may also be interested in|
you might also be interested in|you might be interested in|you may be interested in|
more on this story|more on this topic|more on this subject|more like this|related articles|
related article|related stories|related story|related posts|related post|related news|
related coverage|related content|related reading|recommended for you|recommended reading|
recommended stories|recommended articles|
what to read next|читайте также|читайте ещё|читайте еще|читайте далее|читать также|читать далее|
читай также|также читайте|см. также|смотрите также|смотри также|ещё по теме|еще по теме|
материалы по теме|новости по теме|статьи по теме|читайте по теме|похожие статьи|похожие записи|
похожие новости|похожие материалы|связанные материалы|связанные новости|вам может быть интересно|
вам также может понравиться|вас может заинтересовать|рекомендуем почитать|рекомендуем прочитать|
подробнее по теме|ранее по теме|по теме|на эту тему|ҳамчунин хонед|инчунин хонед|боз хонед|
боз бихонед|ҳамчунин бихонед|инро ҳам хонед|ин ҳам хонед|ҳамчунин бинед|инчунин бинед|
дар ин мавзӯъ|дар ҳамин мавзӯъ|маводи марбута|хабарҳои марбута|хабарҳои монанд|маводи монанд|
мақолаҳои марбут|муфассалтар хонед|бештар хонед|читайте також|дивіться також|читати також|
за темою|матеріали за темою|новини за темою|схожі новини|схожі статті|вас може зацікавити|
чытайце таксама|глядзіце таксама|сондай-ақ оқыңыз|тағы оқыңыз|тағы да оқыңыз|оқи отырыңыз|
тақырып бойынша|дагы окуңуз|ошондой эле окуңуз|шунингдек ўқинг|мавзуга оид|shuningdek oʻqing|
shuningdek o'qing|shuningdek o‘qing|mavzuga oid|мөн уншаарай|шулай ук укыгыз|ayrıca okuyun|
bunu da okuyun|bunlar da ilginizi çekebilir|ilginizi çekebilir|ilgili haberler|ilgili yazılar|
ilgili haber|ayrıca bakınız|həmçinin oxuyun|bunu da oxuyun|oxşar xəbərlər|همچنین بخوانید|
بیشتر بخوانید|همچنین ببینید|مطالب مرتبط|اخبار مرتبط|این را هم بخوانید|در همین زمینه|اقرأ أيضا|
اقرأ أيضًا|اقرأ أيضاً|إقرأ أيضا|إقرأ أيضاً|اقرأ ايضا|اقرأ المزيد|شاهد أيضا|شاهد أيضاً|مواضيع ذات صلة|
أخبار ذات صلة|مقالات ذات صلة|قد يهمك أيضا|قد يهمك أيضاً|یہ بھی پڑھیں|مزید پڑھیں|متعلقہ خبریں|
קראו גם|קרא גם|ראו גם|קראו עוד|כתבות נוספות|עוד בנושא|אולי יעניין אותך|lire aussi|à lire aussi|
a lire aussi|lisez aussi|à lire également|lire également|à lire ensuite|voir aussi|à voir aussi|
à voir également|sur le même sujet|articles similaires|articles liés|à découvrir aussi|
vous aimerez aussi|dans la même rubrique|lesen sie auch|lies auch|auch lesen|lesen sie mehr|
siehe auch|auch interessant|das könnte sie auch interessieren|das könnte dich auch interessieren|
mehr zum thema|mehr zu diesem thema|ähnliche artikel|ähnliche beiträge|verwandte artikel|
verwandte beiträge|passend dazu|lesetipp|lea también|lee también|leer también|lea además|lea más|
lee más|leer más|te puede interesar|te podría interesar|también te puede interesar|
le puede interesar|puede interesarle|vea también|ve también|ver también|véase también|
mira también|mire también|noticias relacionadas|artículos relacionados|entradas relacionadas|
más sobre este tema|llegiu també|llegeix també|le tamén|leia também|leia mais|leia ainda|
ler também|veja também|veja mais|ver também|notícias relacionadas|artigos relacionados|
matérias relacionadas|você também pode gostar|você pode gostar|posts relacionados|leggi anche|
leggi pure|vedi anche|guarda anche|articoli correlati|notizie correlate|
potrebbe interessarti anche|potrebbe interessarti|ti potrebbe interessare|
ti potrebbe interessare anche|lees ook|lees meer|lees verder|zie ook|bekijk ook|
gerelateerde artikelen|gerelateerde berichten|meer over dit onderwerp|lees hier meer|
czytaj także|czytaj też|czytaj również|czytaj więcej|przeczytaj także|przeczytaj też|
przeczytaj również|zobacz także|zobacz też|zobacz również|powiązane artykuły|podobne artykuły|
podobne wpisy|čtěte také|čtěte i|přečtěte si také|přečtěte si i|související články|související|
mohlo by vás zajímat|čítajte aj|prečítajte si aj|prečítajte si tiež|súvisiace články|
mohlo by vás zaujímať|pročitajte i|pročitajte još|pročitaj i|pročitajte više|povezane vijesti|
povezani članci|povezane vesti|pogledajte i|прочитајте и|прочитајте још|прочитај и|
повезане вести|preberite tudi|preberite še|прочетете още|прочетете също|вижте още|вижте също|
още по темата|свързани статии|прочитајте повеќе|прочитајте уште|citește și|citeşte şi|citiți și|
citiţi şi|citește mai mult|citește mai departe|vezi și|vezi şi|articole similare|
ezt is olvassa el|olvassa el ezt is|olvasd el ezt is|kapcsolódó cikkek|kapcsolódó cikk|
kapcsolódó anyagok|lásd még|lexo edhe|lexo po ashtu|lexoni edhe|διαβάστε επίσης|διαβάστε ακόμη|
διαβάστε ακόμα|διαβάστε περισσότερα|δείτε επίσης|δείτε ακόμη|σχετικά άρθρα|σχετικά θέματα|
läs också|läs även|läs mer|se också|se även|relaterade artiklar|læs også|læs mere|se også|
relaterede artikler|les også|les mer|relaterte artikler|relaterte saker|lesið einnig|lue myös|
lue lisää|katso myös|aiheesta lisää|loe ka|loe lisaks|vaata ka|seotud lood|seotud artiklid|
lasi arī|lasiet arī|skaties arī|saistītie raksti|taip pat skaitykite|skaitykite taip pat|
skaityk taip pat|susiję straipsniai|կարդացեք նաև|կարդալ նաև|წაიკითხეთ ასევე|ასევე წაიკითხეთ|
წაიკითხეთ აგრეთვე|მსგავსი სიახლეები|यह भी पढ़ें|ये भी पढ़ें|इसे भी पढ़ें|और पढ़ें|संबंधित खबरें|
संबंधित समाचार|यो पनि पढ्नुहोस्|यो पनि पढ्नुस्|हेही वाचा|आणखी वाचा|আরও পড়ুন|আরো পড়ুন|এটিও পড়ুন|
આ પણ વાંચો|இதையும் படிக்க|மேலும் படிக்க|இதையும் படியுங்கள்|ఇవి కూడా చదవండి|ಇದನ್ನೂ ಓದಿ|
ഇതും വായിക്കുക|මේවාත් කියවන්න|相关阅读|相关新闻|相关文章|相关报道|相关链接|延伸阅读|扩展阅读|
推荐阅读|更多阅读|阅读更多|猜你喜欢|您可能感兴趣|你可能感兴趣|相關閱讀|相關新聞|相關文章|
相關報導|相關連結|延伸閱讀|推薦閱讀|閱讀更多|更多閱讀|你可能有興趣|関連記事|関連ニュース|
関連リンク|あわせて読みたい|合わせて読みたい|併せて読みたい|あわせて読む|こちらもおすすめ|
おすすめ記事|こちらの記事もおすすめ|こちらも読まれています|관련기사|관련 기사|관련뉴스|관련 뉴스|
함께 읽으면 좋은 기사|함께 볼 만한 기사|추천 기사|추천기사|이 기사도 읽어보세요|อ่านเพิ่มเติม|
อ่านข่าวที่เกี่ยวข้อง|ข่าวที่เกี่ยวข้อง|บทความที่เกี่ยวข้อง|เรื่องที่เกี่ยวข้อง|อ่านข่าวเพิ่มเติม|xem thêm|đọc thêm|tin liên quan|
bài viết liên quan|bài liên quan|baca juga|lihat juga|simak juga|artikel terkait|berita terkait|
baca lagi|basahin din|soma pia|soma zaidi|အလားတူသတင်းများ|ဆက်စပ်သတင်းများ
"""
# They may also be a heading or the beginning of a sentence of the story: links must follow.
_RELATED: Final = """
related|related topics|related links|more|more news|more stories|more from this section|
more from this author|further reading|keep reading|continue reading|up next|don't miss|
don’t miss|editor's picks|editors' picks|editor’s picks|editors’ picks|latest|latest news|
latest posts|latest stories|latest articles|recent posts|recent articles|most read|most popular|
popular posts|popular articles|popular now|trending|trending now|top stories|
in case you missed it|links|watch|listen|read|рекомендуем|другие новости|другие материалы|
последние новости|свежие новости|главные новости|популярное|популярные статьи|популярные новости|
самое читаемое|самое популярное|подробнее|ссылки по теме|сюжет|не пропустите|новости партнёров|
новости партнеров|охирин хабарҳо|хабарҳои охирин|хабарҳои нав|хабарҳои дигар|маъмултаринҳо|
муфассал|докладніше|останні новини|популярне|інші новини|соңғы жаңалықтар|акыркы жаңылыктар|
soʻnggi yangiliklar|сўнгги янгиликлар|son haberler|benzer haberler|son xəbərlər|آخرین اخبار|
پربازدیدترین|مرتبط|الأكثر قراءة|آخر الأخبار|روابط ذات صلة|lire la suite|en savoir plus|à lire|
les plus lus|articles récents|plus d'articles|weiterlesen|mehr dazu|meistgelesen|
neueste beiträge|empfohlen|más noticias|más leídas|lo más leído|últimas noticias|relacionado|
relacionados|saiba mais|mais lidas|últimas notícias|leggi tutto|per approfondire|approfondisci|
i più letti|ultime notizie|gerelateerd|meest gelezen|laatste nieuws|polecamy|najnowsze|
najczęściej czytane|čtěte více|najčitanije|последни новини|най-четени|cele mai citite|
legfrissebb|δημοφιλή|mest lästa|senaste nytt|mest læste|mest lest|luetuimmat|uusimmat|
populārākie|最新新闻|最新消息|更多新闻|更多新聞|热门新闻|热门推荐|热门文章|最新文章|最近文章|
最新記事|人気記事|新着記事|もっと読む|続きを読む|最新ニュース|많이 본 뉴스|인기 기사|최신 기사|
ข่าวล่าสุด|อ่านต่อ|ताजा खबरें|সর্বশেষ খবর|tin mới nhất|tin khác|berita terkini|berita terbaru|
terpopuler
"""
_SCANNED: Final = 120  # characters at the beginning of a line


def _phrases_of(listing: str) -> frozenset[str]:
    return frozenset(filter(None, listing.replace("\n", "|").split("|")))


def _longest_first(listing: str) -> str:
    """A pattern of any of the phrases; a longer one is tried before a shorter one."""
    phrases = sorted(_phrases_of(listing), key=lambda phrase: (-len(phrase), phrase))
    return "|".join(map(re.escape, phrases))


def _first_letters(text: str) -> str:
    """Two letters, case folded: a fast test that rules out most lines."""
    return text[:2].replace("İ", "i").casefold()[:2]


_FIRST_LETTERS: Final = frozenset(
    map(_first_letters, _phrases_of(_READ_ALSO) | _phrases_of(_RELATED))
)
_MARKS: Final = re.compile(r"[\W_]{0,12}")
# After the phrase comes a mark, a space or the end; in scripts without spaces, anything.
_LEAD_IN: Final = re.compile(
    rf"(?:(?P<sure>{_longest_first(_READ_ALSO)})|{_longest_first(_RELATED)})"
    r"(?:[\s_]{0,3}(?P<mark>[:：…|»›>→►▶▸•—–-])[\W_]{0,12}|[^\w]{1,12}|$|(?<=[\u3040-\ud7af]))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LeadIn:
    """The beginning of a line that leads to other articles.

    Attributes:
        rest: the rest of the line.
        is_sure: the phrase is used for other articles only.
        is_marked: a colon, dash or arrow separates it from the rest.
    """

    rest: str
    is_sure: bool
    is_marked: bool


def match_lead_in(line: str) -> LeadIn | None:
    """The known phrase at the beginning of a line, such as "Read also"; None if there is none."""
    marks = _MARKS.match(line)
    begin = marks.end() if marks else 0
    if _first_letters(line[begin : begin + 2]) not in _FIRST_LETTERS:
        return None
    found = _LEAD_IN.match(line[:_SCANNED], begin)
    if found is None:
        return None
    return LeadIn(line[found.end() :], bool(found["sure"]), bool(found["mark"]))
