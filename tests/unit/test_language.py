"""Detection on short texts in the languages of Central Asian newsrooms: sure, or unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py3langid.langid import visit_counts

from recommender.analysis.language import (
    ENOUGH,
    PIECE,
    PiecewiseWalk,
    detect_language,
    load_detector,
)

TEXTS = {
    "en": "The council approved a new bus line on Monday. Drivers say that the old route took too "
    "long. Passengers hope for shorter waits in winter.",
    "ru": "Городской совет в понедельник утвердил новый автобусный маршрут. Водители говорят, что "
    "старый путь занимал слишком много времени. Пассажиры надеются, что зимой ждать придётся "
    "меньше.",
    "tg": "Шӯрои шаҳр рӯзи душанбе хатсайри нави автобусро тасдиқ кард. Ронандагон мегӯянд, ки "
    "роҳи пештара вақти зиёд мегирифт. Мусофирон умед доранд, ки дар зимистон камтар интизор "
    "мешаванд.",
    "zh": "市议会周一批准了一条新的公交线路。司机们说旧路线花费的时间太长。"
    "乘客们希望冬天等车的时间会短一些。",
    "fa": "شورای شهر روز دوشنبه خط تازهٔ اتوبوس را تصویب کرد. رانندگان می‌گویند مسیر قدیمی وقت "
    "زیادی می‌گرفت. مسافران امیدوارند که در زمستان کمتر منتظر بمانند.",
    "kk": "Қалалық кеңес дүйсенбі күні жаңа автобус бағытын бекітті. Жүргізушілер ескі жол тым көп "
    "уақыт алатынын айтады. Жолаушылар қыста аз күтеміз деп үміттенеді.",
    "uz": "Shahar kengashi dushanba kuni yangi avtobus yo'nalishini tasdiqladi. Haydovchilar eski "
    "yo'l juda ko'p vaqt olganini aytishmoqda. Yo'lovchilar qishda kamroq kutishga umid qilmoqda.",
    "ky": "Шаардык кеңеш дүйшөмбү күнү жаңы автобус каттамын бекитти. Айдоочулар эски жол өтө көп "
    "убакыт алганын айтышат. Жүргүнчүлөр кышында азыраак күтөбүз деп үмүттөнүшөт.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_three_sentences_are_enough_to_know_a_language(language: str) -> None:
    assert detect_language(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", " \n", "Ok", "12345", "?!", "🙂", "https://"])
def test_a_text_without_clear_language_is_unknown_and_not_guessed(text: str) -> None:
    assert detect_language(text) is None


def test_only_the_opening_is_read() -> None:
    opening = (TEXTS["tg"] * 20)[:ENOUGH]
    assert detect_language(opening + TEXTS["zh"] * 50) == "tg"


@given(st.lists(st.sampled_from([*TEXTS.values(), "🙂", "x", " "]), min_size=1, max_size=8))
def test_a_walk_in_pieces_finds_what_the_detector_s_own_walk_finds_in_that_order(
    texts: list[str],
) -> None:
    detector = load_detector()
    walk, rows = PiecewiseWalk.of(detector), [row << 8 for row in detector.tk_row]
    text = "".join(texts).encode()
    for end in {len(text), 1, PIECE - 1, PIECE, PIECE + 1}:
        found = visit_counts(detector.tk_nextmove, rows, detector.tk_output, text[:end]) or {}
        assert [*walk.count_features(text[:end]).items()] == [*found.items()]
