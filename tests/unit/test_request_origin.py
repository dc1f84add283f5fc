"""Whose request it is: forwarding headers count from trusted proxies only."""

import pytest

from recommender.request_origin import client_address

NGINX = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("9.9.9.9", "", (), "9.9.9.9"),
        ("9.9.9.9", "1.1.1.1", (), "9.9.9.9"),
        ("9.9.9.9", "1.1.1.1", NGINX, "9.9.9.9"),
        ("127.0.0.1", "", NGINX, "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1", (), "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1", NGINX, "1.1.1.1"),
        ("127.0.0.1", "6.6.6.6, 1.1.1.1", NGINX, "1.1.1.1"),
        ("127.0.0.1", "6.6.6.6,1.1.1.1 , 10.1.2.3", NGINX, "1.1.1.1"),
        ("127.0.0.1", "10.1.2.3", NGINX, "10.1.2.3"),
        ("fd00::1", "2001:db8::1", NGINX, "2001:db8::1"),
        ("127.0.0.1", "1.1.1.1, unknown", NGINX, "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1\r\nx, 10.1.2.3", NGINX, "10.1.2.3"),
        ("127.0.0.1", ",,,", NGINX, "127.0.0.1"),
        ("::ffff:9.9.9.9", "", (), "9.9.9.9"),
        ("::ffff:127.0.0.1", "1.1.1.1, ::ffff:10.0.0.1", NGINX, "1.1.1.1"),
        ("127.0.0.1", "10.1.1.1, 10.2.2.2", NGINX, "10.1.1.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    peer: str, forwarded: str, proxies: tuple[str, ...], client: str
) -> None:
    assert client_address(peer, forwarded, proxies) == client
