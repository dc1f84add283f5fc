"""What is said of `--ray` before Ray is imported; what a real one does is in the next tier."""

from pathlib import Path

import pytest

from recommender.encoding_settings import USUAL_ENCODING
from recommender.errors import BadParameter, PartMissing
from recommender.indexing import ray_crew
from recommender.indexing.ray_crew import RayCrew


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_crew, "find_spec", lambda _name: object())


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    "address", ["local", "auto", "head:6379", "10.0.0.7:6379", "[fe80::1]:6379"]
)
def test_a_cluster_is_asked_for_only_when_there_is_work(address: str) -> None:
    with RayCrew(address, Path(), USUAL_ENCODING):
        pass


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("ray://head:10001", "read-also rebuild --ray auto"),
        ("head", "HOST:PORT"),
        ("http://head:8265", "HOST:PORT"),
        ("", "HOST:PORT"),
    ],
)
def test_an_address_that_ray_data_cannot_use_is_refused_with_a_remedy(
    address: str, remedy: str
) -> None:
    with pytest.raises(BadParameter, match=remedy):
        RayCrew(address, Path(), USUAL_ENCODING)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_crew, "find_spec", lambda _name: None)
    with pytest.raises(PartMissing, match=r"pip install '\.\[ray\]'"):
        RayCrew("local", Path(), USUAL_ENCODING)
