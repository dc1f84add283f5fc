"""What several tests of proxies need."""

from collections.abc import Iterator
from threading import Thread

import pytest

from tests.support.doors import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
