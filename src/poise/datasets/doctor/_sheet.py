"""The sheet: one page that shows what is in a data set and what is wrong with it, without any other file."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from poise.charts import BLUE, GREY, ORANGE, bars, heatmap, histogram, inline
from poise.datasets._labels import Problem
from poise.datasets.doctor._check import Diagnosis
from poise.datasets.doctor._drawn import mirror_check, relative, samples, side_by_side, single
from poise.datasets.doctor._mirror import known_skeleton
from poise.datasets.doctor._overview import overview
from poise.datasets.doctor._table import Table
from poise.errors import PoiseError
from poise.files.writing import replacing, write_atomically
from poise.skeletons import Skeleton

_SAMPLES, _EXAMPLES, _LISTED = 12, 12, 5
_TALL = 260  # pixels of a drawn instance


def write_sheet(found: Diagnosis, path: str | Path) -> Path:
    """Write the sheet as one HTML file that asks nothing of any network, or as a picture that shows the most of it.

    Args:
        found: What :func:`check` returned.
        path: The file to write: ``.html``, or ``.png`` for the picture.

    Raises:
        ValueError: Another ending.
        PoiseError: It cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm", ".png"):
        raise ValueError(f"{path}: a sheet is .html or .png")
    if path.suffix.lower() == ".png":
        with replacing(path) as part:
            overview(found).save(part, format="PNG")
    else:
        write_atomically(path, "\n".join(_page(found)).encode("utf-8", "replace"))
    return path


def _page(found: Diagnosis) -> Iterator[str]:
    title = html.escape(found.file.stem)
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: data set check</title>'
    yield f'<meta name="viewport" content="width=device-width">{_STYLE}</head><body>'
    counts = found.counts
    badges = " ".join(
        f'<span class="badge {name if n else "none"}">{n} {name}{"" if n == 1 else "s"}</span>'
        for name, n in counts.items()
    )
    yield f"<header><h1>{title}</h1><p><code>{html.escape(str(found.file))}</code></p><p>{badges}</p></header>"
    yield "<main>"
    table = found.table
    if table is not None:
        yield _splits(found.statistics["splits"])
    yield from _problems(found.problems)
    if table is not None and len(table):
        skeleton, guessed = known_skeleton(table.spec)
        yield from _examples(found, table, skeleton)
        yield from _mirror(table, skeleton, guessed)
        yield from _samples(table, skeleton)
        yield from _places(table, skeleton)
        yield from _sizes(found.statistics, table, skeleton)
        yield _sigmas(found.statistics, skeleton)
    yield "</main></body></html>"


def _splits(splits: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(f"<td>{s[key]:,}</td>" for key in ("pictures", "used", "left_out", "background", "instances"))
        + "</tr>"
        for name, s in splits.items()
    )
    head = "<tr><th></th><th>pictures</th><th>used</th><th>left out</th><th>background</th><th>instances</th></tr>"
    return f"<section><table>{head}{rows}</table></section>"


def _problems(problems: Sequence[Problem]) -> Iterator[str]:
    yield "<section><h2>What was found</h2>"
    if not problems:
        yield "<p>Nothing.</p>"
    for (severity, kind), group in groupby(problems, key=lambda p: (p.severity, p.kind)):
        members = list(group)
        first = members[0]
        number = f" <b>×{len(members)}</b>" if len(members) > 1 else ""
        yield f'<details class="problem"><summary><span class="badge {severity}">{severity}</span> '
        yield f"<b>{html.escape(kind)}</b>{number} {html.escape(_short(first.message))}</summary><ul>"
        for p in members:
            where = f"{p.file}:{p.line}" if p.line is not None else str(p.file)
            mend = f"<br><i>{html.escape(p.mend)}</i>" if p.mend else ""
            yield f"<li><code>{html.escape(where)}</code> {html.escape(p.message)}{mend}</li>"
        yield "</ul></details>"
    yield "</section>"


def _short(text: str, most: int = 170) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"


def _figure(picture: PIL.Image.Image, caption: str) -> str:
    name = html.escape(caption, quote=True)
    size = f'width="{picture.width}" height="{picture.height}"'
    return (
        f'<figure style="width: {picture.width + 2}px"><img src="{inline(picture)}" {size} alt="{name}">'
        f"<figcaption>{name}</figcaption></figure>"
    )


