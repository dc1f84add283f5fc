"""Where operators are listened for, unless a setting says so."""

import pytest

from recommender.listening_settings import operators_address


@pytest.mark.parametrize(
    ("text", "port", "address"),
    [
        ("", 8080, "127.0.0.1:8081"),
        ("", 0, "127.0.0.1:0"),
        ("", 65_535, "127.0.0.1:0"),
        ("0.0.0.0:9000", 8080, "0.0.0.0:9000"),
        ("[::1]:9000", 8080, "[::1]:9000"),
        ("off", 8080, None),
    ],
)
def test_operators_have_the_next_port_by_default(text: str, port: int, address: str | None) -> None:
    assert operators_address(text, port) == address
