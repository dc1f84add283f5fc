"""What stands behind a proxy in tests, and what must never reach it."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["HIDDEN", "Upstream", "spellings"]

HIDDEN = ("metrics", "healthz", "readyz", "livez", "statusz", "read/harbour-1", "static/x")
"""Addresses that no proxy passes on."""


class Upstream(ThreadingHTTPServer):
    """Answers everything with 200, and notes what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Noting)
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []


class _Noting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        self.server.targets.append(self.path)
        self.server.headers.append({name.lower(): v for name, v in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("X-Request-ID", "of-the-service")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


def spellings(path: str) -> list[str]:
    """Ways to write an address so that a proxy and a service may read it differently."""
    first = f"%{ord(path[0]):02X}{path[1:]}"
    return [
        f"/{path}",
        f"//{path}",
        f"///{path}",
        f"/{path}/",
        f"/{path}//",
        f"/{path}?x=1",
        f"/{path}%3Fx",
        f"/{path}%00",
        f"/{path}#x",
        f"/{first}",
        f"/{first.lower()}",
        f"/%2F{path}",
        f"/./{path}",
        f"/{path}/.",
        f"/x/../{path}",
        f"/v1/../{path}",
        f"/v1/%2e%2e/{path}",
        f"/v1/..%2f{path}",
        f"/v1//../../{path}",
        f"/{path}/../v1/{path}",
        f"//{path}/../v1/read-also.js",
        f"/{path}%3F/../v1/read-also.js",
        f"/{path}%23/../v1/read-also.js",
        f"/docs/../{path}",
        f"/{path};/v1/",
        f"/\\{path}",
        f"http://127.0.0.1/{path}",
        f"https://related.example//{path}",
    ]
