"""The web application: `create_app()` wires settings, store, snapshots and blueprints."""

from typing import Final

from flask import Flask, Response

from index import Catalog
from recommender.live import LiveSnapshot
from recommender.policy import Policy
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web import EXTENSION, State, answer_problems, api, fragment, ops, reader

__all__ = ["create_app"]

LARGEST_BODY: Final = 4 * 2**20


def create_app(settings: Settings | None = None, *, reader_pages: bool = False) -> Flask:
    """Make the application of one worker.

    Args:
        settings: from the environment if None.
        reader_pages: whether `/read/{id}` shows whole stories, as the demonstration does.

    Raises:
        BadSettings: a setting is malformed.
        StoreUnusable: the store cannot be opened.
    """
    settings = settings or Settings.from_environment()
    app = Flask("read-also", static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions[EXTENSION] = State(
        settings=settings,
        store=open_store(settings.database_url),
        live=LiveSnapshot(Catalog(settings.snapshots_dir)),
        policy=Policy(),
    )
    answer_problems(app)
    for blueprint in (api, fragment, ops, *((reader,) if reader_pages else ())):
        app.register_blueprint(blueprint)
    app.after_request(_no_sniffing)
    return app


def _no_sniffing(response: Response) -> Response:
    """What is JSON or text is never taken for a script or a page."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
