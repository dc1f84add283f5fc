"""Pictures of the sample's stories: drawn by section and id, so that they need no files.

Each picture is a scene of its section: mountains for Central Asia, tiles for culture. The id
decides where the sun stands and how high the towers are. The same address always draws the same.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Final

__all__ = ["HEIGHT", "WIDTH", "draw_picture"]

WIDTH, HEIGHT = 720, 480
_LIT: Final = ("#ffd98a", "#ffe9bd", "#f7c15c")
Scene = Callable[[Random], Iterator[str]]
Points = Sequence[tuple[float, float]]


def draw_picture(section: str, seed: str) -> str:
    """Draw the picture of a story as an SVG document, the same one for the same two names.

    Args:
        section: chooses the scene; an unknown one gets waves.
        seed: decides the details, such as the id of the story.
    """
    dice = Random(f"{section}/{seed}")  # noqa: S311 - a drawing, no secret
    shapes = "".join(_SCENES.get(section, _waves)(dice))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice">{shapes}</svg>\n'
    )


# --- shapes ---


def _sky(*colours: str) -> str:
    """A background that runs from one colour at the top to another at the bottom."""
    stops = "".join(
        f'<stop offset="{place / (len(colours) - 1):.2f}" stop-color="{colour}"/>'
        for place, colour in enumerate(colours)
    )
    return (
        f'<linearGradient id="sky" x2="0" y2="1">{stops}</linearGradient>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#sky)"/>'
    )


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" fill="{fill}"/>'
    )


def _disc(x: float, y: float, radius: float, fill: str) -> str:
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="{fill}"/>'


def _line(points: Points, stroke: str, width: float) -> str:
    places = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    return (
        f'<polyline points="{places}" fill="none" stroke="{stroke}" stroke-width="{width:.0f}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )


def _area(points: Points, fill: str) -> str:
    places = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    return f'<polygon points="{places}" fill="{fill}"/>'


# --- scenes ---


def _mountains(dice: Random) -> Iterator[str]:
    """Ranges behind each other, the nearest the darkest, under a low sun."""
    sky, sun, ranges = dice.choice(
        (
            (("#f7b267", "#f9d8a8", "#fbeedd"), "#fff3d6", ("#c98a6b", "#96604f", "#5b3a37")),
            (("#7fb2d6", "#cfe3ee", "#f3f0e6"), "#fffdf2", ("#8fa9bd", "#56748c", "#2c4459")),
            (("#31486b", "#8a7ca8", "#f2b8a0"), "#ffe4c4", ("#6f6690", "#473f66", "#262340")),
            (("#9cc5a1", "#dbe8d0", "#f8f3e3"), "#fffbe8", ("#88a88c", "#4c7259", "#284636")),
        )
    )
    yield _sky(*sky)
    yield _disc(dice.uniform(120, 600), dice.uniform(90, 190), dice.uniform(34, 58), sun)
    for depth, colour in enumerate(ranges):
        yield _area(_ridge(dice, 230 + 70 * depth, 110 - 22 * depth), colour)


def _ridge(dice: Random, level: float, height: float) -> list[tuple[float, float]]:
    """The outline of a mountain range that reaches the lower corners."""
    step = WIDTH / dice.choice((6, 7, 8))
    peaks = [
        (place * step, level + height * (dice.random() - (0.9 if place % 2 else 0.1)))
        for place in range(math.ceil(WIDTH / step) + 1)
    ]
    return [(0, HEIGHT), *peaks, (WIDTH, HEIGHT)]


def _skyline(dice: Random) -> Iterator[str]:
    """Towers at dusk, some of their windows lit."""
    sky, far, near = dice.choice(
        (
            (("#14213d", "#3d4f7c", "#e08e79"), "#2b3a60", "#101a30"),
            (("#0f2a3f", "#2f6f7e", "#f0c99a"), "#21505f", "#0a1c2b"),
            (("#2a1e45", "#75508b", "#f3b391"), "#46346a", "#1a1230"),
        )
    )
    yield _sky(*sky)
    yield _disc(dice.uniform(90, 630), dice.uniform(70, 130), dice.uniform(18, 30), "#fdf0d5")
    for left in range(-20, WIDTH, 62):
        height = dice.uniform(120, 270)
        yield _box(left, HEIGHT - height, dice.uniform(52, 70), height, far)
    x = -10.0
    while x < WIDTH:
        width, height = dice.uniform(58, 98), dice.uniform(110, 330)
        yield _box(x, HEIGHT - height, width, height, near)
        yield _windows(dice, x, HEIGHT - height, width)
        x += width + dice.uniform(4, 26)


def _windows(dice: Random, left: float, top: float, width: float) -> str:
    """The lit windows of one tower, as one path."""
    lit = [
        f"M{x} {y}h9v12h-9z"
        for y in range(round(top) + 18, HEIGHT - 20, 28)
        for x in range(round(left) + 10, round(left + width) - 14, 18)
        if dice.random() < 0.36  # noqa: PLR2004 - about a third
    ]
    return f'<path fill="{dice.choice(_LIT)}" d="{"".join(lit)}"/>' if lit else ""


def _technology(dice: Random) -> Iterator[str]:
    """A chip and its conductors, or masts that send."""
    ground, trace, light = dice.choice(
        (
            ("#0b3b3c", "#2f8f83", "#f2d7a0"),
            ("#1c2541", "#5b7db1", "#ffd6a5"),
            ("#3a1f3d", "#a0628f", "#ffdac1"),
            ("#402a1c", "#b0764a", "#ffe8c9"),
        )
    )
    yield _box(0, 0, WIDTH, HEIGHT, ground)
    scene = dice.choice((_circuit, _masts))
    yield from scene(dice, trace, light)


def _circuit(dice: Random, trace: str, light: str) -> Iterator[str]:
    """Conductors that turn at right angles between a chip and the edges."""
    x, y = dice.choice((230, 300, 430, 490)), dice.choice((180, 220, 280))
    for at in range(-3, 4):
        turn, end = dice.uniform(60, 160), at * dice.uniform(50, 78)
        for side in (-1, 1):
            edge, rim = x + side * (90 + turn), WIDTH * (side > 0)
            places = ((x, y + at * 18), (edge, y + at * 18), (edge, y + end), (rim, y + end))
            yield _line(places, trace, 5)
            yield _disc(edge, y + end, 9, dice.choice((trace, trace, light)))
    yield _box(x - 84, y - 84, 168, 168, trace) + _box(x - 70, y - 70, 140, 140, "#00000055")
    yield _box(x - 36, y - 36, 72, 72, light)


def _masts(dice: Random, trace: str, light: str) -> Iterator[str]:
    """Masts on a line of hills, with the waves that they send."""
    x, y = dice.choice((170, 360, 540)), dice.uniform(130, 190)
    for ring in range(7):
        yield (
            f'<circle cx="{x}" cy="{y:.0f}" r="{50 + 62 * ring}" fill="none" stroke="{trace}" '
            f'stroke-opacity="{0.9 - 0.12 * ring:.2f}" stroke-width="6"/>'
        )
    yield _area(((x - 46, 420), (x, y), (x + 46, 420)), light)
    yield _area(_ridge(dice, 390, 60), trace)
    yield _disc(x, y, 20, light)


def _containers(dice: Random) -> Iterator[str]:
    """Stacks of goods in a yard, under a crane."""
    sky = dice.choice((("#f4d9b0", "#fbf1de"), ("#b9d6df", "#f1f4ea"), ("#e5c1b0", "#f9efe4")))
    colours = ("#b5482f", "#d98e32", "#2f6b73", "#41527a", "#7a8c4a", "#8c4a5d")
    yield _sky(*sky)
    mast = dice.choice((90, 560))
    yield _box(mast, 40, 16, 380, "#4a4f57") + _box(mast - 80, 56, 250, 12, "#4a4f57")
    yield _line(((mast + 130, 68), (mast + 130, dice.uniform(110, 190))), "#4a4f57", 4)
    for x in range(-40, WIDTH, 130):
        for level in range(dice.choice((1, 2, 2, 3, 4))):
            top = 352 - 68 * level
            yield _box(x + 3, top, 124, 64, dice.choice(colours))
            ribs = "".join(f"M{x + 20 + 22 * rib} {top + 8}v48" for rib in range(5))
            yield f'<path d="{ribs}" stroke="#00000033" stroke-width="5"/>'
    yield _box(0, 416, WIDTH, 64, "#6d665f")


def _arena(dice: Random) -> Iterator[str]:
    """The lanes of a track around a lawn, and a ball or a sun over them."""
    track, lawn = dice.choice(
        (("#b3432b", "#5c8a4b"), ("#2d5f7f", "#79a35a"), ("#8c3b4a", "#4d8061"))
    )
    x, y = dice.choice((120, 360, 600)), dice.uniform(470, 560)
    yield _box(0, 0, WIDTH, HEIGHT, track)
    for lane in range(7):
        radius = 560 - 46 * lane
        yield (
            f'<ellipse cx="{x}" cy="{y:.0f}" rx="{radius}" ry="{radius * 0.72:.0f}" fill="none" '
            'stroke="#fff" stroke-opacity=".75" stroke-width="4"/>'
        )
    yield f'<ellipse cx="{x}" cy="{y:.0f}" rx="262" ry="188" fill="{lawn}"/>'
    ball_x, ball_y = dice.uniform(120, 600), dice.uniform(80, 180)
    yield _disc(ball_x + 10, ball_y + 14, 44, "#0000002e") + _disc(ball_x, ball_y, 44, "#fbf7ec")
    yield _disc(ball_x - 10, ball_y - 8, 13, "#2b2b2b") + _disc(
        ball_x + 22, ball_y + 14, 8, "#2b2b2b"
    )


def _tiles(dice: Random) -> Iterator[str]:
    """A wall of eight-pointed stars, as on the gates of the region's old towns."""
    wall, first, second, heart = dice.choice(
        (
            ("#14505c", "#e6c58a", "#2f8f9d", "#f8eed8"),
            ("#7a2e2e", "#e8b04b", "#b0543c", "#f7ead0"),
            ("#23395b", "#d9b26f", "#4a6fa5", "#f3ead7"),
            ("#3c5a3e", "#e3c16f", "#7a9e6a", "#f6efd9"),
        )
    )
    yield _box(0, 0, WIDTH, HEIGHT, wall)
    size = dice.choice((60, 72, 90))
    yield (
        f'<pattern id="star" width="{2 * size}" height="{2 * size}" patternUnits="userSpaceOnUse" '
        f'patternTransform="translate({dice.randrange(size)} {dice.randrange(size)})">'
        f"{_star(size, size, size * 0.92, first)}{_star(size, size, size * 0.6, second)}"
        f"{_star(size, size, size * 0.3, heart)}{_disc(0, 0, size * 0.26, second)}"
        f"{_disc(2 * size, 0, size * 0.26, second)}{_disc(0, 2 * size, size * 0.26, second)}"
        f"{_disc(2 * size, 2 * size, size * 0.26, second)}</pattern>"
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#star)"/>'
    arch = dice.choice((180, 360, 540))
    yield (
        f'<path d="M{arch - 110} 480V270q0-96 110-150q110 54 110 150v210z" fill="{heart}"/>'
        f'<path d="M{arch - 84} 480V280q0-78 84-122q84 44 84 122v200z" fill="{wall}"/>'
    )


def _star(x: float, y: float, radius: float, fill: str) -> str:
    points = [
        (
            x + (radius if point % 2 else 0.76 * radius) * math.cos(point * math.pi / 8),
            y + (radius if point % 2 else 0.76 * radius) * math.sin(point * math.pi / 8),
        )
        for point in range(16)
    ]
    return _area(points, fill)


def _waves(dice: Random) -> Iterator[str]:
    """Calm water, for a section that has no scene of its own."""
    hue = dice.randrange(360)
    yield _box(0, 0, WIDTH, HEIGHT, f"hsl({hue},38%,82%)")
    yield _disc(dice.uniform(120, 600), dice.uniform(90, 170), 46, f"hsl({hue},60%,94%)")
    for depth in range(4):
        level, swing = 200 + 66 * depth, dice.uniform(18, 44)
        yield (
            f'<path d="M0 {level}q90 {-swing:.0f} 180 0t180 0t180 0t180 0V480H0z" '
            f'fill="hsl({hue},40%,{64 - 12 * depth}%)"/>'
        )


_SCENES: Final[Mapping[str, Scene]] = MappingProxyType(
    {
        "central-asia": _mountains,
        "china-smart-cities": _skyline,
        "technology": _technology,
        "economy": _containers,
        "sport": _arena,
        "culture": _tiles,
    }
)
"""By section what its pictures show."""
