"""A chart of lines over logarithmic axes, as SVG in plain text: readable on light and dark, without a library."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 210, 44, 48
COLOURS = ("#4c78a8", "#d1700f", "#3f8f4f", "#a63d6b", "#6f5fb0")


class Line(NamedTuple):
    name: str
    values: Sequence[float]


def chart(title: str, across: str, places: Sequence[float], lines: Sequence[Line]) -> str:
    """`places` are the lines' common positions; all numbers above 0."""
    values = [value for line in lines for value in line.values]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    first, last = log10(places[0]), log10(places[-1])

    def x(place: float) -> float:
        return LEFT + (log10(place) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def parts() -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            f' font-family="sans-serif" font-size="12" fill="#777"><title>{escape(title)}</title>'
        )
        yield f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>'
        for power in range(low, high + 1):
            at = y(10.0**power)
            yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#7774" fill="none"/>'
            yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_number(10.0**power)}</text>'
        for power in range(ceil(first), floor(last) + 1):
            at = x(10.0**power)
            yield f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#7774" fill="none"/>'
            yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_number(10.0**power)}</text>'
        middle = (LEFT + WIDTH - RIGHT) / 2
        yield f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>'
        names = _apart([y(line.values[-1]) for line in lines])
        for line, name, colour in zip(lines, names, COLOURS, strict=False):
            points = " ".join(
                f"{x(place):.1f},{y(value):.1f}" for place, value in zip(places, line.values, strict=True)
            )
            yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
            yield f'<text x="{WIDTH - RIGHT + 10}" y="{name + 4:.1f}" fill="{colour}">{escape(line.name)}</text>'
        yield "</svg>\n"

    return "\n".join(parts())


def _apart(places: Sequence[float], least: float = 16.0) -> list[float]:
    """The same places, moved down where two would overlap."""
    moved: dict[int, float] = {}
    free = 0.0
    for number in sorted(range(len(places)), key=places.__getitem__):
        moved[number] = max(places[number], free)
        free = moved[number] + least
    return [moved[number] for number in range(len(places))]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
