"""What the console costs: those who work in it, and the readers beside them.

    python -m benchmarks.console [--articles 100000] [--folder FOLDER]

`read-also serve` with two workers and the bundled model over a made-up archive (`served_archive`).
Every figure stands beside its bar; the command ends with 1 if one is missed. It needs Chromium and
two quiet cores. An archive that was made before in FOLDER is used again.

- *Story page*: the first byte over HTTP; in Chromium, when its scripts have run.
- *Search*: headlines are typed letter by letter; each letter is a request.
- *Map*: in Chromium, from the click until the points are drawn, at the first visit and later; then
  frames while the mouse drags it.
- *Readers*: so many lists a second, each of another story, without a busy console and with it.
  Four people are in it: one types in the search, one moves a slider, one opens stories, one looks
  through the other pages. A wait counts from the moment when a list was due.

CPU is that of all processes of the service, for one request; other programs hardly change it.
"""

import multiprocessing
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote, urlencode

import click
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.figures import Figure, report
from benchmarks.idle import descendants, memory_of
from benchmarks.readers import Line, read_lists
from benchmarks.served_archive import Service, id_of, served_archive, title_of
from recommender.operations.console_process import NICENESS

KEY: Final = "bench-0123456789abcdef"
STORIES: Final = 60
OPENED: Final = 10
"""So many stories are opened in Chromium."""
TITLES: Final = 25
LONGEST_TYPED: Final = 14
DRAG_SECONDS: Final = 4.0
READS_A_SECOND: Final = 20.0
LEAD_SECONDS: Final = 4.0
"""So long before the readers the console is busy: its people start and sign in."""
PATIENCE_SECONDS: Final = 60.0
OTHER_PAGES: Final = (
    *("", "/today", "/map", "/map/points", "/quality", "/health", "/making", "/find", "/desk"),
)
Headers = dict[str, str]

FRAMES: Final = """() => { window.frames_seen = []; window.moves_seen = 0;
  addEventListener('pointermove', () => { window.moves_seen += 1; });
  const note = (at) => { window.frames_seen.push(at); requestAnimationFrame(note); };
  requestAnimationFrame(note); }"""
DRAWN: Final = """() => new Promise((done) => requestAnimationFrame(
  () => requestAnimationFrame(() => done(performance.now()))))"""
RUN: Final = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def sign_in(port: int) -> Headers:
    """The cookie of a new session."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/console/sign-in", urlencode({"key": KEY}), form)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303, answer.status
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    return {"Cookie": cookie}


def percentiles(name: str, spent: Sequence[float], bar: float) -> list[Figure]:
    """The median, and the p95 with its bar."""
    p50, p95 = np.percentile(spent, [50, 95])
    return [Figure(f"{name}, p50, ms", p50), Figure(f"{name}, p95, ms", p95, bar, "most")]


def time_each(
    service: Service, name: str, line: Line, paths: Sequence[str], bar: float
) -> list[Figure]:
    """The first byte of some answers, one after the other, and the CPU of one."""
    used = service.cpu_seconds
    spent = [line.time(path) for path in paths]
    cpu = 1e3 * (service.cpu_seconds - used) / len(paths)
    return [*percentiles(name, spent, bar), Figure(f"{name}, CPU, ms", cpu)]


def measure_story(service: Service, cookie: Headers, articles: int) -> list[Figure]:
    """The pages of some stories, none of them asked for before."""
    picked = Random(1).sample(range(articles), STORIES)  # noqa: S311
    paths = [f"/console/story/{id_of(number)}" for number in picked]
    with closing(Line(service.port, cookie)) as line:
        line.time(f"/console/story/{id_of(0)}")  # opens what is opened once
        return time_each(service, "story page, first byte", line, paths, 150)


def measure_search(service: Service, cookie: Headers, articles: int) -> list[Figure]:
    """The answers to every letter that is typed, from the second one on."""
    picked = Random(2).sample(range(articles), TITLES)  # noqa: S311
    typed = [title_of(one)[:end] for one in picked for end in range(2, LONGEST_TYPED)]
    paths = [f"/console/find?q={quote(text)}" for text in typed]
    with closing(Line(service.port, {**cookie, "X-Part": "1"})) as line:
        first = line.time("/console/find?q=water")
        figures = time_each(service, "search, a letter", line, paths, 150)
    return [Figure("search, the first one of a worker, ms", first), *figures]


@contextmanager
def chromium(port: int) -> Iterator[Page]:
    """A page of Chromium that is signed in."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with TemporaryDirectory() as home, sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], env={"HOME": home}
        )
        page = browser.new_page(
            base_url=f"http://127.0.0.1:{port}", viewport={"width": 1280, "height": 900}
        )
        page.set_default_timeout(1e3 * PATIENCE_SECONDS)
        page.goto("/console/sign-in")
        page.fill("[name=key]", KEY)
        page.keyboard.press("Enter")
        page.wait_for_url("**/console")
        yield page
        browser.close()


def measure_opened(page: Page, articles: int) -> list[Figure]:
    """When the scripts of some stories' pages have run: whoever clicks then is answered."""
    spent = []
    for number in Random(3).sample(range(articles), OPENED + 1):  # noqa: S311
        page.goto(f"/console/story/{id_of(number)}")
        spent.append(float(page.evaluate(RUN)))
    return percentiles("story page, interactive", spent[1:], 1_000)


