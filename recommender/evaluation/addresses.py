"""Web addresses in one form, so that two spellings of one page are known to be one."""

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

__all__ = ["resolve"]

TRACKING: Final = "utm_"
_PORTS: Final = {"http": 80, "https": 443}


def resolve(link: str, base: str | None = None) -> str | None:
    """The page that a link on the page `base` leads to; None where it leads to no web page.

    Left out is what makes no other page: the scheme, the case of the host, a usual port, a slash at
    the end, the fragment, and the marks that campaigns put on links (`utm_...`). Percent signs
    stand where they must, so that a path is the same whether it was typed or copied.
    """
    try:
        parts = urlsplit(urljoin(base or "", link))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host:
        return None
    place = host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"
    path = quote(unquote(parts.path), safe="/:@!$&'()*+,;=~").rstrip("/")
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.lower().startswith(TRACKING)
    ]
    return place + path + (f"?{urlencode(kept)}" if kept else "")
