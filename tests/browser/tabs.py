"""Tabs of Chromium that note what no page of ours may do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

__all__ = ["AXE", "LOOPBACK", "SECRET", "Tab"]

AXE: Final = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
LOOPBACK: Final = "http://127.0.0.1:"
SECRET: Final = "write-0123456789abcdef"  # noqa: S105 - of an archive that lives for a minute


@dataclass
class Tab:
    """A page, and the forbidden things that it did."""

    page: Page
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._note_request)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("dialog", self._note_dialog)
        self.page.on("popup", lambda _: self._note("a window was opened"))

    def _note_console(self, message: ConsoleMessage) -> None:
        """Errors but for the icon that the browser itself looks for."""
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            self._note(message.text)

    def _note_dialog(self, dialog: Dialog) -> None:
        self._note(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith("data:"):
            self.asked.append(request.url)

    def _note(self, fault: str) -> None:
        self.faults.append(fault)

    def assert_clean(self) -> None:
        """No script ran, only loopback was contacted, and every link is a web address."""
        assert self.page.evaluate("typeof window.pwned") == "undefined", "a script ran"
        elsewhere = [url for url in self.asked if not url.startswith(LOOPBACK)]
        assert not elsewhere, elsewhere
        assert not self.faults, self.faults
        schemes = self.page.eval_on_selector_all("a[href]", "all => all.map(a => a.protocol)")
        assert set(schemes) <= {"http:", "https:"}, schemes
