"""How a model is used: what its folder says, else its family, else as the library does."""

import json
from pathlib import Path
from typing import Any

import pytest

from recommender.analysis.embedding import VECTOR_VERSION, find_model
from recommender.analysis.embedding.usage import (
    AS_THE_FOLDER_SAYS,
    FAMILIES,
    ModelFiles,
    Usage,
    family_of,
    read_usage,
)
from recommender.encoding_settings import Dimensions, EncodingSettings
from recommender.errors import ModelRefused


def usage(name: str, architecture: str = "bert", **files: Any) -> Usage:
    config = {"model_type": architecture} | files.pop("config", {})
    return read_usage(ModelFiles((name,), config, **{"has_modules": False} | files), None)


@pytest.mark.parametrize(
    ("name", "architecture", "expected"),
    [
        ("intfloat/multilingual-e5-small", "bert", Usage(prompt="query: ")),
        ("intfloat/E5-large-v2", "bert", Usage(prompt="query: ")),
        ("BAAI/bge-m3", "xlm-roberta", Usage(pooling="cls")),
        ("Alibaba-NLP/gte-modernbert-base", "modernbert", Usage(pooling="cls")),
        ("thenlper/gte-large", "bert", AS_THE_FOLDER_SAYS),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "xlm-roberta", Usage(pooling="cls")),
        ("sentence-transformers/all-mpnet-base-v2", "mpnet", AS_THE_FOLDER_SAYS),
        ("bge-en-icl", "mistral", AS_THE_FOLDER_SAYS),
        ("page5-model", "bert", AS_THE_FOLDER_SAYS),
        ("abge-model", "bert", AS_THE_FOLDER_SAYS),
    ],
)
def test_a_silent_folder_is_used_as_its_family(
    name: str, architecture: str, expected: Usage
) -> None:
    assert usage(name, architecture) == expected


def test_every_family_says_its_source() -> None:
    assert [family.pattern.pattern for family in FAMILIES if "card of " not in family.source] == []


def test_a_family_is_known_by_any_of_the_names_of_a_model() -> None:
    files = ModelFiles(
        ("/srv/model", "model", "BAAI/bge-base-en"), {"model_type": "bert"}, has_modules=False
    )
    assert read_usage(files, None) == Usage(pooling="cls")
    found = family_of(["intfloat/e5-small"], None)
    assert found is not None
    assert found.prompt == "query: "


def test_a_folder_with_modules_pools_as_it_says() -> None:
    assert usage("bge-m3", has_modules=True) == AS_THE_FOLDER_SAYS
    assert usage("e5-small", has_modules=True) == Usage(prompt="query: ")


@pytest.mark.parametrize(
    ("prompts", "default", "expected"),
    [
        ({"query": "search: ", "document": "article: "}, None, "article: "),
        ({"query": "search: ", "passage": "p: ", "corpus": "c: "}, None, "p: "),
        ({"query": "search: ", "document": ""}, None, None),
        ({"query": "search: "}, None, None),
        ({"clustering": "cluster: ", "document": "d: "}, "clustering", None),
    ],
)
def test_both_sides_get_the_prompt_for_a_document(
    prompts: dict[str, str], default: str | None, expected: str | None
) -> None:
    says = {"prompts": prompts, "default_prompt_name": default}
    assert usage("theirs", sentence_config=says).prompt == expected


@pytest.mark.parametrize(
    ("says", "allowed"),
    [
        ({}, None),
        ({"config": {"matryoshka_dimensions": [64, 128]}}, [64, 128]),
        ({"config": {"is_matryoshka": True}}, ()),
        ({"sentence_config": {"truncate_dim": 128}}, ()),
        ({"sentence_config": {"truncate_dim": None}}, None),
        ({"card": "---\ntags: [loss:MatryoshkaLoss]\n---\n"}, ()),
    ],
)
def test_the_folder_says_how_long_a_vector_may_be_cut(
    says: dict[str, Any], allowed: list[int] | None
) -> None:
    files = ModelFiles(("theirs",), **says)
    assert files.allowed_dimensions == allowed
    assert read_usage(files, Dimensions(100, insists=True)).dimensions == 100
    if allowed is None or allowed:
        with pytest.raises(ModelRefused, match=r"theirs may not be cut to 100 .*DIMENSIONS=100!"):
            read_usage(files, Dimensions(100))
    else:
        assert read_usage(files, Dimensions(100)).dimensions == 100
    if allowed:
        assert read_usage(files, Dimensions(128)).dimensions == 128


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelRefused, match=r"config\.json is no JSON"):
        ModelFiles.read("theirs", tmp_path)


def test_a_cached_model_is_known_by_the_folder_that_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "models--BAAI--bge-m3" / "snapshots" / "0f1e"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
    assert read_usage(ModelFiles.read(str(folder), folder), None) == Usage(pooling="cls")


def test_an_unusual_usage_changes_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    insisting = EncodingSettings(Dimensions(64, insists=True))
    usual, cut = (
        find_model(str(tmp_path), tmp_path, one) for one in (EncodingSettings(), insisting)
    )
    assert cut.usage.dimensions == 64
    assert cut.fingerprint != usual.fingerprint
    assert cut.fingerprint.endswith(f":{VECTOR_VERSION}")
