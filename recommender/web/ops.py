"""The operator's probes."""

from flask import Blueprint, Response, jsonify

from recommender.web.state import state

__all__ = ["ops"]

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@ops.get("/readyz")
def readyz() -> Response:
    """A snapshot is there to answer from; 503 until then."""
    snapshot = state().live.current()
    return jsonify(
        {"status": "ready", "generation": snapshot.generation, "articles": len(snapshot)}
    )
