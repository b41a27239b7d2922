"""The sheet as one picture: counts, the worst problems, samples, the mirror check, and where keypoints are."""

from __future__ import annotations

from itertools import groupby

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from poise.charts import heatmap
from poise.datasets.doctor._check import Diagnosis
from poise.datasets.doctor._drawn import mirror_check, relative, samples
from poise.datasets.doctor._mirror import known_skeleton
from poise.datasets.doctor._table import Table
from poise.skeletons import Skeleton

_WIDTH, _PAD, _LINES = 1240, 20, 12
_INK, _SOFT = (28, 36, 48), (93, 104, 119)
_COLOURS = {"error": (194, 47, 61), "warning": (168, 100, 0), "note": (53, 105, 156)}


def overview(found: Diagnosis) -> PIL.Image.Image:
    """Draw what was found, RGB, 1240 pixels wide."""
    rows: list[tuple[str, list[tuple[PIL.Image.Image, str]]]] = []
    if found.table is not None and len(found.table):
        skeleton, _ = known_skeleton(found.table.spec)
        rows = [*_pictures(found.table, skeleton)]
    page = PIL.Image.new("RGB", (_WIDTH, 20_000), "white")
    pen = PIL.ImageDraw.Draw(page)
    y = _head(pen, found)
    for title, figures in rows:
        pen.text((_PAD, y + 8), title, fill=_INK, font=PIL.ImageFont.load_default(17))
        y = _row(page, pen, figures, y + 36)
    return page.crop((0, 0, _WIDTH, y + _PAD))


def _head(pen: PIL.ImageDraw.ImageDraw, found: Diagnosis) -> int:
    small = PIL.ImageFont.load_default(14)
    pen.text((_PAD, 16), _plain(found.file.stem), fill=_INK, font=PIL.ImageFont.load_default(26))
    counts = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for word, n in found.counts.items())
    splits = "; ".join(
        f"{name}: {s['pictures']} pictures, {s['instances']} instances"
        for name, s in found.statistics.get("splits", {}).items()
    )
    pen.text((_PAD, 50), _plain(f"{counts}.  {splits}"), fill=_SOFT, font=small)
    y = 78
    kinds = [(key, list(group)) for key, group in groupby(found.problems, key=lambda p: (p.severity, p.kind))]
    for (severity, kind), members in kinds[:_LINES]:
        words = f"{kind} x{len(members)}" if len(members) > 1 else kind
        pen.text((_PAD, y), severity, fill=_COLOURS[severity], font=small)
        text = f"{words}: {members[0].message}"
        while pen.textlength(_plain(text), font=small) > _WIDTH - 2 * _PAD - 70:
            text = text[: int(len(text) * 0.97) - 4].rstrip(" .…") + " …"
        pen.text((_PAD + 70, y), _plain(text), fill=_INK, font=small)
        y += 21
    if len(kinds) > _LINES:
        pen.text((_PAD + 70, y), f"and {len(kinds) - _LINES} kinds more", fill=_SOFT, font=small)
        y += 21
    return y


def _plain(text: str) -> str:
    """Replace what the built-in font does not have."""
    return text.encode("latin-1", "replace").decode("latin-1") if "…" not in text else _plain(text.replace("…", "..."))


def _row(
    page: PIL.Image.Image, pen: PIL.ImageDraw.ImageDraw, figures: list[tuple[PIL.Image.Image, str]], y: int
) -> int:
    """Paste figures from left to right, in as many lines as they need; returns where the last ends."""
    small = PIL.ImageFont.load_default(12)
    x, bottom = _PAD, y
    for picture, caption in figures:
        if x + picture.width > _WIDTH - _PAD + 1 and x > _PAD:
            x, y = _PAD, bottom + 8
        page.paste(picture, (x, y))
        text = _plain(caption)
        while text and pen.textlength(text, font=small) > picture.width:
            text = text[:-1]
        pen.text((x, y + picture.height + 2), text, fill=_SOFT, font=small)
        x, bottom = x + picture.width + 10, max(bottom, y + picture.height + 18)
    return bottom


def _pictures(table: Table, skeleton: Skeleton) -> list[tuple[str, list[tuple[PIL.Image.Image, str]]]]:
    rows = [
        ("Samples", list(samples(table, skeleton, 6, size=(393, 260)))),
        ("Mirror check: left blue, right orange", _mirror(table, skeleton)),
    ]
    inside = relative(table)
    maps = [(heatmap(inside[:, k], 92), name) for k, name in enumerate(skeleton.keypoints[:48])]
    rows.append(("Where keypoints are in the box", maps))
    return [(title, figures) for title, figures in rows if figures]


def _mirror(table: Table, skeleton: Skeleton) -> list[tuple[PIL.Image.Image, str]]:
    pictures = mirror_check(table, skeleton, [table.spec.skeleton.flip_idx], size=(393, 300))
    words = "mirrored with flip_idx" if table.spec.flip_known else "mirrored: no flip_idx"
    return list(zip(pictures, ("as labelled", words), strict=False))
