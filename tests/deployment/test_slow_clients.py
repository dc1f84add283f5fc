"""A short run with slow and silent clients before the shipped nginx."""

from pathlib import Path

import pytest

from tests.faults.harness.clients import put_until_visible
from tests.faults.harness.slow_clients import measure
from tests.faults.harness.stories import seeds
from tests.support.serving import Place, Server


@pytest.mark.long
def test_readers_and_probes_are_answered_beside_slow_clients(tmp_path: Path) -> None:
    place = Place(tmp_path, more={"READ_ALSO_PUBLIC_READS": "1"})
    with Server(place, ready=False) as server:
        for seed in seeds(6):
            assert put_until_visible(server.port, seed)
        figures = measure(server, clients=200, span=5, rate=20)
    assert [str(figure) for figure in figures if not figure.met] == []
