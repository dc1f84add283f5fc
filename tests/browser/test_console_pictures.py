"""The console over the sample archive, as the README and the editors' page show it.

With `READ_ALSO_PICTURES=docs/pictures` the pictures are made anew. Install the Debian packages
fonts-noto-core and fonts-noto-cjk before.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from recommender.api_keys import ApiKey
from recommender.settings import Settings
from service import create_app
from tests.browser.conftest import served
from tests.browser.editors import Editors
from tests.browser.tabs import SECRET
from tests.support.archives import copy_archive

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 90_000  # of a picture
DESK = {"width": 1200, "height": 860}
PHONE = {"width": 390, "height": 844}
SHOWN: dict[str, tuple[str, dict[str, Any], str]] = {
    "console-story": ("/console/story/guiyang-smart-city", {"viewport": DESK}, "README.md"),
    "console-find": ("/console/find?q=smart+city+traffic", {"viewport": DESK}, "README.md"),
    "console-map": (
        "/console/map?story=guiyang-smart-city",
        {"viewport": DESK, "color_scheme": "dark"},
        "README.md",
    ),
    "console-quality": ("/console/quality", {"viewport": DESK}, "docs/editors.md"),
    "console-today-tajik": ("/console", {"viewport": PHONE, "locale": "tg"}, "docs/editors.md"),
}
"""By the name of a picture its page, how it is looked at, and where it is shown."""


@pytest.fixture(scope="module")
def console(sample_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service over a copy of the sample, for somebody with a key."""
    folder = tmp_path_factory.mktemp("console") / "sample"
    copy_archive(sample_settings.data_dir, folder)
    settings = replace(
        sample_settings,
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'read-also.db'}",
        api_keys=(ApiKey.of("desk", {"read", "write"}, SECRET),),
    )
    app = create_app(settings, follows=False)
    shared = app.extensions["read-also"]
    shared.follower.refresh()
    with served(app) as address:
        yield address
    shared.stop()


@pytest.mark.parametrize("name", SHOWN)
def test_the_pages_of_the_console_are_as_the_docs_show_them(
    console: str, editor: Editors, name: str
) -> None:
    path, look, page_of_docs = SHOWN[name]
    page = editor(console, **look).open(path)
    file = BytesIO()
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(file, "WEBP", quality=72)
    folder = os.environ.get("READ_ALSO_PICTURES")
    if folder:
        (ROOT / folder / f"{name}.webp").write_bytes(file.getvalue())
    prefix = "docs/" if page_of_docs == "README.md" else ""
    assert f"]({prefix}pictures/{name}.webp)" in (ROOT / page_of_docs).read_text("utf-8")
    assert (PICTURES / f"{name}.webp").stat().st_size < MOST_BYTES
