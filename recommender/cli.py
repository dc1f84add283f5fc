"""`read-also`: thin commands over the use cases."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import click

from index import Catalog, IndexFault, Locked, NoSnapshot
from recommender.demo import demonstrate
from recommender.embedding import find_model, load_encoder
from recommender.errors import (
    BadInput,
    BadParameter,
    BadSettings,
    PartMissing,
    ReadAlsoError,
    StoreUnusable,
    UnreadArticle,
)
from recommender.evaluation import evaluate_folder
from recommender.importing import import_records
from recommender.listing import as_document, as_text
from recommender.meters import bar, warn
from recommender.policy import Policy
from recommender.rebuild import rebuild
from recommender.recommendations import LIMITS, MODES, Mode, Options
from recommender.related import list_related
from recommender.seeds import seed_of
from recommender.server import serve_forever
from recommender.settings import Settings
from recommender.sources import read_jsonl
from recommender.store import open_store

__all__ = ["EXIT_CODES", "main"]

EXIT_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (BadParameter, 2),
    (BadSettings, 2),
    (BadInput, 65),
    (PartMissing, 69),
    (NoSnapshot, 69),
    (StoreUnusable, 69),
    (OSError, 73),
    (Locked, 75),
    (ReadAlsoError, 1),
    (IndexFault, 1),
)
"""The first kind that fits gives the exit code."""

EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class _Commands(click.Group):
    """Errors of the house become one line and an exit code; others keep their trace."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except tuple(kind for kind, _ in EXIT_CODES) as error:
            click.echo(f"read-also: {error}", err=True)
            ctx.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
        except KeyboardInterrupt:
            click.echo("read-also: interrupted; what was done is kept, run it again", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="read-also")
def main() -> None:
    """Related articles for newsrooms: a Read also list under every story."""


@main.command("import")
@click.argument("paths", nargs=-1, required=True, type=EXISTING)
@click.option("--format", type=click.Choice(["auto", "jsonl"]), default="auto", expose_value=False)
@click.option("--strict", is_flag=True, help="Stop at the first bad record.")
def import_(paths: tuple[Path, ...], strict: bool) -> None:
    """Store the articles of PATHS: files with one JSON object a line."""
    store = open_store(Settings.from_environment().database_url)
    rejected = 0
    for path in paths:
        with bar(path.name, path.stat().st_size, "B") as advance:
            done = import_records(store, read_jsonl(path, advance), warn, strict=strict)
        click.echo(f"{path}: " + ", ".join(f"{n} {name}" for name, n in asdict(done).items()))
        rejected += done.rejected
    if rejected:
        raise SystemExit(_code_of(BadInput))


@main.command("rebuild")
@click.option("--full", is_flag=True, help="Compute everything again, also what is kept.")
@click.option("--keep", default=3, show_default=True, type=click.IntRange(1, 100))
def rebuild_(full: bool, keep: int) -> None:
    """Embed what changed, build a snapshot, verify and publish it."""
    settings = Settings.from_environment()
    catalog = Catalog(settings.snapshots_dir)
    model = find_model(settings.model)
    store = open_store(settings.database_url)
    begun = time.monotonic()
    done = rebuild(store, catalog, model, load_encoder, full=full, keep=keep, meter=bar)
    click.echo(
        f"published {done.generation}: {done.articles} articles, {done.embedded} embedded, "
        f"up to change {done.change}, in {time.monotonic() - begun:.1f} s"
    )


@main.command()
@click.argument("article_id", metavar="ID")
@click.option("-n", "limit", default=12, show_default=True, type=click.IntRange(1, LIMITS[-1]))
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option("--explain", is_flag=True, help="Show the parts of each score.")
@click.option("--json", "as_json", is_flag=True, help="The answer of the API.")
def related(article_id: str, limit: int, mode: Mode, explain: bool, as_json: bool) -> None:
    """Print the Read also list of the article ID."""
    settings = Settings.from_environment()
    snapshot = Catalog(settings.snapshots_dir).open_live()
    seed = seed_of(snapshot, article_id)
    if seed is None:
        open_store(settings.database_url).get(article_id)  # says if it is unknown or deleted
        raise UnreadArticle(article_id)
    options = Options(limit=limit, mode=mode, explain=explain)
    answer = list_related(snapshot, seed, options, Policy(), time.time())
    if as_json:
        click.echo(json.dumps(as_document(answer), ensure_ascii=False, indent=2))
    else:
        click.echo(as_text(answer, seed.title or article_id))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--workers", type=click.IntRange(1, 64), help="Instead of READ_ALSO_WORKERS.")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve the API until interrupted."""
    settings = Settings.from_environment()
    serve_forever(host, port, workers or settings.workers)


@main.group()
def snapshots() -> None:
    """The generations on disk."""


@snapshots.command("list")
def list_snapshots() -> None:
    """List the generations, oldest first; * marks the live one."""
    catalog = Catalog(Settings.from_environment().snapshots_dir)
    names = catalog.generations()
    live = catalog.live() if names else None
    for name in names:
        size = catalog.bytes_of(name) / 1e6
        click.echo(f"{'*' if name == live else ' '} {name}  {size:10.1f} MB")


@main.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--qrels", type=EXISTING)
@click.option("--queries", type=EXISTING)
@click.option("--pool", type=EXISTING)
@click.option("--language", type=click.Choice(["same", "any"]), default="same", show_default=True)
@click.option("--distractors", type=EXISTING, help="More articles, never relevant.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep the vectors in this folder.")
@click.option("--run", type=click.Path(path_type=Path), help="Write the relevance run (TREC).")
@click.option("--scores", type=click.Path(path_type=Path), help="Write the scores of the pairs.")
def evaluate(folder: Path, language: Literal["same", "any"], **files: Path | None) -> None:
    """Measure the lists against the judgments in DIR."""
    model = find_model(Settings.from_environment().model)
    evaluate_folder(folder, model, bar, click.echo, language=language, **files)


@main.command()
@click.option("--serve/--no-serve", default=True, show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65_535))
def demo(serve: bool, port: int) -> None:
    """Import the sample archive, build it, show a list, and serve it."""
    demonstrate(Settings.from_environment(), bar, click.echo, port=port if serve else None)


def _code_of(kind: type[Exception]) -> int:
    return dict(EXIT_CODES)[kind]
