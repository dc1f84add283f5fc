"""The connection to a server that embeds: posts JSON, with limits on time and size, and retries.

The environment (proxies, netrc) is not used, and redirects are refused: the key goes to the address
of the settings and nowhere else. No message has the key.
"""

import logging
import re
import ssl
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from recommender.characters import printable
from recommender.encoding_settings import PREFIX, EncoderServer
from recommender.errors import EncoderAway
from recommender.release import USER_AGENT

__all__ = ["EncoderConnection", "ServerAnswer", "trusted_certificates"]

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
ATTEMPTS: Final = 4  # more, where a caller is patient
SLOW_ATTEMPTS: Final = 2  # of these, the number that may end by a time-out
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 3.0  # the indexer must be able to end soon
LONGEST_PATIENT_WAIT_SECONDS: Final = 30.0
MOST_BYTES: Final = 32 * 2**20  # 32 vectors of 8,192 numbers are 7 MB
MOST_QUOTED: Final = 200  # letters of a server's message

_log = logging.getLogger(__name__)
_OF_THE_TEXTS: Final = frozenset({400, 413, 422, 424, 500})
"""Statuses that may be due to the texts, and not to the state of the server."""
_REDIRECTS: Final = range(300, 400)
_KEY: Final = re.compile(r"[!-~]+")
_SECONDS: Final = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The last answer to a request: 200, or a status that may be due to the texts."""

    status: int
    body: bytes

    @property
    def message(self) -> str:
        """The status, and the beginning of what the server says."""
        said = self.body[: 4 * MOST_QUOTED].decode("utf-8", errors="replace")
        return f"{self.status} {printable(said)[:MOST_QUOTED]}"


class EncoderConnection:
    """Posts JSON to one address."""

    def __init__(
        self,
        server: EncoderServer,
        patience_seconds: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            server: its address, and the file of its key.
            patience_seconds: how long to wait for a server that has answered before, and is busy
                or away now.
            sleep: waits some seconds before the next attempt.
        """
        self._server = server
        self._patience = patience_seconds
        self._sleep = sleep
        self._has_answered = False
        for name in ("httpx", "httpcore"):  # they log the query and, when asked to, the key
            logging.getLogger(name).setLevel(logging.WARNING)
        self._http = httpx.Client(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
            verify=trusted_certificates(server.url),
        )
        weakref.finalize(self, self._http.close)

    def post(self, document: Mapping[str, object]) -> ServerAnswer:
        """Send a request until it is answered.

        Raises:
            EncoderAway: the server cannot be reached, says that it cannot answer now, or refuses
                the address or the key.
        """
        retries = _Retries(self._patience if self._has_answered else 0.0, self._sleep)
        while True:
            try:
                answer, asked = self._post_once(document)
            except httpx.TransportError as fault:
                if not retries.wait(slow=isinstance(fault, httpx.TimeoutException)):
                    raise self._away(f"does not answer ({fault})") from fault
            else:
                of_texts = answer.status in _OF_THE_TEXTS
                if not (_is_passing(answer.status) and retries.wait(asked, of_texts=of_texts)):
                    return self._accept(answer)

    def _accept(self, answer: ServerAnswer) -> ServerAnswer:
        """The answer, if it is one of the texts.

        Raises:
            EncoderAway: its status is of the server, the address or the key.
        """
        status = answer.status
        self._has_answered |= status == HTTPStatus.OK
        if status == HTTPStatus.OK or status in _OF_THE_TEXTS:
            return answer
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._away(f"answers {status}; give it a key: {PREFIX}ENCODER_KEY_FILE")
        if status in _REDIRECTS:
            raise self._away(f"redirects; write the last address into {PREFIX}ENCODER_URL")
        raise self._away(f"answers {answer.message}")

    def _post_once(self, document: Mapping[str, object]) -> tuple[ServerAnswer, float | None]:
        """The answer to one request, and how many seconds the server wants us to wait.

        The key is read anew for each, so that it can be changed while the program runs.
        """
        ends_at = time.monotonic() + ANSWER_SECONDS
        key = None if self._server.key_file is None else read_key(self._server.key_file)
        headers = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        with self._http.stream(
            "POST", self._server.url, json=document, headers=headers
        ) as response:
            body = bytearray()
            for piece in response.iter_raw():
                body += piece
                if len(body) > MOST_BYTES:
                    raise self._away(f"answers with more than {MOST_BYTES} bytes")
                if time.monotonic() > ends_at:
                    raise httpx.ReadTimeout("the answer takes too long")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._away("packs its answer, which was not asked for")
        shown = body if key is None else body.replace(key.encode(), b"***")
        return ServerAnswer(response.status_code, bytes(shown)), _seconds(response)

    def _away(self, what: str) -> EncoderAway:
        return EncoderAway(f"the encoder at {self._server.shown} {what}")


def trusted_certificates(url: str) -> ssl.SSLContext:
    """Certificates for an address: of certifi and of the system; none for http, to save time."""
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted = httpx.create_ssl_context(trust_env=False)
    trusted.load_default_certs()
    return trusted


class _Retries:
    """Waits between the attempts of one request, and says when there were enough."""

    def __init__(self, patience_seconds: float, sleep: Callable[[float], object]) -> None:
        self._patience = patience_seconds
        self._sleep = sleep
        self._attempts = self._slow = 0
        self._waited = 0.0

    def wait(
        self, asked: float | None = None, *, slow: bool = False, of_texts: bool = False
    ) -> bool:
        """Wait before the next attempt; False, at once, if there were enough.

        Args:
            asked: how many seconds the server wants us to wait.
            slow: whether the attempt ended by a time-out.
            of_texts: whether the failure may be due to the texts: patience would not help.
        """
        self._attempts += 1
        self._slow += slow
        is_patient = self._waited < self._patience and not of_texts
        if not is_patient and (self._attempts >= ATTEMPTS or self._slow >= SLOW_ATTEMPTS):
            return False
        longest = LONGEST_PATIENT_WAIT_SECONDS if is_patient else LONGEST_WAIT_SECONDS
        usual = FIRST_WAIT_SECONDS * 2 ** (self._attempts - 1)
        pause = min(usual if asked is None else asked, longest)
        if is_patient and self._attempts >= ATTEMPTS:
            _log.warning("the encoder is away or busy; trying again in %.0f s", pause)
        self._sleep(pause)
        self._waited += max(pause, FIRST_WAIT_SECONDS)
        return True


def read_key(path: Path) -> str:
    """Read the key in the first line of a file.

    Raises:
        EncoderAway: there is none.
    """
    try:
        key = path.read_text("ascii").partition("\n")[0].strip()
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not plain ASCII"
        raise EncoderAway(f"the key of the encoder in {path} cannot be read: {reason}") from None
    if not _KEY.fullmatch(key):
        raise EncoderAway(f"the first line of {path} is no key of an encoder")
    return key


def _is_passing(status: int) -> bool:
    """Whether another try may be answered otherwise."""
    return status in {408, 424, 425, 429} or status >= 500  # noqa: PLR2004 - an error of the server


def _seconds(response: httpx.Response) -> float | None:
    """The seconds of the header Retry-After; None if it has none."""
    text = response.headers.get("retry-after", "")
    return float(text) if _SECONDS.fullmatch(text) else None
