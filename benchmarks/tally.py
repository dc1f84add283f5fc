"""What a service answered to very many requests, and which answers were accidents."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Tally"]


@dataclass
class Tally:
    """How often each call was answered how, and what was wrong, once of each kind."""

    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many requests were made."""
        return self.answers.total()

    def count(self, call: str, kind: str, status: int, headers: Any) -> None:  # noqa: ANN401
        """Count an answer; one that is an accident is a failure."""
        self.answers[call, kind, status] += 1
        if status >= 500 and not (status == 503 and "Retry-After" in headers):
            self.failures[call, str(status)] = f"{call} answered {status}"

    def lines(self) -> Iterator[str]:
        """By call and kind how often each status came."""
        for call, kind in sorted({(call, kind) for call, kind, _ in self.answers}):
            told = {s: n for (c, k, s), n in sorted(self.answers.items()) if (c, k) == (call, kind)}
            yield f"{call:<45} {kind:<9}" + "".join(f" {s}:{n}" for s, n in told.items())
        in_all = Counter[int]()
        for (_, _, status), number in self.answers.items():
            in_all[status] += number
        yield f"in all {self.cases}: " + ", ".join(f"{s}: {n}" for s, n in sorted(in_all.items()))
