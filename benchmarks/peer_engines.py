"""What people use instead for lists of related articles, each behind the same three calls.

Each engine is set up as its manual says, with its defaults. Those of vectors get the article
vectors of this product; those of words get headline and body.
"""

import os
import pwd
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.idle import cpu_seconds, descendants

__all__ = ["ENGINES", "Corpus", "Engine"]

PATIENCE_SECONDS: Final = 60.0
QUESTION: Final = 2_000
"""So many characters of a text are asked with, where the whole text is the question."""
BATCH: Final = 1_000
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """The texts that are searched; row n of each is the same article.

    Attributes:
        titles: headlines.
        bodies: plain texts.
        vectors: article vectors, float32 [n, dim], unit rows.
    """

    titles: Sequence[str]
    bodies: Sequence[str]
    vectors: Floats

    def text(self, row: int) -> str:
        """Headline and body."""
        return f"{self.titles[row]}\n{self.bodies[row]}"


class Engine(ABC):
    """An engine that is built once and then asked.

    Attributes:
        folder: for its files.
    """

    label: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def processes(self) -> Sequence[int]:
        """The processes of its server; none if it is a library."""
        return ()

    @property
    def cpu_seconds(self) -> float:
        """What its server has used."""
        return sum(map(cpu_seconds, self.processes))

    @abstractmethod
    def build(self, corpus: Corpus) -> None:
        """Take in all texts."""

    @abstractmethod
    def nearest(self, row: int, limit: int) -> list[int]:
        """The rows that it finds for an article, the best first; the article itself may be one."""

    def close(self) -> None:  # noqa: B027 - a library has nothing to end
        """End its server."""


class TfidfMatrix(Engine):
    """scikit-learn's TF-IDF; every text is compared with every other."""

    label = "scikit-learn, TF-IDF, brute force"

    def build(self, corpus: Corpus) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - an extra

        texts = [corpus.text(row) for row in range(len(corpus.titles))]
        vectorizer = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32)
        self._matrix: Any = vectorizer.fit_transform(texts)
        self._turned: Any = self._matrix.T.tocsr()

    def nearest(self, row: int, limit: int) -> list[int]:
        scores = (self._matrix[row] @ self._turned).toarray()[0]
        found = np.argpartition(-scores, limit)[:limit]
        order: list[int] = found[np.argsort(-scores[found], kind="stable")].tolist()
        return order


class Usearch(Engine):
    """usearch's HNSW over the article vectors."""

    label = "usearch, HNSW"

    def build(self, corpus: Corpus) -> None:
        from usearch.index import Index  # noqa: PLC0415 - an extra

        self._vectors = corpus.vectors
        self._index = Index(ndim=corpus.vectors.shape[1], metric="cos")
        self._index.add(np.arange(len(corpus.vectors)), corpus.vectors, threads=1)

    def nearest(self, row: int, limit: int) -> list[int]:
        return [int(key) for key in self._index.search(self._vectors[row], limit).keys]


class MilvusLite(Engine):
    """Milvus Lite, a file, over the article vectors."""

    label = "milvus-lite"

    def build(self, corpus: Corpus) -> None:
        from pymilvus import MilvusClient  # noqa: PLC0415 - an extra

        self._vectors = corpus.vectors
        self._client = MilvusClient(str(self.folder / "milvus.db"))
        self._client.create_collection("articles", dimension=corpus.vectors.shape[1])
        for at in range(0, len(corpus.vectors), BATCH):
            rows = enumerate(corpus.vectors[at : at + BATCH].tolist(), at)
            self._client.insert("articles", [{"id": row, "vector": vector} for row, vector in rows])

    def nearest(self, row: int, limit: int) -> list[int]:
        asked = [self._vectors[row].tolist()]
        found = self._client.search("articles", data=asked, limit=limit, output_fields=["id"])
        return [int(hit["id"]) for hit in found[0]]

    def close(self) -> None:
        self._client.close()


class _Server(Engine):
    """An engine that is a server of its own, on a socket in its folder."""

    _process: subprocess.Popen[bytes]
    _stops_at: ClassVar[Signals] = SIGTERM

    @property
    def processes(self) -> Sequence[int]:
        """The server's, and those that it forked."""
        return descendants(self._process.pid)

    def _start(self, words: Sequence[str | Path], identity: Mapping[str, Any]) -> None:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of the system
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **identity,
            )

    def _wait(self, connect: Any) -> Any:  # noqa: ANN401 - a driver's connection
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(Exception):  # as long as it starts
                return connect()
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text("utf-8", "replace"))

    def close(self) -> None:
        """End it."""
        self._process.send_signal(self._stops_at)
        self._process.wait(PATIENCE_SECONDS)


class _PostgreSQL(_Server):
    """A PostgreSQL with a table of the articles."""

    _stops_at = SIGINT  # at SIGTERM it would wait for its clients

    def _open(self) -> None:
        import psycopg  # noqa: PLC0415 - an extra

        places = Path("/usr/lib/postgresql").glob("*/bin")
        programs = max(places, key=lambda place: int(place.parts[-2]))
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:  # as root it does not run
            user = pwd.getpwnam("postgres")
            identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        options = ("-D", "data", "-A", "trust", "-U", "bench", "-E", "UTF8", "--no-sync")
        made = [str(programs / "initdb"), *options]
        subprocess.run(made, check=True, capture_output=True, cwd=self.folder, **identity)  # noqa: S603
        sockets = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}")
        self._start((programs / "postgres", "-D", "data", *sockets), identity)
        where = f"host={self.folder} user=bench dbname=postgres"
        self._connection: Any = self._wait(lambda: psycopg.connect(where, autocommit=True))

    def _ask(self, words: str, values: Sequence[object]) -> list[int]:
        return [int(row[0]) for row in self._connection.execute(words, values).fetchall()]


