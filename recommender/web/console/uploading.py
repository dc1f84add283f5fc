"""A file of the first steps: a script sends it in pieces, and goes on after a break."""

import time
from datetime import UTC, datetime
from typing import Final

from flask import Response, request
from flask.typing import ResponseReturnValue

from recommender.errors import BadParameter
from recommender.sources.uploads import PIECE, FileRefused, Upload, Uploads
from recommender.web.auth import holds_at
from recommender.web.bodies import read_body
from recommender.web.console.access import (
    actor_of_session,
    console,
    current_session,
    opened,
    writing_as_session,
)
from recommender.web.console.page import shown_language
from recommender.web.console.sent_values import find_number
from recommender.web.console.words import words_of
from recommender.web.problems import Refused, problem, status_of
from recommender.web.state import state

__all__ = ["begun_uploads"]

BETWEEN: Final = ": "
"""It stands between the name of a key, which has no colon, and that of a person."""
NOT_STORED: Final = {"Cache-Control": "no-store"}


@console.post("/files")
@opened("admin")
def begin_file() -> ResponseReturnValue:
    """Begin to send a file, or find out where to go on with it."""
    size = find_number(request.form.get("size", ""))
    if size is None:
        raise BadParameter("size: must be a number of bytes")
    with state().reading() as store:
        waiting = store.jobs.waiting_files()
    uploads = _uploads()
    uploads.sweep(waiting)
    uploads.drop_of_others(waiting, _may_send)
    name, modified = (request.form.get(field, "") for field in ("name", "modified"))
    return _how_far(uploads.begin(_owner(), name, size, modified))


@console.post("/files/<upload_id>/pieces/<number>")
@opened("admin")
def take_piece(upload_id: str, number: str) -> ResponseReturnValue:
    """Take the piece that begins at a byte; refused if the file goes on at another one."""
    at = find_number(number)
    if at is None:
        raise Refused(404, "there is no such piece")
    upload, piece = _find(upload_id), read_body(PIECE)
    try:
        return _how_far(_uploads().add(upload, at, piece))
    except FileNotFoundError as error:  # removed meanwhile
        raise Refused(404, _say("gone")) from error


@console.post("/files/<upload_id>/read")
@opened("admin")
def read_file(upload_id: str) -> ResponseReturnValue:
    """Ask for the import of a file that has arrived; once, however often the script asks."""
    upload = _find(upload_id)
    if not upload.is_whole:
        raise Refused(409, _say("cut_off"))
    with writing_as_session() as store:
        if upload.id not in store.jobs.waiting_files():
            store.jobs.ask("file", f"{upload.id} {upload.name}", actor_of_session().name)
    return _how_far(upload)


@console.post("/files/<upload_id>/forget")
@opened("admin")
def forget_file(upload_id: str) -> ResponseReturnValue:
    """Remove what has arrived of a file that is not read."""
    upload = _find(upload_id)
    with state().reading() as store:
        if upload.id in store.jobs.waiting_files():
            raise Refused(409, _say("in_use"))
    _uploads().drop(upload.id)
    return "", 204, NOT_STORED


@console.errorhandler(FileRefused)
def tell_refused(refusal: FileRefused) -> Response:
    """Say in the language of the page why a file is not taken."""
    return problem(status_of(refusal), _say(refusal.code).format(**refusal.values))


def begun_uploads() -> list[Upload]:
    """The files that this person has begun to send and that have not arrived yet."""
    return [one for one in _uploads().all() if one.owner == _owner() and not one.is_whole]


def _how_far(upload: Upload) -> ResponseReturnValue:
    return {"id": upload.id, "received": upload.received, "piece": PIECE}, NOT_STORED


def _uploads() -> Uploads:
    return Uploads(state().settings.data.uploads)


def _say(code: str) -> str:
    return words_of("start", shown_language())[f"refused_{code}"]


def _owner() -> str:
    """Who sends: the key and the person, so that a file goes on after a new sign-in."""
    session = current_session()
    return "" if session is None else f"{session.key_name}{BETWEEN}{session.person}"


def _may_send(owner: str) -> bool:
    """Whether the key of an owner still opens this page; if not, nobody can go on with the file."""
    name, now = owner.partition(BETWEEN)[0], datetime.fromtimestamp(time.time(), UTC)
    found = (key for key in state().keyring.keys if key.name == name)
    return any("admin" in key.scopes and holds_at(key, now) for key in found)


def _find(upload_id: str) -> Upload:
    """The file that this person sends.

    Raises:
        Refused: there is none of this id, or somebody else sends it.
    """
    found = _uploads().find(upload_id, _owner())
    if found is None:
        raise Refused(404, _say("gone"))
    return found
