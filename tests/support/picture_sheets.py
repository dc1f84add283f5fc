"""Screenshots of lists on one sheet: a row for each look of a page, a column for each layout."""

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page

__all__ = ["GALLERY", "keep_picture", "lay_out", "shoot"]

ROOT: Final = Path(__file__).parents[2]
GALLERY: Final = ROOT / "docs" / "pictures" / "gallery"
CELL: Final = 420  # pixels, the width of a column
GAP: Final = 20
NAME: Final = 34  # pixels, the height of the name of a row
PAPER, INK = "#8a8d93", "#fff"
BESIDE: Final = 24  # pixels of the page that are shown around a list


def shoot(page: Page, selector: str) -> Image.Image:
    """A list and a little of the page around it."""
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    left, top = max(0, box["x"] - BESIDE), max(0, box["y"] - BESIDE)
    width = min(page.evaluate("innerWidth") - left, box["width"] + 2 * BESIDE)
    clip = {"x": left, "y": top, "width": width, "height": box["height"] + 2 * BESIDE}
    shot = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
    return Image.open(BytesIO(shot)).convert("RGB")


def lay_out(rows: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """The sheet; each row stands under its name, and nothing is enlarged."""
    cells = {name: [_fitted(one) for one in row] for name, row in rows.items()}
    heights = {name: max(one.height for one in row) for name, row in cells.items()}
    columns = max(map(len, cells.values()))
    size = (columns * (CELL + GAP) + GAP, sum(heights.values()) + len(cells) * (NAME + GAP))
    sheet = Image.new("RGB", size, PAPER)
    pen, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(18), 0
    for name, row in cells.items():
        pen.text((GAP, top + 8), name, INK, font)
        for column, one in enumerate(row):
            sheet.paste(one, (GAP + column * (CELL + GAP), top + NAME))
        top += NAME + heights[name] + GAP
    return sheet


def _fitted(shot: Image.Image) -> Image.Image:
    if shot.width <= CELL:
        return shot
    height = round(shot.height * CELL / shot.width)
    return shot.resize((CELL, height), Image.Resampling.LANCZOS)


def keep_picture(name: str, picture: Image.Image, quality: int = 74) -> bytes:
    """The picture as a file; with `READ_ALSO_GALLERY=FOLDER` it is written into that folder."""
    file = BytesIO()
    picture.save(file, "WEBP", quality=quality, method=6)
    folder = os.environ.get("READ_ALSO_GALLERY")
    if folder:
        (ROOT / folder / name).write_bytes(file.getvalue())
    return file.getvalue()
