"""The HTTP service: Flask blueprints for a CMS, for readers' pages and for operators."""

from flask import Flask

from recommender.web.allocator import bound_kept_memory
from recommender.web.article_routes import articles
from recommender.web.audit_routes import audit
from recommender.web.bulk_routes import bulk
from recommender.web.console import console
from recommender.web.fragment import fragment
from recommender.web.front_door import FrontDoor
from recommender.web.list_routes import lists
from recommender.web.openapi import manual
from recommender.web.operator_routes import operations
from recommender.web.override_routes import overrides
from recommender.web.page_routes import assets
from recommender.web.problems import answer_problems
from recommender.web.responses import add_security_headers
from recommender.web.sample_site import reader
from recommender.web.state import EXTENSION, State
from recommender.web.status_routes import statuses
from recommender.web.watch import watch_requests

__all__ = ["EXTENSION", "State", "register"]

BLUEPRINTS = (
    *(lists, fragment, articles, bulk, overrides, statuses),
    *(audit, assets, operations, manual, console),
)


def register(app: Flask, state: State, *, reader_pages: bool) -> None:
    """Let an application answer all calls from a state.

    With `reader_pages` there is a newspaper of all stories too, as the demonstration has it.
    """
    app.extensions[EXTENSION] = state
    watch_requests(app)  # first: what runs last after a request was registered first
    answer_problems(app)
    bound_kept_memory()
    for blueprint in (*BLUEPRINTS, reader) if reader_pages else BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.after_request(add_security_headers)
    app.wsgi_app = FrontDoor(app, app.wsgi_app)  # type: ignore[method-assign]
