"""The web application: `create_app()` connects settings, store, snapshots and HTTP views."""

from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Flask

from index import Catalog
from recommender.counters import Counters
from recommender.indexing.archive_model import find_model_of_settings
from recommender.indexing.snapshots import may_create_store
from recommender.live import FolderHealth, Follower, Heartbeats, Journal
from recommender.settings import Settings
from recommender.store import LazyStore
from recommender.web import State, register
from recommender.web.bodies import LARGEST_DOCUMENT
from recommender.web.keyring import Keyring
from recommender.web.rates import Rates

if TYPE_CHECKING:
    from recommender.web.traces import Traces

__all__ = ["create_app"]

WEB_PATIENCE_SECONDS: Final = 3.0  # a write that waits longer is refused; the client tries again
WEB_ANSWER_SECONDS: Final = 4.0  # first a server that works says itself that the patience is over


def create_app(
    settings: Settings | None = None,
    *,
    reader_pages: bool = False,
    follows: bool = True,
    counters: Counters | None = None,
    is_console: bool = False,
) -> Flask:
    """Make the application of one worker, and start the threads that keep it up to date.

    Args:
        settings: read from the environment if None.
        reader_pages: whether there are pages of whole stories, as in the demonstration.
        follows: whether to start them; if not, the caller calls `Follower.refresh`.
        is_console: whether it answers the console alone, over the snapshot of this machine.
        counters: what `/metrics` shows beside gauges; own ones, in memory, if None.

    Raises:
        BadSettings: a setting is malformed.
    """
    settings = settings or Settings.from_environment()
    app = Flask("read-also", static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_DOCUMENT
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    over_snapshot = is_console or not settings.milvus
    make_state = _state_of if over_snapshot else _state_over_collection
    state = make_state(settings, counters or Counters())
    register(app, state, reader_pages=reader_pages)
    if follows:
        state.start()
    return app


def _state_of(settings: Settings, counters: Counters) -> State:
    catalog = Catalog(settings.data.snapshots)
    store = LazyStore(
        settings.database_url,
        WEB_PATIENCE_SECONDS,
        may_create=partial(may_create_store, catalog),
        answer_seconds=WEB_ANSWER_SECONDS,
    )
    follower = Follower(
        catalog,
        store,
        lambda: find_model_of_settings(settings, store(), catalog),
        Journal(settings.data.journals),
        Heartbeats(settings.data.heartbeats),
    )
    keyring = Keyring(settings.api_keys, store, settings.data.keys)
    rates, folder = Rates.of(settings), FolderHealth(settings.data_dir)
    traces = _traces_to(settings.traces) if settings.traces else None
    return State(
        settings, store, follower, keyring, rates, folder, counters=counters, traces=traces
    )


def _state_over_collection(settings: Settings, counters: Counters) -> State:
    from recommender.web.collection_state import state_over  # noqa: PLC0415 - needs an extra

    return state_over(_state_of(settings, counters))


def _traces_to(address: str) -> "Traces":
    from recommender.web.traces import Traces  # noqa: PLC0415 - needs an extra

    return Traces(address)