def open_map(page: Page) -> float:
    """Milliseconds until all points are drawn."""
    page.goto("/console/map", wait_until="commit")
    page.wait_for_selector("#map[data-ready]")
    return float(page.evaluate(DRAWN))


def measure_map(page: Page) -> list[Figure]:
    """The time to the first picture, and frames while it is dragged in a circle."""
    first, again = open_map(page), min(open_map(page) for _ in range(3))
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(FRAMES)
    until, angle = time.monotonic() + DRAG_SECONDS, 0.0
    while time.monotonic() < until:
        angle += 0.1
        page.mouse.move(x + 150 * np.sin(angle), y + 150 * (1 - np.cos(angle)))
    seen, moves = page.evaluate("[frames_seen, moves_seen]")
    page.mouse.up()
    passed = (seen[-1] - seen[0]) / 1e3
    return [
        Figure("map, drawn at the first visit, ms", first, 2_000, "most"),
        Figure("map, drawn again, ms", again, 2_000, "most"),
        Figure("map, frames a second while it is dragged", (len(seen) - 1) / passed, 30, "above"),
        Figure("map, moves of the mouse that it followed a second", moves / passed),
        Figure("map, p95 of the time between two frames, ms", np.percentile(np.diff(seen), 95)),
    ]


def work_on(port: int, articles: int, seconds: float) -> Counter[int]:
    """Be the four people in the console for a while; how often each status was answered."""
    draw, story = Random(4), id_of(articles // 2)  # noqa: S311
    title = cycle(title_of(1)[:end] for end in range(2, 40))
    slider, other = cycle(range(0, 101, 5)), cycle(OTHER_PAGES)
    people: list[tuple[float, Callable[[], str], Headers]] = [
        (0.2, lambda: f"/find?q={quote(next(title))}", {"X-Part": "1"}),
        (0.4, lambda: f"/story/{story}?age={next(slider)}&tried=1", {"X-Part": "1"}),
        (1.0, lambda: f"/story/{id_of(draw.randrange(articles))}", {}),
        (1.0, lambda: next(other), {}),
    ]
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(len(people)) as threads:
        work = [threads.submit(_work_as, port, end, *one) for one in people]
        return Counter(status for one in work for status in one.result())


def _work_as(
    port: int, end: float, every: float, next_path: Callable[[], str], headers: Headers
) -> list[int]:
    """One person, who goes on some time after each answer; the statuses."""
    statuses = list[int]()
    with closing(Line(port, sign_in(port) | headers)) as line:
        while time.monotonic() < end:
            statuses.append(line.ask(f"/console{next_path()}")[0])
            time.sleep(every)
    return statuses


def measure_readers(service: Service, articles: int, seconds: float, rounds: int) -> list[Figure]:
    """The waits for lists without and with a busy console, by turns."""

    def read(turn: int, seconds: float = seconds) -> list[float]:
        return read_lists(service.port, {"X-API-Key": KEY}, articles, seconds, READS_A_SECOND, turn)

    read(-1, seconds / 2)
    quiet, beside, answered = list[float](), list[float](), Counter[int]()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        for turn in range(rounds):
            quiet += read(2 * turn)
            people = process.submit(work_on, service.port, articles, seconds + LEAD_SECONDS)
            time.sleep(LEAD_SECONDS)
            beside += read(2 * turn + 1)
            answered += people.result()
    alone, busy = (np.percentile(waits, [50, 99]) for waits in (quiet, beside))
    passed = rounds * (seconds + LEAD_SECONDS)
    return [
        Figure("busy console, good answers a second", answered[200] / passed, 1, "least"),
        Figure("busy console, other answers", answered.total() - answered[200]),
        Figure("a list, p50, ms", alone[0]),
        Figure("a list beside a busy console, p50, ms", busy[0]),
        Figure("a list, p99, ms", alone[1]),
        Figure("a list beside a busy console, p99, ms", busy[1]),
        Figure("p99 beside a busy console by p99 without", busy[1] / alone[1], 1.2, "most"),
    ]


def measure_memory(service: Service) -> Figure:
    """What the console's process has for itself: of all that serve it alone is at its niceness."""
    niceness = {
        pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in descendants(service.supervisor)
    }
    (console,) = (pid for pid, nice in niceness.items() if nice == NICENESS)
    return Figure("memory of the console alone, MiB", memory_of(console, "Private_") / 2**20)


def measure(service: Service, articles: int, seconds: float, rounds: int) -> list[Figure]:
    """Measure everything."""
    cookie = sign_in(service.port)
    found = measure_story(service, cookie, articles)
    found += measure_search(service, cookie, articles)
    with chromium(service.port) as page:
        found += measure_opened(page, articles) + measure_map(page)
    found += measure_readers(service, articles, seconds, rounds)
    return [*found, measure_memory(service)]


@click.command(help=__doc__)
@click.option("--articles", default=100_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Keeps the archive.")
@click.option("--seconds", default=20.0, show_default=True, help="Of reading, each time.")
@click.option("--rounds", default=3, show_default=True, help="Of reading without and with.")
def main(articles: int, folder: Path | None, seconds: float, rounds: int) -> None:
    """Make the archive, and print the figures."""
    with served_archive(articles, folder, KEY) as (service, _):
        figures = measure(service, articles, seconds, rounds)
    sys.exit(report(figures, click.echo))


if __name__ == "__main__":
    main()
