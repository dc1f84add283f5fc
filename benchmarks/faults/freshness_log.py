"""What the indexer logs of an article: when its text was embedded, and how long that took."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = ["Encoded", "encodings"]

_LINE: Final = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(?P<ms>\d{3}) indexer: "
    r"embedded \[(?P<ids>[^\]]*)\] in (?P<seconds>[0-9.]+) s$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encode call: when it was over (seconds since 1970), how long it took, of how many."""

    ended_at: float
    seconds: float
    articles: int


def encodings(words: str, wanted: Iterable[str]) -> dict[str, Encoded]:
    """The last encode call of each wanted article that was read."""
    wanted = set(wanted)
    found: dict[str, Encoded] = {}
    for line in _LINE.finditer(words):
        ids = re.findall(r"'([^']+)'", line["ids"])
        known = wanted.intersection(ids)
        if known:
            moment = datetime.strptime(line["at"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - local time
            ended = time.mktime(moment.timetuple()) + int(line["ms"]) / 1e3
            found |= dict.fromkeys(known, Encoded(ended, float(line["seconds"]), len(ids)))
    return found
