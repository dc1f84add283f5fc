"""Real child processes read hostile HTML: whatever one article does, the next is read correctly."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from recommender.analysis.html.feed_document import parse_feed_document
from recommender.analysis.html.sandbox import (
    FEED,
    LONGEST_MARKUP,
    PAGE,
    TASKS,
    TEXT,
    Sandbox,
    Task,
)
from recommender.analysis.html.web_page import PageReader
from recommender.errors import UnreadableMarkup
from tests.support.waiting import PATIENCE_SECONDS, until

MEGABYTE = 1_000_000
INNOCENT = "<p>The <b>ferry</b> was late.</p><p>Паром опоздал.</p><script>no</script>"
READ = "The ferry was late.\n\nПаром опоздал."  # noqa: RUF001 - Cyrillic
UNHURRIED = (
    "from dataclasses import replace; from recommender.analysis.html import sandbox_child; "
    "sys.argv = ['', '{0}']; tasks = sandbox_child.TASKS; "
    "tasks['{0}'] = replace(tasks['{0}'], cpu_seconds=100); sandbox_child.main()"
)
RECEIVE = "sys.stdin.buffer.read(300_007); os.write(1, b'\\x06')"
START_SECONDS = 1  # of processor time, for one more child

HOSTILE = {
    "a tag without an end": "<" + "a" * MEGABYTE,
    "tags without ends": "<a" * (MEGABYTE // 2),
    "open elements": "<a>" * (MEGABYTE // 3),
    "nesting": "<div>" * 200_000,
    "nesting as deep as goes": ("<b>" * 250 + "x" + "</b>" * 250) * 2_000,
    "nested tables": "<table><tr><td>x" * 80 + "<td>x" * 200_000,
    "nested wrappers": "<div class=share>" * 240 + "x " * 400_000,
    "a huge attribute": f"<p class='{'share- ' * 400_000}'>x",
    "many attributes": "<p " + " ".join(f"a{number}=b" for number in range(100_000)) + ">x",
    "the same attributes": "<p a a a a a a>" * 200_000,
    "CDATA floods": "<![CDATA[" * 200_000 + ">",
    "comments without ends": "<!--" * 500_000 + ">",
    "entities": "&amp;" * 600_000,
    "nested entities": (
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
        + "]><p>&a11;"
    ),
    "an entity of a file": "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><p>&f;",
    "page tags": "<body " * 400_000 + "</html" * 100_000,
    "line breaks": "x<br>" * 800_000,
    "scripts without ends": "<script>" * 400_000,
    "NUL": "\x00" * MEGABYTE + "<p>x",
    "lone surrogates": "\ud800" * MEGABYTE,
}


INNOCENT_PAGE = (
    "<title>Ferry late</title><article><h1>Ferry late</h1>"
    + "<p>The ferry was late again, and nobody on the quay knew why, or said so to us.</p>" * 2
    + "</article>"
)
HOSTILE_PAGES = {
    "a tag without an end": HOSTILE["a tag without an end"],
    "nesting": HOSTILE["nesting"],
    "nested tables": HOSTILE["nested tables"][:MEGABYTE],
    "nested entities": HOSTILE["nested entities"],
    "an entity of a file": HOSTILE["an entity of a file"],
    "paragraphs": "".join(
        f"<p>Paragraph {number} of a page that never ends, as it seems.</p>"
        for number in range(MEGABYTE // 60)
    ),
    "links": "".join(f"<p><a href=/{number}>x" for number in range(MEGABYTE // 20)),
    "data without ends": f"<script type='application/ld+json'>{'[' * MEGABYTE}</script>",
    "many data": f"<script type='application/ld+json'>[{'{},' * 100_000}{{}}]</script>" * 3,
}


def children() -> set[int]:
    pid = os.getpid()
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@pytest.fixture
def others() -> set[int]:
    """The child processes that this process had before."""
    return children()


def unhurried(task: Task) -> Sandbox:
    """A sandbox that a slow machine does not make end what is within all other limits."""
    return Sandbox(replace(task, wall_seconds=PATIENCE_SECONDS), fake(UNHURRIED.format(task.name)))


@pytest.fixture
def reader(others: set[int]) -> Iterator[Sandbox]:
    """A reader that ends its child process after the test; it may take its time."""
    with unhurried(TEXT) as reader:
        yield reader
    assert children() == others


@pytest.fixture
def child_of(others: set[int]) -> Callable[[], int]:
    """The only child that was started since."""

    def find() -> int:
        (pid,) = children() - others
        return pid

    return find


def is_gone(pid: int) -> bool:
    """Whether a process has ended, even if nobody has waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def fake(program: str) -> list[str]:
    """The command of a child that does something else."""
    return [sys.executable, "-I", "-c", f"import os, sys, time; {program}"]


