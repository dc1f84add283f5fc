"""The demonstration: imports the sample archive, builds it, and serves it; nothing to configure."""

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.resources import as_file, files
from typing import Final

from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.api import ListOptions, RelatedList
from recommender.indexing.archive_model import choose_for_rebuild
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import open_generation
from recommender.operations.web_server import WebOptions, serve_all
from recommender.progress import Meter
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related, title_of
from recommender.ranking.scoring import find_seed
from recommender.settings import PREFIX, DataFolder, Settings
from recommender.sources import read_jsonl
from recommender.sources.importing import import_records
from recommender.store import open_store

__all__ = ["STORY", "demonstrate"]

STORY: Final = "guiyang-smart-city"
HOST: Final = "127.0.0.1"
DEMO_WORKERS: Final = 2

Say = Callable[[str], object]
AsText = Callable[[RelatedList, str], str]


def demonstrate(
    settings: Settings, meter: Meter, say: Say, as_text: AsText, *, port: int | None
) -> None:
    """Import the sample, build it, print the list of its Guiyang story, and serve it.

    Store and snapshots lie in a folder of their own under the data folder.

    Args:
        settings: the data folder and the model.
        meter: shows the progress.
        say: prints a line.
        as_text: a list and the title of its seed as text.
        port: where to serve, on the loopback address; None serves nothing.
    """
    data = settings.data.demo
    catalog = Catalog(data.snapshots)
    policy = _build(settings, data, catalog, meter, say)
    listed, title = _list(catalog, policy)
    say(as_text(listed, title) + "\n")
    if port is not None:
        _serve(settings, data, port, say)


def _build(
    settings: Settings, data: DataFolder, catalog: Catalog, meter: Meter, say: Say
) -> Policy:
    """Import and index the sample; returns the policy that is set in its store."""
    store = open_store(data.database_url)
    with as_file(files("recommender") / "sample" / "articles.jsonl") as path:
        imported = import_records(store, read_jsonl(path), say, strict=True)
    say(f"imported {imported.created} new and {imported.unchanged} known stories")
    with Sandbox() as markup:
        load = partial(load_encoder, meter=meter)
        own = replace(settings, data_dir=data.path)
        said: list[str] = []
        model = choose_for_rebuild(own, store, catalog, markup.read, meter, said.append)
        analyzer = Analyzer(model, load, markup.read)
        built = rebuild(store, catalog, analyzer, meter=meter)
    say(f"published {built.generation}: {built.articles} articles, {built.embedded} embedded")
    say("".join(f"{line}\n" for line in said))
    policy = store.policies.current()
    store.close()
    return policy


def _list(catalog: Catalog, policy: Policy) -> tuple[RelatedList, str]:
    """The list of the story, and the title of the story."""
    view = View.of(open_generation(catalog))
    request = ListRequest(view, find_seed(view, STORY), ListOptions(), policy, time.time())
    return list_related(request), title_of(view, STORY)


def _serve(settings: Settings, data: DataFolder, port: int, say: Say) -> None:
    """Serve with public reads, and with a write key that is made anew each time."""
    key = secrets.token_urlsafe(24)
    address = f"http://{HOST}:{port}"
    say(f"the story with its list   {address}/read/{STORY}")
    say(f"the list as JSON          {address}/v1/articles/{STORY}/related")
    say(f"a key that may write      {key}\nCtrl-C stops it\n")
    variables = {
        "DATABASE_URL": data.database_url,
        "DATA_DIR": str(data.path),
        "MODEL": settings.model,
        "API_KEYS": f"demo:read+write:{key}",
        "PUBLIC_READS": "1",
    }
    environment = os.environ | {PREFIX + name: value for name, value in variables.items()}
    options = replace(WebOptions.of(settings, HOST, port, DEMO_WORKERS), reader_pages=True)
    serve_all(options, environment)
