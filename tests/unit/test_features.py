"""Features as JSON: what is written comes back, byte by byte."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommender.analysis.features import Embedding, Features
from tests.support.features import make_embedding, make_features
from tests.support.properties import examples


def plain(features: Features | None) -> Any:
    """Features as values that compare, with the types and shapes of their arrays."""
    if features is None:
        return None
    found: list[Any] = [features.buckets, features.counts, features.minhash]
    if features.embedding is not None:
        found += [features.embedding.vector, features.embedding.passages]
    return features.language, [(one.dtype.str, one.shape, one.tobytes()) for one in found]


EMBEDDINGS = st.builds(
    Embedding,
    arrays(np.float16, st.integers(1, 5), elements=st.floats(-1, 1, width=16)),
    arrays(np.int8, st.tuples(st.integers(0, 3), st.integers(1, 5))),
)
FEATURES = st.builds(
    Features,
    language=st.none() | st.just("zh"),
    buckets=arrays(np.int32, st.integers(0, 4), elements=st.integers(0, 2**20 - 1)),
    counts=arrays(np.float32, 2, elements=st.floats(1, 100, width=32)),
    minhash=arrays(np.uint16, 3),
    embedding=st.none() | EMBEDDINGS,
)


@given(FEATURES)
@examples(60)
def test_features_come_back_from_json(features: Features) -> None:
    assert plain(Features.from_json(features.to_json() | {"id": "a"})) == plain(features)


def test_the_json_form_is_the_one_that_releases_before_wrote() -> None:
    """A pinned value: a journal of an earlier release must be read."""
    made = make_features(
        "en", [3, 258], counts=[1, 2.5], embedding=make_embedding([1, -2], [[127, -1]])
    )
    document = made.to_json()
    assert document.pop("terms")[:3] == ["en", "AwAAAAIBAAA=", "AACAPwAAIEA="]
    assert document == {"vector": "ADwAwA==", "passages": "f/8="}


@pytest.mark.parametrize("absent", ["vector", "passages"])
def test_a_part_that_an_earlier_release_did_not_write_is_empty(absent: str) -> None:
    document = make_features(embedding=make_embedding([1, 0], [[127, 0]])).to_json()
    del document[absent]
    found = Features.from_json(document)
    assert found is not None
    if absent == "vector":
        assert found.embedding is None
    else:
        assert found.embedding is not None
        assert found.embedding.passages.shape == (0, 2)


def test_a_document_without_tokens_has_no_features() -> None:
    assert Features.from_json({"id": "a", "vector": "ADwAwA=="}) is None


def test_the_rounded_vector_is_scaled_to_length_one_again() -> None:
    unit = make_embedding([0.6001, 0.7999]).unit_vector
    assert str(unit.dtype) == "float32"
    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-6)