class Pgvector(_PostgreSQL):
    """pgvector's HNSW over the article vectors."""

    label = "PostgreSQL, pgvector, HNSW"

    def build(self, corpus: Corpus) -> None:
        self._open()
        dim = corpus.vectors.shape[1]
        self._connection.execute("CREATE EXTENSION vector")
        self._connection.execute(f"CREATE TABLE articles (id int, embedding vector({dim}))")
        with self._connection.cursor().copy("COPY articles FROM STDIN") as copy:
            for row, vector in enumerate(corpus.vectors.tolist()):
                copy.write_row((row, str(vector)))
        self._connection.execute(
            "CREATE INDEX ON articles USING hnsw (embedding vector_cosine_ops)"
        )
        self._connection.execute("CREATE UNIQUE INDEX ON articles (id)")
        self._connection.execute("ANALYZE articles")

    def nearest(self, row: int, limit: int) -> list[int]:
        words = """SELECT id FROM articles ORDER BY embedding <=>
            (SELECT embedding FROM articles WHERE id = %s) LIMIT %s"""
        return self._ask(words, (row, limit))


class PostgresWords(_PostgreSQL):
    """PostgreSQL's full-text search, asked with all words of the text."""

    label = "PostgreSQL, full text, the text"
    is_title_enough: ClassVar[bool] = False

    def build(self, corpus: Corpus) -> None:
        self._open()
        self._corpus = corpus
        self._connection.execute("CREATE TABLE articles (id int, words tsvector)")
        for at in range(0, len(corpus.titles), BATCH):
            rows = range(at, min(at + BATCH, len(corpus.titles)))
            values = [(row, corpus.titles[row], corpus.bodies[row]) for row in rows]
            self._connection.cursor().executemany(
                """INSERT INTO articles VALUES (%s, setweight(to_tsvector('english', %s), 'A')
                   || to_tsvector('english', %s))""",
                values,
            )
        self._connection.execute("CREATE INDEX ON articles USING gin (words)")
        self._connection.execute("ANALYZE articles")

    def nearest(self, row: int, limit: int) -> list[int]:
        corpus = self._corpus
        asked = corpus.titles[row] if self.is_title_enough else corpus.text(row)[:QUESTION]
        words = """WITH asked AS (SELECT to_tsquery('simple', array_to_string(ARRAY(
              SELECT quote_literal(lexeme) FROM unnest(to_tsvector('english', %s))), '|')) AS query)
            SELECT id FROM articles, asked WHERE words @@ query
            ORDER BY ts_rank(words, query, 1) DESC LIMIT %s"""
        return self._ask(words, (asked, limit))


class PostgresTitles(PostgresWords):
    """The same, asked with the words of the headline."""

    label = "PostgreSQL, full text, the headline"
    is_title_enough = True


class MariaWords(_Server):
    """MariaDB's FULLTEXT, as WordPress plugins ask it: with the text."""

    label = "MariaDB, FULLTEXT, the text"
    is_title_enough: ClassVar[bool] = False

    def build(self, corpus: Corpus) -> None:
        import pymysql  # noqa: PLC0415 - an extra

        self._corpus = corpus
        (self.folder / "data").mkdir()
        program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise RuntimeError("MariaDB is not installed: apt-get install mariadb-server")
        user = ("--user=root",) if os.geteuid() == 0 else ()
        socket = self.folder / "socket"
        place = (f"--datadir={self.folder / 'data'}", f"--socket={socket}", "--skip-networking")
        self._start((program, "--no-defaults", *place, "--skip-grant-tables", *user), {})

        def connect() -> Any:  # noqa: ANN401 - a driver's connection
            place = str(socket)
            return pymysql.connect(
                unix_socket=place, user="root", charset="utf8mb4", autocommit=True
            )

        self._cursor: Any = self._wait(connect).cursor()
        self._cursor.execute("CREATE DATABASE bench")
        self._cursor.execute("USE bench")
        self._cursor.execute("CREATE TABLE posts (id int PRIMARY KEY, title text, body longtext)")
        for at in range(0, len(corpus.titles), BATCH):
            rows = range(at, min(at + BATCH, len(corpus.titles)))
            values = [(row, corpus.titles[row], corpus.bodies[row]) for row in rows]
            self._cursor.executemany("INSERT INTO posts VALUES (%s, %s, %s)", values)
        self._cursor.execute("CREATE FULLTEXT INDEX words ON posts (title, body)")

    def nearest(self, row: int, limit: int) -> list[int]:
        corpus = self._corpus
        asked = corpus.titles[row] if self.is_title_enough else corpus.text(row)[:QUESTION]
        match = "MATCH (title, body) AGAINST (%s)"
        words = f"SELECT id FROM posts WHERE {match} ORDER BY {match} DESC LIMIT %s"  # noqa: S608
        self._cursor.execute(words, (asked, asked, limit))
        return [int(found[0]) for found in self._cursor.fetchall()]


class MariaTitles(MariaWords):
    """The same, asked with the headline."""

    label = "MariaDB, FULLTEXT, the headline"
    is_title_enough = True


ENGINES: Final[Mapping[str, type[Engine]]] = {
    "tfidf": TfidfMatrix,
    "postgresql": PostgresWords,
    "postgresql-titles": PostgresTitles,
    "pgvector": Pgvector,
    "milvus": MilvusLite,
    "usearch": Usearch,
    "mariadb": MariaWords,
    "mariadb-titles": MariaTitles,
}
"""By name, what a list is compared with."""
