"""What counts of what writers wrote, one after another, and to an engine that delays it."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from index.tenures import FILLING, Stamp, Tenures, later_than


def test_what_was_read_after_the_place_where_a_later_writer_began_is_late() -> None:
    tenures = Tenures.of({3: 10, 5: 40, 8: 20})
    assert tenures.began == {3: 10, 8: 20}
    assert [tenures.admit(Stamp(3, since)) for since in (10, 19, 20, 90)] == [1, 1, 0, 0]
    assert [tenures.admit(Stamp(5, since)) for since in (40, 90)] == [0, 0]
    assert all(tenures.admit(Stamp(8, since)) for since in (20, 90))


@given(began=st.dictionaries(st.integers(1, 9), st.integers(0, 5)), tenure=st.integers(0, 9))
def test_tenures_that_tell_nothing_more_are_not_needed(began: dict[int, int], tenure: int) -> None:
    kept = Tenures.of(began)
    assert Tenures.of(kept.began).began == kept.began == dict(sorted(kept.began.items()))
    assert [*kept.began.values()] == sorted({*kept.began.values()})
    for since in range(-1, 6):
        late = any(number > tenure and since >= place for number, place in began.items())
        assert kept.admit(Stamp(tenure, since)) is not late


def test_rows_of_the_filling_and_of_writers_not_known_yet_count() -> None:
    tenures = Tenures.of({1: 0, 2: 5})
    assert tenures.admit(FILLING)
    assert tenures.admit(Stamp(9, 99))
    assert Tenures().admit(Stamp(1, 1))


def test_a_new_number_is_above_all_others_and_chosen_by_nobody_else() -> None:
    numbers = {0}
    for _ in range(100):
        number = later_than(numbers)
        assert max(numbers) < number < 2**63
        numbers.add(number)
    assert later_than(numbers) != later_than(numbers)


class Engine:
    """Rows by id, and writers of which some hear nothing more of what they send."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.log: list[tuple[str, bool]] = []  # an article, and whether it is there from then on
        self.rows: dict[str, tuple[Stamp, int]] = {}
        self.began, self.noted = {1: 0}, {1: 0}
        self.under_way: list[tuple[str, Stamp, int]] = []

    def replace_writer(self) -> None:
        number = max(self.began) + 1
        self.began[number] = self.noted[number] = self.noted[max(self.noted)]

    def write(self, writer: int, *, is_slow: bool) -> None:
        """Write all after the place that a writer has noted, and note the end; or, if it is slow,
        send it and be replaced."""
        since, end = self.noted[writer], len(self.log)
        page = {one: (at, there) for at, (one, there) in enumerate(self.log) if at >= since}
        stamp = Stamp(writer, since)
        if is_slow:
            self.under_way += [(one, stamp, at) for one, (at, there) in page.items() if there]
            self.replace_writer()
            return
        for one, (at, there) in page.items():
            if there:
                self.rows[one] = (stamp, at)
            elif one in self.rows and self.rows[one][0].tenure <= writer:
                del self.rows[one]
        self.noted[writer] = end

    def step(self) -> None:
        some = self.draw.choices("abc", k=self.draw.randrange(3))
        self.log += [(one, self.draw.random() < 0.5) for one in some]
        if self.draw.random() < 0.2:
            self.replace_writer()
        writer = self.draw.choice([max(self.began), *self.began])
        self.write(writer, is_slow=self.draw.random() < 0.4)
        if self.under_way and self.draw.random() < 0.3:
            one, stamp, at = self.under_way.pop(self.draw.randrange(len(self.under_way)))
            self.rows[one] = (stamp, at)

    def listed(self) -> set[str]:
        """What a worker lists that begins now, and holds what it finds against the log."""
        known, begin = Tenures.of(self.began), self.noted[max(self.noted)]
        changed = {one for one, _ in self.log[begin:]}
        return {one for one, (stamp, _) in self.rows.items() if known.admit(stamp)} - changed


@given(seed=st.integers(0, 10**6))
def test_what_is_deleted_is_listed_by_nobody_whatever_arrives_when(seed: int) -> None:
    engine = Engine(Random(seed))  # noqa: S311 - an example
    for _ in range(60):
        engine.step()
        present = {one for one, there in dict(engine.log).items() if there}
        assert engine.listed() <= present
