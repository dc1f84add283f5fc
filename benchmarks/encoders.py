"""How fast encoders are, and how large their vectors: `python -m benchmarks.encoders FOLDER MODEL`.

FOLDER is a data set. Each MODEL is what READ_ALSO_MODEL may be, or `served:` and such a name: then
that model answers on loopback as a server does that embeds, and is asked over HTTP. `titles:` and a
name is the bundled model with that one as READ_ALSO_TITLE_MODEL. The bundled model is always the
first. All embed the same articles in turns, so a busy machine slows all.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import click
import numpy as np

from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encoder, Encoders, find_model
from recommender.analysis.embedding.article_vector import MOST_MATCHED
from recommender.analysis.embedding.loading import load_encoder
from recommender.cli.terminal import bar
from recommender.encoding_settings import REMOTE, EncoderServer, EncodingSettings
from recommender.evaluation import read_dataset

SERVED: Final = "served:"
TITLES: Final = "titles:"
IN_A_TURN: Final = 8  # articles
LOOPBACK: Final = "127.0.0.1"


@dataclass(slots=True)
class Timed:
    """One encoder or two, the seconds that they took so far, and the length of their vectors."""

    name: str
    encoders: Encoders
    seconds: float = 0.0
    dims: tuple[int, int] = (0, 0)

    def embed(self, articles: Sequence[ArticleTexts]) -> None:
        """Embed some articles, and count the time."""
        numbered = {f"{place}": one for place, one in enumerate(articles)}
        begun = time.perf_counter()
        made = self.encoders.embed(numbered, lambda one, texts: one.encode(texts, lambda _: None))
        self.seconds += time.perf_counter() - begun
        self.dims = len(made["0"].vector), made["0"].passages.shape[1]


@contextmanager
def serve(encoder: Encoder) -> Iterator[str]:
    """The address at which an encoder answers as text-embeddings-inference does."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            rows = encoder.encode(asked["inputs"], lambda _done: None)
            body = json.dumps(rows.tolist()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_address[1]}/embed"
        server.shutdown()


def load(name: str, cache: Path, stack: ExitStack) -> Timed:
    """An encoder that has embedded once already."""
    titles = name.removeprefix(TITLES) if name.startswith(TITLES) else ""
    wanted = "bundled" if titles else name.removeprefix(SERVED)
    model = find_model(wanted, cache, EncodingSettings(title_model=titles))
    encoder = load_encoder(model, bar)
    if name.startswith(SERVED):
        address = EncodingSettings(server=EncoderServer(stack.enter_context(serve(encoder))))
        encoder = load_encoder(find_model(f"{REMOTE}{name}", cache, address))
    second = None if model.titles is None else load_encoder(model.titles, bar)
    timed = Timed(name, Encoders(encoder, second))
    timed.embed([ArticleTexts("Read also", "Read also", ())])
    timed.seconds = 0.0
    return timed


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("models", nargs=-1)
@click.option("--articles", "count", default=64, show_default=True)
@click.option("--cache", default=Path("var"), type=click.Path(path_type=Path))
def main(folder: Path, models: tuple[str, ...], count: int, cache: Path) -> None:
    """Print articles a second, the ratio to the bundled model, and bytes an article on disk."""
    articles = [ArticleTexts.of(one) for one in read_dataset(folder).articles[:count]]
    passages = float(np.mean([min(len(one.passages), MOST_MATCHED) for one in articles]))
    with ExitStack() as stack:
        encoders = [load(name, cache, stack) for name in dict.fromkeys(("bundled", *models))]
        with bar("embedding", len(articles), "article") as advance:
            for at in range(0, len(articles), IN_A_TURN):
                for one in encoders:
                    one.embed(articles[at : at + IN_A_TURN])
                advance(IN_A_TURN)
    print(f"{'':<28} {'articles/s':>10} {'ratio':>6} {'numbers':>8} {'bytes':>7}")
    for one in encoders:
        ratio = encoders[0].seconds / one.seconds
        dim, passage_dim = one.dims
        size = 2 * dim + passages * passage_dim
        print(f"{one.name:<28} {count / one.seconds:>10.2f} {ratio:>6.2f} {dim:>8} {size:>7.0f}")


if __name__ == "__main__":
    main()
