"""Posts with pictures: files that a test draws, in the sizes that WordPress makes of an upload."""

import struct
import zlib
from pathlib import Path

from tests.wordpress.site import Site

__all__ = ["draw", "give_picture"]

SIZES = {"medium": 300, "medium_large": 768, "large": 1024}
FULL = 1500


def give_picture(site: Site, post: int, colour: int = 0) -> None:
    """Give a post a featured image of 1500 by 1000 in the usual sizes, whose colour is a number."""
    folder = site.folder / "content/uploads"
    name = f"picture-{post}"
    for width in SIZES.values():
        draw(folder / f"{name}-{width}x{width * 2 // 3}.png", width, width * 2 // 3, colour)
    draw(folder / f"{name}.png", FULL, FULL * 2 // 3, colour)
    site.run(
        """$png = ['post_mime_type' => 'image/png', 'post_title' => 'Picture'];
        $id = wp_insert_attachment($png, "{$given['name']}.png");
        foreach ($given['sizes'] as $size => $width) {
            $height = intdiv(2 * $width, 3);
            $sizes[$size] = ['file' => "{$given['name']}-{$width}x$height.png",
                'width' => $width, 'height' => $height, 'mime-type' => 'image/png'];
        }
        wp_update_attachment_metadata($id, ['file' => "{$given['name']}.png", 'sizes' => $sizes,
            'width' => $given['full'], 'height' => intdiv(2 * $given['full'], 3)]);
        update_post_meta($id, '_wp_attachment_image_alt', 'A picture');
        set_post_thumbnail($given['post'], $id);""",
        post=post,
        name=name,
        sizes=SIZES,
        full=FULL,
    )


def draw(path: Path, width: int, height: int, colour: int) -> None:
    """A PNG of a sky, a sea and a sun, in one of some colours."""
    red, green, blue = ((colour * step) % 160 + 40 for step in (67, 113, 31))
    sun = min(width, height) // 6
    rows = []
    for y in range(height):
        shade = y * 60 // height + (40 if y > height * 2 // 3 else 0)
        line = bytearray(bytes((red + shade // 2, green, min(255, blue + shade))) * width)
        reach = sun**2 - (y - height // 3) ** 2
        if reach > 0:
            half = int(reach**0.5)
            start = width * 2 // 3 - half
            line[3 * start : 3 * (start + 2 * half)] = b"\xff\xe8\xb0" * (2 * half)
        rows.append(b"\0" + bytes(line))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = {b"IHDR": header, b"IDAT": zlib.compress(b"".join(rows)), b"IEND": b""}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in parts.items():
            whole = kind + data
            file.write(struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole)))