def test_one_child_reads_article_after_article(
    reader: Sandbox, child_of: Callable[[], int]
) -> None:
    assert reader.read(INNOCENT) == READ
    first = child_of()
    assert [reader.read(f"<p>{number}</p>") for number in range(50)] == [*map(str, range(50))]
    assert reader.read("") == ""
    assert reader.read("\ud800<p>x") == "?\n\nx"
    assert child_of() == first


def test_a_child_starts_only_when_there_is_something_to_read(others: set[int]) -> None:
    with Sandbox() as reader:
        assert children() == others
        with pytest.raises(UnreadableMarkup, match="longer than 4194304 bytes"):
            reader.read("ж" * (LONGEST_MARKUP // 2) + "x")
        assert children() == others


def test_the_longest_article_is_read(reader: Sandbox) -> None:
    paragraph = "<p>слово</p>" + "<!-- " + "x" * 400 + " -->"
    count = LONGEST_MARKUP // len(paragraph.encode())
    assert reader.read(paragraph * count) == "\n\n".join(["слово"] * count)


@pytest.mark.long
@pytest.mark.parametrize(
    ("task", "html"),
    [
        *(pytest.param(TEXT, html, id=name) for name, html in HOSTILE.items()),
        *(pytest.param(PAGE, html, id=f"page: {name}") for name, html in HOSTILE_PAGES.items()),
    ],
)
def test_a_hostile_document_harms_only_itself(others: set[int], task: Task, html: str) -> None:
    start_seconds = max(START_SECONDS, start_seconds_of(task))
    before = used_by_children()
    with patient(task) as sandbox:
        with contextlib.suppress(UnreadableMarkup):
            assert "root:" not in sandbox.read(html)
        assert "Ferry late" in sandbox.read(INNOCENT_PAGE)
    assert children() == others
    starts = 2 if task is TEXT else 4  # trafilatura takes long to be imported
    assert used_by_children() - before <= task.cpu_seconds + starts * start_seconds


def used_by_children() -> float:
    """The processor time of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@cache
def start_seconds_of(task: Task) -> float:
    """The processor time that a child takes on this machine to start, and to read a short page."""
    before = used_by_children()
    with patient(task) as sandbox:
        sandbox.read(INNOCENT_PAGE)
    return used_by_children() - before


def patient(task: Task) -> Sandbox:
    """The task's own sandbox, but for its limit of time, within which a child has to start."""
    return Sandbox(replace(task, wall_seconds=PATIENCE_SECONDS))


@pytest.mark.long
def test_an_article_that_takes_too_long_is_stopped(others: set[int]) -> None:
    with Sandbox() as reader:
        with pytest.raises(UnreadableMarkup, match=r"more than (2 s of processor time|5 s)"):
            reader.read(HOSTILE["many attributes"] * 2)
        assert reader.read(INNOCENT) == READ
    assert children() == others


@pytest.mark.long
@pytest.mark.parametrize(
    ("task", "html", "complaint"),
    [
        (TEXT, "<li>x" * (LONGEST_MARKUP // 5), "body_html .* more than 256 MB of memory; send"),
        (PAGE, "x<br>" * (LONGEST_MARKUP // 5), "the page .* more than 512 MB of memory$"),
    ],
)
def test_a_document_that_takes_too_much_memory_is_stopped(
    child_of: Callable[[], int], task: Task, html: str, complaint: str
) -> None:
    with unhurried(task) as sandbox:
        assert "Ferry late" in sandbox.read(INNOCENT_PAGE)
        first = child_of()
        with pytest.raises(UnreadableMarkup, match=complaint):
            sandbox.read(html)
        assert "Ferry late" in sandbox.read(INNOCENT_PAGE)
        assert child_of() != first


def test_an_article_that_is_refused_ends_no_child(
    reader: Sandbox, child_of: Callable[[], int]
) -> None:
    assert reader.read(INNOCENT) == READ
    first = child_of()
    with pytest.raises(UnreadableMarkup) as refused:
        reader.read(HOSTILE["nesting"])
    assert str(refused.value) == (
        "body_html cannot be read: nested deeper than 255 elements; send its text as body"
    )
    with pytest.raises(UnreadableMarkup, match="longer than 1000000 characters"):
        reader.read("<p>" + "x" * (MEGABYTE + 1))
    assert reader.read(INNOCENT) == READ
    assert child_of() == first


def test_an_internal_error_affects_one_article_only(child_of: Callable[[], int]) -> None:
    faulty = fake(
        "from recommender.analysis.html import sandbox_child, html_to_text; "
        "sys.argv = ['', 'text']; "
        "html_to_text.html_to_text = lambda html: html if html == 'fine' else 1 / 0; "
        "sandbox_child.main()"
    )
    with Sandbox(TEXT, faulty) as reader:
        with pytest.raises(UnreadableMarkup, match="ZeroDivisionError: division by zero"):
            reader.read(INNOCENT)
        first = child_of()
        assert reader.read("fine") == "fine"
        assert child_of() == first


def test_limits_that_the_machine_sets_already_stay(child_of: Callable[[], int]) -> None:
    limited = fake(
        "from resource import *; setrlimit(RLIMIT_AS, (100_000_000, 100_000_000)); "
        f"setrlimit(RLIMIT_CPU, (50, 50)); {UNHURRIED.format('text')}"
    )
    with Sandbox(replace(TEXT, wall_seconds=PATIENCE_SECONDS), limited) as reader:
        assert reader.read(INNOCENT) == READ
        assert resource.prlimit(child_of(), resource.RLIMIT_AS) == (100_000_000, 100_000_000)
        assert resource.prlimit(child_of(), resource.RLIMIT_CPU) == (50, 50)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_child_is_confined(others: set[int], child_of: Callable[[], int], task: Task) -> None:
    with patient(task) as sandbox:
        sandbox.read(INNOCENT_PAGE)
        pid = child_of()
        memory = task.memory_bytes
        assert resource.prlimit(pid, resource.RLIMIT_AS) == (memory, memory)
        assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (0, 0)
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (task.open_files,) * 2
        soft, _ = resource.prlimit(pid, resource.RLIMIT_CPU)
        assert task.cpu_seconds <= soft <= task.cpu_seconds + processor_seconds(pid)
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) == 3
    assert children() == others


def processor_seconds(pid: int) -> float:
    """What a process has used so far."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
def test_a_child_stays_small_over_many_articles(
    reader: Sandbox, child_of: Callable[[], int]
) -> None:
    def size() -> int:
        return int(Path(f"/proc/{child_of()}/statm").read_text().split()[0])

    large = "<p>Some <i>words</i> of a long story.</p>" * 2_000
    for _ in range(3):
        reader.read(large)
    before = size()
    for _ in range(30):
        reader.read(large)
    assert size() <= before * 1.1


@pytest.mark.long
def test_a_child_killed_between_articles_is_replaced(
    reader: Sandbox, child_of: Callable[[], int]
) -> None:
    for _ in range(10):
        assert reader.read(INNOCENT) == READ
        os.kill(child_of(), signal.SIGKILL)  # may die before, while or after it is asked
    assert reader.read(INNOCENT) == READ
    killed = child_of()
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: is_gone(killed))
    assert reader.read("<p>" + "long " * 100_000) == "long " * 99_999 + "long"


def test_a_child_that_hangs_is_killed(child_of: Callable[[], int]) -> None:
    with patient(TEXT) as reader:
        assert reader.read(INNOCENT) == READ
        stopped = child_of()
        os.kill(stopped, signal.SIGSTOP)
        vars(reader)["_task"] = replace(TEXT, wall_seconds=1)
        with pytest.raises(UnreadableMarkup, match="takes more than 1 s"):
            reader.read("<p>" + "more than a pipe holds " * 100_000)
        assert is_gone(stopped)


@pytest.mark.parametrize("html", ["<p>short", "<p>" + "longer than a pipe " * 100_000])
def test_a_child_that_never_reads_is_killed(others: set[int], html: str) -> None:
    with Sandbox(replace(TEXT, wall_seconds=0.2), ["/bin/sleep", "60"]) as reader:
        for _ in range(2):
            with pytest.raises(UnreadableMarkup, match=r"takes more than 0\.2 s"):
                reader.read(html)
            assert children() == others


def test_a_child_that_answers_too_slowly_is_killed(others: set[int]) -> None:
    """One limit holds for an answer, not one for each of its bytes: 256 of them, half a second."""
    drops = "[(os.write(1, b'x'), time.sleep(0.05)) for _ in range(256)]"
    program = f"sys.stdin.buffer.read(5); os.write(1, b'\\x06\\0\\0\\1\\0'); {drops}"
    with Sandbox(replace(TEXT, wall_seconds=0.5), fake(program)) as reader:
        with pytest.raises(UnreadableMarkup, match=r"takes more than 0\.5 s"):
            reader.read(INNOCENT)
        assert children() == others


@pytest.mark.long
@pytest.mark.parametrize(
    "command",
    [
        ["/bin/cat"],
        ["/usr/bin/yes"],
        fake("os.write(1, b'\\x06\\xff\\xff\\xff\\xff' + b'x' * 100); time.sleep(60)"),
        fake("sys.stdin.buffer.read(5); os.close(1); time.sleep(60)"),
    ],
    ids=["echo", "flood", "endless", "closed"],
)
def test_an_answer_that_is_nonsense_is_refused(others: set[int], command: list[str]) -> None:
    with Sandbox(TEXT, command) as reader:
        with pytest.raises(UnreadableMarkup, match="the child answers nonsense"):
            reader.read(INNOCENT)
        assert children() == others


@pytest.mark.parametrize(
    ("program", "reason", "attempts"),
    [
        ("sys.exit(3)", "ended with status 3; try: .*html.sandbox_child text", 2),
        ("os.kill(os.getpid(), 11)", "died with signal 11", 2),
        (f"{RECEIVE}; sys.exit(3)", "ended with status 3", 1),
        (f"{RECEIVE}; os.kill(os.getpid(), 11)", "died with signal 11", 1),
        (f"{RECEIVE}; os.kill(os.getpid(), 24)", "more than 2 s of processor time", 1),
    ],
)
def test_only_a_request_that_was_not_received_is_repeated_and_only_once(
    tmp_path: Path, program: str, reason: str, attempts: int
) -> None:
    diary = tmp_path / "diary"
    written = f"open({str(diary)!r}, 'a').write('x'); "
    reader = Sandbox(TEXT, fake(written + program))
    with reader, pytest.raises(UnreadableMarkup, match=reason):
        reader.read("<p>" + "x" * 300_000)
    assert diary.read_text() == "x" * attempts


def test_unrequested_output_of_a_child_is_not_the_next_answer() -> None:
    answer = b'\x06\0\0\0\x0b["A", null]'
    program = f"sys.stdin.buffer.read(5); os.write(1, {answer * 2!r}); time.sleep(60)"
    with Sandbox(TEXT, fake(program)) as reader:
        assert reader.read("x") == "A"
        first = children()
        assert reader.read("x") == "A"
        assert children() != first


def asks_its_child(thread: int) -> bool:
    """Whether a thread has a child and is within the exchange, by the functions it is in."""
    inside = traceback.walk_stack(sys._current_frames()[thread])  # noqa: SLF001 - nothing else tells
    return "exchange" in {frame.f_code.co_name for frame, _ in inside}


def ring_when_it_waits(reading: int) -> None:
    """Send the alarm a moment after a thread asked its child: while it waits for the answer."""
    assert until(lambda: asks_its_child(reading))
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGALRM)


def test_an_interrupted_exchange_leaves_no_half_answer(others: set[int]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        slow = replace(TEXT, wall_seconds=PATIENCE_SECONDS)
        with Sandbox(slow, ["/bin/sleep", "60"]) as reader:
            waiting = threading.Thread(target=ring_when_it_waits, args=(threading.get_ident(),))
            waiting.start()
            with pytest.raises(KeyboardInterrupt):
                reader.read(INNOCENT)
            waiting.join()
            assert children() == others
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_closed_reader_may_read_again(reader: Sandbox, child_of: Callable[[], int]) -> None:
    assert reader.read(INNOCENT) == READ
    first = child_of()
    reader.close()
    reader.close()
    assert is_gone(first)
    assert reader.read(INNOCENT) == READ


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, time; from recommender.analysis.html.sandbox import Sandbox; "
        "r = Sandbox(); "
        "r.read('x'); print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen(  # noqa: S603 - this interpreter, words of our own
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
    assert until(lambda: is_gone(child))


def test_a_child_whose_answer_is_no_page_is_refused() -> None:
    with (
        PageReader(Sandbox(TEXT)) as pages,
        pytest.raises(
            UnreadableMarkup, match="the page cannot be read: the child answers nonsense"
        ),
    ):
        pages.read(INNOCENT_PAGE)


# Feeds.


@pytest.mark.long
def test_a_feed_that_would_take_hours_is_stopped() -> None:
    author = b"<author>@" + b"a" * 200_000 + b"</author>"
    document = b"<rss version='2.0'><channel><item><guid>1</guid>" + author
    hurried = fake(
        "from dataclasses import replace; from recommender.analysis.html import sandbox_child; "
        "tasks = sandbox_child.TASKS; tasks['feed'] = replace(tasks['feed'], cpu_seconds=1); "
        "sys.argv = ['', 'feed']; sandbox_child.main()"
    )
    with (
        Sandbox(replace(FEED, cpu_seconds=1), hurried) as sandbox,
        pytest.raises(UnreadableMarkup, match="cannot be read as a feed: it needs more than 1 s"),
    ):
        sandbox.read(document)


def test_a_fault_in_feedparser_is_reported_in_a_line() -> None:
    spaced = "<rss version='2.0' xmlns:a='h\u00a0ttp://x'><channel><a:b/></channel></rss>"
    with (
        Sandbox(FEED) as sandbox,
        pytest.raises(UnreadableMarkup, match=r"^cannot be read as a feed: ValueError: .*$"),
    ):
        sandbox.read(spaced)


def test_a_feed_comes_as_feedparser_reads_it() -> None:
    item = "<item><guid>1</guid><title>T &amp; \ud7ff \x7f \U0001f680</title></item>"
    document = f"<rss version='2.0'><channel>{item}</channel></rss>".encode()
    with Sandbox(FEED) as sandbox:
        found = json.loads(sandbox.read(document))
    assert found == json.loads(json.dumps(parse_feed_document(document)))
    assert found["entries"][0]["title"] == "T & \ud7ff \x7f \U0001f680"
