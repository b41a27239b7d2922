"""``summary.html``: what came of a batch, as one page that needs nothing else and opens offline."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from poise import files
from poise.batch.manifest import Manifest
from poise.batch.status import BatchReport, report_of
from poise.charts import BLUE
from poise.extras.version import __version__
from poise.files.text import one_line
from poise.files.writing import write_atomically

NAME = "summary.html"
_WIDE, _HIGH, _LEFT, _BOTTOM = 900, 180, 60, 24
# Bars of the speed over time, at most.
_BARS = 120
_MOST_NOTES = 50
_MOST_PICTURE = 1 << 20
_STYLE = """
:root{--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--quiet:#667085;--line:#e3e7ee}
@media (prefers-color-scheme:dark){:root{--bg:#14181f;--card:#1d232d;--ink:#e8ecf2;--quiet:#98a2b3;--line:#323b48}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px}h1{font-size:20px;overflow-wrap:anywhere}
h2{font-size:16px;margin:28px 0 8px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(110px,1fr));gap:12px}
.tiles b{display:block;font-size:24px}.tiles span,.quiet{color:var(--quiet);font-size:13px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:6px 10px 6px 0;border-top:1px solid var(--line);
vertical-align:top;overflow-wrap:anywhere}td.n{text-align:right;white-space:nowrap}
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:12px}figure{margin:0}
figure img{width:100%;border-radius:8px;display:block}
figcaption{color:var(--quiet);font-size:12px;overflow-wrap:anywhere}
svg{width:100%;height:auto}svg text{fill:var(--quiet);font-size:12px}svg .grid{stroke:var(--line)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px}
"""


def write_page(manifest: Manifest, folder: Path) -> Path:
    """Write the page.

    Args:
        manifest: Of the batch.
        folder: Of the batch.

    Returns:
        The file.

    Raises:
        PoiseError: It cannot be written.
    """
    path = folder / NAME
    write_atomically(path, render(manifest, folder))
    return path


def render(manifest: Manifest, folder: Path) -> str:
    """Return the page as HTML; all names of files in it are text."""
    report = report_of(manifest, folder)
    title = escape(one_line(folder.absolute().name))
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; ',
        f"style-src 'unsafe-inline'\"><title>{title}: batch</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{title}</h1>",
        _tiles(report),
        _reasons(report),
        _speed(manifest.pace()),
        _samples(manifest, folder),
        _notes(manifest.notes(_MOST_NOTES)),
        _shards(report, manifest),
        f"<h2>Made with</h2><pre>{escape(json.dumps(report.settings, indent=1))}</pre>",
        f'<p class="quiet">Poise {escape(__version__)}</p></main></body></html>',
    ]
    return "".join(part for part in parts if part)


def _tiles(report: BatchReport) -> str:
    tiles = [
        (f"{report.items:,}", "items"),
        (f"{report.done:,}", "done"),
        (f"{report.failed:,}", "failed"),
        (f"{report.left:,}", "left"),
        (f"{report.frames:,}", "frames"),
        (f"{report.rows:,}", "rows"),
        (f"{report.rate:.1f}", "items/s in the last run"),
    ]
    if report.same:
        tiles.append((f"{report.same:,}", "left out, equal to others"))
    cells = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in tiles)
    return f'<div class="card tiles">{cells}</div>'


def _reasons(report: BatchReport) -> str:
    if not report.reasons:
        return ""
    rows = "".join(
        f'<tr><td class="n">{reason.items:,}</td><td>{escape(one_line(reason.said))}<br><span class="quiet">'
        f"{'<br>'.join(escape(one_line(name)) for name in reason.sources)}</span></td></tr>"
        for reason in report.reasons
    )
    return f'<h2>Failed, by reason</h2><div class="card"><table>{rows}</table></div>'


def rates(points: Sequence[tuple[float, int, int, int, int]]) -> list[tuple[float, float, float]]:
    """Return seconds from the beginning, length in seconds, and items a second, of each span between two points.

    Args:
        points: Of the manifest: time, run, and what the run had done by then; time between two runs is left out.
    """
    spans: list[tuple[float, float, float]] = []
    at = 0.0
    for before, now in pairwise(points):
        seconds = now[0] - before[0]
        if now[1] != before[1] or seconds <= 0:
            continue
        spans.append((at, seconds, (now[2] + now[4] - before[2] - before[4]) / seconds))
        at += seconds
    return spans


def _speed(points: Sequence[tuple[float, int, int, int, int]]) -> str:
    spans = rates(points)
    if not spans:
        return ""
    whole = spans[-1][0] + spans[-1][1]
    width = max(whole / _BARS, 1e-9)
    sums = [0.0] * _BARS
    times = [0.0] * _BARS
    for at, seconds, rate in spans:
        # A span may be longer than a bar: each bar takes what of it lies in it.
        for place in range(int(at / width), min(int((at + seconds) / width) + 1, _BARS)):
            inside = max(min(at + seconds, (place + 1) * width) - max(at, place * width), 0.0)
            sums[place] += rate * inside
            times[place] += inside
    heights = [a / b if b else 0.0 for a, b in zip(sums, times, strict=True)]
    most = max(*heights, 1e-9)
    inner, tall = _WIDE - _LEFT - 8, _HIGH - _BOTTOM - 12
    step = inner / _BARS
    out = [f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="items a second over time">']
    for share in (0.0, 0.5, 1.0):
        y = 12 + tall * (1 - share)
        out.append(f'<line x1="{_LEFT}" x2="{_WIDE - 8}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * share:.3g}</text>')
    for i, (value, seconds) in enumerate(zip(heights, times, strict=True)):
        if seconds:
            high = tall * value / most
            # A little wider than its place, so that no line shows between two.
            out.append(
                f'<rect x="{_LEFT + i * step:.1f}" y="{12 + tall - high:.1f}" width="{step + 0.5:.2f}" '
                f'height="{high:.1f}" fill="{BLUE}"/>'
            )
    out.append(f'<text x="{_LEFT}" y="{_HIGH - 6}">items a second over {whole:,.0f} s of work</text></svg>')
    return f'<h2>Speed</h2><div class="card">{"".join(out)}</div>'


def _samples(manifest: Manifest, folder: Path) -> str:
    shots = []
    for path in sorted((folder / "samples").glob(f"{'[0-9]' * 9}.jpg")):
        try:
            data = files.read_bytes(path, most=_MOST_PICTURE)
            name = manifest.source(int(path.stem))
        except (OSError, ValueError, TypeError):
            continue
        shots.append(
            f'<figure><img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode("ascii")}">'
            f"<figcaption>{escape(one_line(name))}</figcaption></figure>"
        )
    return f'<h2>Samples</h2><div class="shots">{"".join(shots)}</div>' if shots else ""


def _notes(notes: Sequence[tuple[str, str]]) -> str:
    if not notes:
        return ""
    rows = "".join(f"<tr><td>{escape(one_line(said))}</td></tr>" for _, said in notes)
    return f'<h2>Done, with something to know</h2><div class="card"><table>{rows}</table></div>'


def _shards(report: BatchReport, manifest: Manifest) -> str:
    written = [one for one in manifest.shards() if one["file"]]
    if not written:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one['file'])}</td><td class='n'>{one['items']:,} items</td>"
        f"<td class='n'>{one['rows']:,} rows</td><td class='n'>{one['bytes'] / 1e6:,.2f} MB</td></tr>"
        for one in written[:100]
    )
    more = f'<p class="quiet">and {len(written) - 100:,} more</p>' if len(written) > 100 else ""
    return f'<h2>Files</h2><div class="card"><table>{rows}</table>{more}</div>'
