"""Small charts as inline SVG, and heatmaps as pictures: what the sheet needs and no more."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import PIL.Image
from numpy.typing import ArrayLike, NDArray

from poise.charts.heat import shade
from poise.charts.palette import BLUE


def heat_rgb(counts: ArrayLike) -> NDArray[np.uint8]:
    """Colour a table of counts, ``(H, W)``, as ``(H, W, 3)`` uint8 RGB; the most is dark, and few can still be seen."""
    values = np.asarray(counts, dtype=np.float64)
    return np.ascontiguousarray(shade(np.sqrt(values / max(float(values.max(initial=0)), 1e-9)))[..., ::-1])


def place_counts(places: NDArray[np.float64], *, bins: int = 36, margin: float = 0.1) -> NDArray[np.float64]:
    """Count places of ``(N, 2)``, 0 to 1 within the frame, on a grid that shows a margin around it, softened."""
    known = places[np.isfinite(places).all(-1)]
    edges = np.linspace(-margin, 1 + margin, bins + 1)
    table = np.histogram2d(known[:, 1], known[:, 0], bins=(edges, edges))[0]
    for axis in (0, 1):
        padded = np.concatenate([np.take(table, [0], axis), table, np.take(table, [-1], axis)], axis)
        parts = [np.take(padded, range(i, i + bins), axis) for i in range(3)]
        table = 0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2]
    return table


def heatmap(places: NDArray[np.float64], size: int) -> PIL.Image.Image:
    """Draw where places are within a frame, which is shown as a thin line."""
    picture = PIL.Image.fromarray(heat_rgb(place_counts(places))).resize((size, size), PIL.Image.Resampling.BICUBIC)
    low, high = round(size * 0.1 / 1.2), round(size * 1.1 / 1.2)
    picture = picture.copy()
    for x in range(low, high):
        for at in ((x, low), (x, high), (low, x), (high, x)):
            picture.putpixel(at, (150, 160, 175))
    return picture


def inline(picture: PIL.Image.Image, *, kind: str = "JPEG") -> str:
    """Write a picture into an address that needs no file."""
    out = io.BytesIO()
    picture.save(out, kind, quality=82)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def histogram(
    values: ArrayLike, edges: ArrayLike, *, unit: str, name: str, marks: Sequence[tuple[float, str]] = ()
) -> str:
    """Draw counts of values between edges; equal widths a bin, whatever its edges are.

    Args:
        values: What to count.
        edges: Edges of the bins.
        unit: What stands below the axis.
        name: What the chart shows, for those who cannot see it.
        marks: Values that get a line and a word.
    """
    borders = np.asarray(edges, dtype=np.float64)
    counts = np.histogram(np.asarray(values), bins=borders)[0]
    width, height, left, bottom = 440, 190, 46, 34
    inner, tall = width - left - 8, height - bottom - 14
    step = inner / len(counts)
    most = max(int(counts.max(initial=0)), 1)
    out = [_open(width, height, name)]
    for value in (0, most / 2, most):
        y = 14 + tall * (1 - value / most)
        out.append(f'<line x1="{left}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
    for i, n in enumerate(counts):
        h = tall * n / most
        title = f"{borders[i]:g} to {borders[i + 1]:g}: {n}"
        out.append(
            f'<rect x="{left + i * step + 1:.1f}" y="{14 + tall - h:.1f}" width="{max(step - 2, 0.5):.1f}" '
            f'height="{h:.1f}" fill="{BLUE}"><title>{title}</title></rect>'
        )
    for i in range(0, len(borders) - 1, max(1, -(-len(counts) // 9))):
        text = f"{borders[i]:.0f}" if borders[i] >= 10 or borders[i] == int(borders[i]) else f"{borders[i]:.1f}"
        out.append(f'<text x="{left + i * step:.1f}" y="{height - bottom + 14}" text-anchor="middle">{text}</text>')
    for value, word in marks:
        at = left + step * float(np.interp(value, borders, np.arange(len(borders))))
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="8" y2="{14 + tall}" class="mark"/>')
        out.append(f'<text x="{at + 4:.1f}" y="16">{html.escape(word)}</text>')
    out.append(f'<text x="{left + inner / 2}" y="{height - 4}" text-anchor="middle">{html.escape(unit)}</text></svg>')
    return "".join(out)


def bars(names: Sequence[str], parts: ArrayLike, colours: Sequence[str], words: Sequence[str], *, name: str) -> str:
    """Draw one lying bar a name, made of parts.

    Args:
        names: What each bar is.
        parts: ``(bars, parts)`` counts.
        colours: One a part.
        words: What each part is, for the legend.
        name: What the chart shows.
    """
    table = np.asarray(parts, dtype=np.float64)
    line, left, width = 19, 150, 440
    inner = width - left - 62
    top = 24 if len(words) > 1 else 4
    height = top + line * len(names) + 4
    most = max(float(table.sum(1).max(initial=0)), 1.0)
    out = [_open(width, height, name)]
    x = left
    for word, colour in zip(words, colours, strict=True) if len(words) > 1 else ():
        out.append(f'<rect x="{x}" y="5" width="10" height="10" fill="{colour}"/>')
        out.append(f'<text x="{x + 14}" y="14">{html.escape(word)}</text>')
        x += 30 + 6 * len(word)
    for i, label in enumerate(names):
        y, x0 = top + i * line, float(left)
        out.append(f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{html.escape(label[:24])}</text>')
        for j, value in enumerate(table[i]):
            w = inner * value / most
            title = f"{html.escape(label)}, {html.escape(words[j])}: {value:,.0f}"
            out.append(
                f'<rect x="{x0:.1f}" y="{y + 2}" width="{w:.1f}" height="{line - 5}" fill="{colours[j]}">'
                f"<title>{title}</title></rect>"
            )
            x0 += w
        shown = table[i].sum() if len(words) == 1 else table[i][:-1].sum()
        out.append(f'<text x="{x0 + 5:.1f}" y="{y + 12}">{shown:,.0f}</text>')
    return "".join(out) + "</svg>"


def _open(width: int, height: int, name: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{html.escape(name, quote=True)}">'
    )
