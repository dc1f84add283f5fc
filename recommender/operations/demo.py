"""The demonstration: imports the sample archive, builds it, and serves it as a newspaper.

There is nothing to configure.
"""

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import as_file, files
from typing import Final

from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.api import ListOptions, RelatedList
from recommender.articles import Article
from recommender.errors import BadSettings
from recommender.indexing.archive_model import choose_for_rebuild
from recommender.indexing.backfill import analyze_texts
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import open_generation
from recommender.operations.web_server import WebOptions, check_addresses, serve_all
from recommender.progress import Meter
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related, title_of
from recommender.ranking.scoring import find_seed
from recommender.setting_values import MOST_PORT
from recommender.settings import PREFIX, DataFolder, Settings
from recommender.sources import read_jsonl
from recommender.sources.importing import import_records
from recommender.sources.source import Record
from recommender.store import open_store

__all__ = ["STORY", "demonstrate"]

STORY: Final = "guiyang-smart-city"
HOST: Final = "127.0.0.1"
PORTS_AWAY: Final = 10
"""Where a busy port is, the next one that is proposed."""
DEMO_WORKERS: Final = 2

Say = Callable[[str], object]
AsText = Callable[[RelatedList, str], str]


def demonstrate(
    settings: Settings, meter: Meter, say: Say, as_text: AsText, *, port: int, serves: bool
) -> None:
    """Import the sample, build it, print the list of its Guiyang story, and serve it.

    Store and snapshots lie in a folder of their own under the data folder.

    Args:
        settings: the data folder and the model.
        meter: shows the progress.
        say: prints a line.
        as_text: a list and the title of its seed as text.
        port: where the stories are, on the loopback address.
        serves: whether to serve them there.

    Raises:
        BadSettings: nothing can listen at the port; then nothing was imported.
    """
    if serves:
        with _proposing_port(port):
            check_addresses(_options(settings, port))
    data, site = settings.data.demo, f"http://{HOST}:{port}"
    catalog = Catalog(data.snapshots)
    policy = _build(settings, data, catalog, meter, say, site)
    listed, title = _list(catalog, policy)
    say(as_text(listed, title) + "\n")
    if serves:
        _serve(settings, data, port, say)


def _build(
    settings: Settings, data: DataFolder, catalog: Catalog, meter: Meter, say: Say, site: str
) -> Policy:
    """Import and index the sample; returns the policy that is set in its store."""
    store = open_store(data.database_url)
    with as_file(files("recommender") / "sample" / "articles.jsonl") as path:
        records = _at_site(read_jsonl(path), site)
        imported = import_records(store, records, say, strict=True)
    moved = f", {imported.updated} moved" if imported.updated else ""
    say(f"imported {imported.created} new{moved} and {imported.unchanged} known stories")
    with Sandbox() as markup:
        load = partial(load_encoder, meter=meter)
        own = replace(settings, data_dir=data.path)
        said: list[str] = []
        analyze = partial(analyze_texts, store, markup.read, meter)
        model = choose_for_rebuild(own, store, catalog, analyze, said.append)
        analyzer = Analyzer(model, load, markup.read)
        built = rebuild(store, catalog, analyzer, meter=meter)
    say(f"published {built.generation}: {built.articles} articles, {built.embedded} embedded")
    say("".join(f"{line}\n" for line in said))
    policy = store.policies.current()
    store.close()
    return policy


def _at_site(records: Iterable[Record], site: str) -> Iterator[Record]:
    """The sample's stories with the addresses that they and their pictures have at a site."""
    for record in records:
        story = record.content
        if isinstance(story, Article):
            addresses = {
                "url": f"{site}/read/{story.id}",
                "image_url": f"{site}/pictures/{story.section}/{story.id}.svg",
            }
            yield replace(record, content=story.model_copy(update=addresses))
        else:
            yield record


def _list(catalog: Catalog, policy: Policy) -> tuple[RelatedList, str]:
    """The list of the story, and the title of the story."""
    view = View.of(open_generation(catalog))
    request = ListRequest(view, find_seed(view, STORY), ListOptions(), policy, time.time())
    return list_related(request), title_of(view, STORY)


def _serve(settings: Settings, data: DataFolder, port: int, say: Say) -> None:
    """Serve with public reads, and with a write key that is made anew each time."""
    key = secrets.token_urlsafe(24)
    address = f"http://{HOST}:{port}"
    say(f"the front page            {address}/")
    say(f"the story with its list   {address}/read/{STORY}")
    say(f"the API                   {address}/docs")
    say(f"for editors, with the key {address}/console")
    say(f"\nfor the calls of the README, in another terminal:\nexport SITE={address} KEY={key}\n")
    say("Ctrl-C stops it\n")
    variables = {
        "DATABASE_URL": data.database_url,
        "DATA_DIR": str(data.path),
        "MODEL": settings.model,
        "API_KEYS": f"demo:read+write:{key}",
        "PUBLIC_READS": "1",
        "PUBLIC_URL": address,
    }
    environment = os.environ | {PREFIX + name: value for name, value in variables.items()}
    with _proposing_port(port):
        serve_all(_options(settings, port), environment)


def _options(settings: Settings, port: int) -> WebOptions:
    return replace(WebOptions.of(settings, HOST, port, DEMO_WORKERS), reader_pages=True)


@contextmanager
def _proposing_port(port: int) -> Iterator[None]:
    """If the port is taken, let the refusal name another one.

    Raises:
        BadSettings: nothing can listen at the port.
    """
    try:
        yield
    except BadSettings as fault:
        cause, other = fault.__cause__, port + PORTS_AWAY
        is_taken = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
        if not is_taken or other > MOST_PORT:
            raise
        raise BadSettings(f"{fault}, such as: make demo PORT={other}") from fault
