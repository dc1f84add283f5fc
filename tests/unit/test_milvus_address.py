"""What the driver of Milvus is told of an address."""

from __future__ import annotations

import pytest

from index.milvus_language import connection_to


@pytest.mark.parametrize(
    ("address", "uri", "user", "password", "database"),
    [
        ("http://127.0.0.1:19530", "http://127.0.0.1:19530", "", "", ""),
        ("https://milvus.example", "https://milvus.example:19530", "", "", ""),
        ("http://[::1]:19530", "http://%5B%3A%3A1%5D:19530", "", "", ""),
        ("http://[2001:db8::7]", "http://%5B2001%3Adb8%3A%3A7%5D:19530", "", "", ""),
        (
            "https://a%40b:p%2Fs%3As@milvus.example:443/news",
            "https://milvus.example:443",
            *("a@b", "p/s:s", "news"),
        ),
        ("http://root:Milvus@[::1]:1/d%20b", "http://%5B%3A%3A1%5D:1", "root", "Milvus", "d b"),
    ],
)
def test_an_address_names_server_user_password_and_database(
    address: str, uri: str, user: str, password: str, database: str
) -> None:
    """gRPC reads an escaped IPv6 address; the driver drops brackets that are not escaped."""
    told = {"uri": uri, "user": user, "password": password, "db_name": database}
    assert connection_to(address) == told


@pytest.mark.parametrize("path", ["/tmp/milvus.db", "milvus.db", "./a folder/milvus.db"])  # noqa: S108 - nothing is opened
def test_a_path_is_that_of_a_file(path: str) -> None:
    assert connection_to(path) == {"uri": path}
