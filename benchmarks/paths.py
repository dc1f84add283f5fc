"""Which files a request for a list, and a rebuild, pass through: `python -m benchmarks.paths`.

The interpreter's own profiling hook notes each of our functions when it is called for the first
time: a reader who follows the work opens the files in this order. Reported are the files, the
functions, and how often the order goes back to a file that it had left. The figures are the same
on every machine. With `--most-files` and the like the command fails above a bound.
"""

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Final

import click
from click.testing import CliRunner

from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.cli import main as read_also
from recommender.indexing.rebuild import rebuild
from recommender.settings import Settings
from recommender.store import open_store
from service import create_app

ROOT: Final = Path(__file__).resolve().parents[1]
OURS: Final = tuple(f"{ROOT}/{name}" for name in ("index/", "recommender/", "service.py"))
SAMPLE: Final = ROOT / "recommender" / "sample" / "articles.jsonl"
SEED: Final = "guiyang-smart-city"
OTHER_SEED: Final = "library-bus-naryn"
KEY: Final = "read-0123456789abcdef"
ANONYMOUS: Final = ("<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>", "<module>")


@dataclass(slots=True)
class Route:
    """The functions of ours that some work calls, in the order of the first call of each."""

    functions: dict[CodeType, str] = field(default_factory=dict)

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call; this is what `sys.setprofile` takes."""
        code = frame.f_code
        if event != "call" or code in self.functions or code.co_name.endswith(ANONYMOUS):
            return
        if code.co_filename.startswith(OURS):
            self.functions[code] = code.co_filename.removeprefix(f"{ROOT}/")

    @property
    def files(self) -> list[str]:
        """The files, each once, in the order of the first visit."""
        return list(dict.fromkeys(self.functions.values()))

    @property
    def returns(self) -> int:
        """How often the order enters a file that it had entered before and left."""
        return count_returns(self.functions.values())


def count_returns(files: Iterable[str]) -> int:
    """How often a sequence comes back to an element that it had left: `a b a` does once."""
    seen: set[str] = set()
    count, last = 0, ""
    for file in files:
        count += file != last and file in seen
        seen.add(file)
        last = file
    return count


@contextmanager
def record_route() -> Iterator[Route]:
    """Note what is called inside, in this thread and in those that start inside."""
    route = Route()
    threading.setprofile(route.note)
    sys.setprofile(route.note)
    try:
        yield route
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def run_command(*arguments: str) -> None:
    """Run `read-also` in this process.

    Raises:
        SystemExit: the command failed; its output is printed.
    """
    result = CliRunner().invoke(read_also, list(arguments), catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(result.output)


def route_of_rebuild() -> Route:
    """The route of a rebuild, from store to published snapshot, where no text has changed."""
    run_command("import", str(SAMPLE))
    run_command("rebuild")
    settings = Settings.from_environment()
    catalog, model = (
        Catalog(settings.data.snapshots),
        find_model(settings.model, settings.data_dir, settings.encoding),
    )
    with closing(open_store(settings.database_url)) as store, Sandbox() as markup:
        analyzer = Analyzer(model, load_encoder, markup.read)
        with record_route() as route:
            rebuild(store, catalog, analyzer)
    return route


def route_of_request() -> Route:
    """The route of a GET related; the second call, so that everything has been opened.

    The first one asks for another article: the same answer would be given again.
    """
    client = create_app().test_client()
    headers = {"Authorization": f"Bearer {KEY}"}
    address = "/v1/articles/{}/related?limit=12"
    client.get(address.format(OTHER_SEED), headers=headers)
    with record_route() as route:
        answer = client.get(address.format(SEED), headers=headers)
    if answer.status_code != HTTPStatus.OK:
        raise SystemExit(answer.text)
    return route


def show(name: str, route: Route, *, at_length: bool) -> None:
    """Print the figures of a route, and at length its files."""
    figures = f"{len(route.files)} files, {len(route.functions)} functions, {route.returns} returns"
    print(f"{name}: {figures}")
    if at_length:
        print("".join(f"  {file}\n" for file in route.files), end="")


@click.command()
@click.option("--files", "at_length", is_flag=True, help="Print the names of the files too.")
@click.option("--most-files", type=int, help="Fail if a request passes more files.")
@click.option("--most-returns", type=int, help="Fail if a request goes back more often.")
@click.option("--most-rebuild-files", type=int, help="Fail if a rebuild passes more files.")
def main(
    *,
    at_length: bool,
    most_files: int | None,
    most_returns: int | None,
    most_rebuild_files: int | None,
) -> None:
    """Follow a rebuild of the sample archive, then a request for a list."""
    with TemporaryDirectory() as folder:
        os.environ |= {
            "READ_ALSO_DATA_DIR": folder,
            "READ_ALSO_DATABASE_URL": f"sqlite:///{folder}/read-also.db",
            "READ_ALSO_MODEL": "bundled",
            "READ_ALSO_API_KEYS": f"paths:read:{KEY}",
        }
        rebuild, request = route_of_rebuild(), route_of_request()
        show("a rebuild", rebuild, at_length=at_length)
        show("GET related", request, at_length=at_length)
    bounds = (
        ("files of a request", len(request.files), most_files),
        ("returns of a request", request.returns, most_returns),
        ("files of a rebuild", len(rebuild.files), most_rebuild_files),
    )
    over = [f"{name}: {n} > {most}" for name, n, most in bounds if most is not None and n > most]
    sys.stdout.flush()
    if over:
        print("; ".join(over), file=sys.stderr)
    os._exit(1 if over else 0)  # the threads of the application do not end by themselves


if __name__ == "__main__":
    main()