def _chart(chart: str, caption: str) -> str:
    return f'<figure class="chart">{chart}<figcaption>{html.escape(caption)}</figcaption></figure>'


def _examples(found: Diagnosis, table: Table, skeleton: Skeleton) -> Iterator[str]:
    figures = [*_instances(found.problems, table, skeleton)]
    for pair in found.alike[:3]:
        try:
            figures.append(_figure(side_by_side(pair, size=(285, _TALL)), f"alike: {pair[0].name} and {pair[1].name}"))
        except PoiseError:
            continue
    if figures:
        yield f'<section><h2>Some of them, drawn</h2><div class="row">{"".join(figures)}</div></section>'


def _instances(problems: Sequence[Problem], table: Table, skeleton: Skeleton) -> Iterator[str]:
    index = {(table.path(i), int(table.row[i])): i for i in range(len(table))}
    rows = [(p, index.get((p.picture, p.row))) for p in problems if p.picture is not None and p.row is not None]
    by_kind: dict[str, list[tuple[Problem, int]]] = {}
    for problem, i in rows:
        if i is not None:
            by_kind.setdefault(problem.kind, []).append((problem, i))
    each = max(1, _EXAMPLES // max(1, len(by_kind)))
    for members in by_kind.values():
        for problem, i in members[: each if members[0][0].severity != "note" else 2]:
            try:
                picture = single(table, i, skeleton, size=(360, _TALL))
            except PoiseError:
                continue
            where = f"{problem.file.name}:{problem.line}: " if problem.line is not None else ""
            yield _figure(picture, f"{problem.kind}: {where}{_short(problem.message, 110)}")


def _mirror(table: Table, skeleton: Skeleton, guessed: bool) -> Iterator[str]:
    own = table.spec.skeleton.flip_idx
    right = skeleton.flip_idx if guessed else replace(skeleton, flip_idx=()).flip_idx
    maps = [own] if right == own else [own, right]
    words = "mirrored with the file's flip_idx" if table.spec.flip_known else "mirrored without exchanging points"
    pictures = mirror_check(table, skeleton, maps, size=(380, 340))
    if not pictures:
        return
    captions = ("as labelled", words, "mirrored by the points' names")
    figures = [_figure(picture, caption) for picture, caption in zip(pictures, captions, strict=False)]
    yield "<section><h2>Mirror check</h2><p>Left is blue and right is orange. A mirrored left paw is a right paw: in a "
    yield "mirrored picture, the colours must change places on the body, or mirroring teaches left for right.</p>"
    yield f'<div class="row">{"".join(figures)}</div></section>'


def _samples(table: Table, skeleton: Skeleton) -> Iterator[str]:
    yield '<section><h2>Samples</h2><div class="row">'
    for picture, name in samples(table, skeleton, _SAMPLES, size=(360, 240)):
        yield _figure(picture, name)
    yield "</div></section>"


def _places(table: Table, skeleton: Skeleton) -> Iterator[str]:
    inside = relative(table)
    yield "<section><h2>Where keypoints are in the box</h2><p>The frame is the box.</p><div class='row small'>"
    for k, name in enumerate(skeleton.keypoints):
        yield _figure(heatmap(inside[:, k], 108), name)
    yield "</div></section>"
    boxes = table.labels.boxes.astype(np.float64)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / np.maximum(table.sizes, 1)
    yield "<section><h2>Boxes</h2><div class='row'>"
    yield _figure(heatmap(centre, 220), "centres of boxes in the picture (the frame)")
    side = np.sqrt(np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1))
    edges = 2 ** np.arange(2, np.ceil(np.log2(side.max())) + 0.6, 0.5)
    chart = histogram(
        side,
        edges,
        unit="side of the box, pixels (root of its area)",
        name="sizes of boxes",
        marks=((32, "32"), (96, "96")),
    )
    yield _chart(chart, "sizes; COCO calls below 32 small and above 96 large")
    counts = np.concatenate(list(table.counts))
    most = int(max(counts.max(initial=1), 1))
    chart = histogram(
        counts, np.arange(0, most + 2, max(1, -(-most // 30))), unit="instances", name="instances a picture"
    )
    yield _chart(chart, "instances a picture (0: background)")
    yield "</div></section>"


def _sizes(statistics: Any, table: Table, skeleton: Skeleton) -> Iterator[str]:
    yield "<section><h2>Keypoints and classes</h2><div class='row'>"
    points = statistics["keypoints"]
    parts = [[p["seen"], p["hidden"], p["not_labelled"]] for p in points.values()]
    chart = bars(list(points), parts, (BLUE, ORANGE, GREY), ("seen", "hidden", "not labelled"), name="visibility")
    yield _chart(chart, "visibility; the number is of labelled ones")
    classes = statistics["classes"]
    chart = bars(
        list(classes)[:40], [[n] for n in list(classes.values())[:40]], (BLUE,), ("instances",), name="classes"
    )
    yield _chart(chart, "instances a class")
    yield "</div></section>"


def _sigmas(statistics: Any, skeleton: Skeleton) -> str:
    sigmas = statistics["sigmas"]
    chart = bars(
        list(skeleton.keypoints), [[v * 1000] for v in sigmas["values"]], (BLUE,), ("sigma x 1000",), name="OKS sigmas"
    )
    line = f"<pre>{html.escape(sigmas['line'])}</pre>" if sigmas["line"] else ""
    return (
        f"<section><h2>OKS sigmas</h2><p>{html.escape(sigmas['source'])}</p>{line}"
        f"<figure class='chart'>{chart}<figcaption>thousandths of the instance's size</figcaption></figure></section>"
    )


_STYLE = """<style>
:root { color-scheme: light dark; --back: #fff; --ink: #1c2430; --soft: #5d6877; --line: #dfe4ea; --card: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --back: #12161c; --ink: #e6ebf2; --soft: #9aa7b8; --line: #2b333e; --card: #1a2028; }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.45 system-ui, sans-serif }
header, main { max-width: 1240px; margin: 0 auto; padding: 0 24px }
header { padding-top: 22px }
h1 { font-size: 26px; margin: 0 } h2 { font-size: 18px; margin: 34px 0 8px }
p { margin: 6px 0; color: var(--soft) } code, pre { font: 13px ui-monospace, monospace }
pre { background: var(--card); padding: 10px; overflow-x: auto; border-radius: 6px }
table { border-collapse: collapse; margin-top: 16px } td, th { padding: 4px 16px 4px 0; text-align: right }
th { font-weight: 600; color: var(--soft) } th:first-child { text-align: left; color: var(--ink) }
tr + tr td, tr + tr th { border-top: 1px solid var(--line) }
.badge { border-radius: 10px; padding: 1px 9px; font-size: 13px; color: #fff; white-space: nowrap }
.badge.error { background: #c22f3d } .badge.warning { background: #a86400 } .badge.note { background: #35699c }
.badge.none { background: #7b8794 }
.problem { border-bottom: 1px solid var(--line); padding: 7px 0 } .problem summary { cursor: pointer }
.problem ul { margin: 6px 0 4px; padding-left: 22px; max-height: 420px; overflow: auto }
.problem li { margin: 5px 0; overflow-wrap: anywhere } .problem i { color: var(--soft) }
.row { display: flex; flex-wrap: wrap; gap: 14px; align-items: flex-start }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden;
  max-width: 100% }
figcaption { font-size: 12.5px; color: var(--soft); padding: 5px 9px 7px; overflow-wrap: anywhere }
img { display: block; max-width: 100%; height: auto } svg { display: block; margin: 8px 8px 0; max-width: 100% }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif }
.grid { stroke: var(--line) } .mark { stroke: #c22f3d; stroke-dasharray: 3 3 }
.chart { width: 458px }
@media (max-width: 560px) {
  header, main { padding: 0 12px } h1 { font-size: 21px } h2 { font-size: 16px; margin-top: 24px }
  table { display: block; max-width: 100%; overflow-x: auto; font-size: 13px } td, th { padding: 4px 9px 4px 0 }
  .chart { width: 100% } .chart svg { width: calc(100% - 16px); height: auto }
}
.small { gap: 8px } .small figcaption { padding: 3px 6px; font-size: 11.5px }
</style>"""
