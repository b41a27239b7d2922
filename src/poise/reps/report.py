"""One HTML file about a clip's repetitions: pictures to scrub, curves, tables. It opens offline."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from poise.extras.version import __version__
from poise.geometry import Floats
from poise.reps.counting import Rep
from poise.reps.cycles import read_measure
from poise.reps.offline import CountedPerson, RepClip
from poise.reps.series import smooth
from poise.reps.signals import SHOWN, SIDED, WHOLE

_DRAWN = "0° to 180°"  # the column that is a drawing, left out on a phone
_W, _H = 1000, 220  # the curve's own coordinates; it is drawn as wide as the page
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 16, 24


@dataclass(frozen=True, slots=True)
class ReportPicture:
    """One small picture of the clip.

    Attributes:
        time: Seconds.
        jpeg: The encoded picture.
        peak: Whether it shows a repetition's peak.
    """

    time: float
    jpeg: bytes
    peak: bool = False


def render_report(clip: RepClip, pictures: Sequence[ReportPicture] = ()) -> str:
    """Return the page.

    Args:
        clip: What was counted.
        pictures: Pictures in order of time; none: the page has curves and tables only.
    """
    main = clip.people[0] if clip.people else None
    parts = {
        "TITLE": escape(clip.source.replace("\\", "/").rpartition("/")[2] or "clip"),
        "HEAD": _head(clip, main),
        "FRAMES": json.dumps([[round(p.time, 3), base64.b64encode(p.jpeg).decode()] for p in pictures]),
        "STAGE": "" if pictures else " hidden",
        "CURVE": "" if main is None else _curve(clip, main),
        "PEAKS": _peaks(main, pictures),
        "REPS": "" if main is None else _reps(main),
        "RANGES": "" if main is None else _ranges(main),
        "REJECTED": "" if main is None else _rejected(main),
        "OTHERS": _others(clip),
        "DURATION": f"{max(clip.duration, 1e-3):.4f}",
        "VERSION": escape(__version__),
    }
    # Nothing in the page comes from elsewhere: no script, style, font or picture.
    page = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    for key, value in parts.items():
        page = page.replace("{{" + key + "}}", value)
    return page


def _head(clip: RepClip, main: CountedPerson | None) -> str:
    about = f"{clip.duration:.1f} s at {clip.fps:.0f} frames a second"
    if main is None:
        return f'<p class="big">nobody was found</p><p class="quiet">{about}</p>'
    found = main.found
    between = f"{found.count_low} to {found.count_high}" if found.count_low != found.count_high else f"{found.count}"
    if found.hold_s:
        number, what = f"{found.hold_s:.1f}", f"seconds of {found.exercise}"
    elif found.exercise == "none":
        number, what = "0", "no exercise recognised"
    else:
        number, what = str(found.count), found.exercise
    tiles = [
        ("recognised", f"{found.exercise_conf:.0%}"),
        ("count between" if "to" in between else "count sure", between),
    ]
    if found.reps:
        length = np.array([rep.end - rep.start for rep in found.reps])
        depth = np.array([rep.depth for rep in found.reps])
        tiles += [
            ("tempo", f"{np.median(length):.1f} s"),
            ("depth", f"{np.median(depth):.0%}"),
            ("evenness", f"{1 - np.std(depth) / max(np.mean(depth), 1e-6):.0%}"),
        ]
    cells = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in tiles)
    return (
        f'<div class="count"><strong>{escape(number)}</strong><span>{escape(what)}</span></div>'
        f'<div class="tiles">{cells}</div><p class="quiet">{escape(about)} · person #{main.person.id}</p>'
    )


def _x(time: Floats | float, duration: float) -> Floats:
    return np.asarray(_LEFT + np.asarray(time) / max(duration, 1e-6) * (_W - _LEFT - _RIGHT))


def _curve(clip: RepClip, main: CountedPerson) -> str:
    found, duration = main.found, clip.duration
    lines = [line for line in found.curves if np.isfinite(line.value).any()]
    if not lines:
        return '<p class="quiet">nothing moved that could be counted</p>'
    values = np.concatenate([line.value[np.isfinite(line.value)] for line in lines])
    low, high = np.percentile(values, (1, 99))
    span = max(high - low, 1e-6)

    def y(value: Floats) -> Floats:
        share = np.clip((value - low) / span, -0.05, 1.05)
        return np.asarray(_H - _BOTTOM - share * (_H - _TOP - _BOTTOM))

    size = f'viewBox="0 0 {_W} {_H}" preserveAspectRatio="none"'
    out = [f'<svg id="curve" {size} role="img" aria-label="progress over time">']
    for rep in found.reps:
        a, b = _x(np.array([rep.start, rep.end]), duration)
        out.append(f'<rect class="rep" x="{a:.1f}" y="{_TOP}" width="{b - a:.1f}" height="{_H - _TOP - _BOTTOM}"/>')
    for no in found.rejected:
        a, b = _x(np.array([no.start, no.end]), duration)
        out.append(
            f'<rect class="no" x="{a:.1f}" y="{_TOP}" width="{b - a:.1f}" height="{_H - _TOP - _BOTTOM}">'
            f"<title>not counted: {escape(no.reason)}</title></rect>"
        )
    step = _step(duration)
    for tick in np.arange(0, duration + 1e-9, step):
        x = float(_x(float(tick), duration))
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_H - _BOTTOM}"/>')
    for line in lines:
        out.append(f'<path class="line {escape(line.side)}" d="{_path(_x(line.time, duration), y(line.value))}"/>')
    for n, rep in enumerate(found.reps):
        line = next((c for c in lines if c.side == rep.side), lines[0])
        top = float(np.interp(rep.peak, line.time, np.nan_to_num(line.value, nan=low)))
        x, at = float(_x(rep.peak, duration)), float(y(np.array(top)))
        out.append(f'<line class="stem" x1="{x:.1f}" x2="{x:.1f}" y1="{at:.1f}" y2="{_H - _BOTTOM}" data-rep="{n}"/>')
    out.append('<line id="now" x1="0" x2="0" y1="0" y2="100%"/></svg>')
    ticks = "".join(
        f'<span style="left:{float(_x(float(t), duration)) / _W:.4%}">{t:g}</span>'
        for t in np.arange(0, duration + 1e-9, step)
    )
    numbers = ""
    for n, rep in enumerate(found.reps, 1):
        left = float(_x(rep.peak, duration)) / _W
        numbers += f'<button class="dot" style="left:{left:.4%}" data-seek="{rep.peak:.3f}">{n}</button>'
    keys = '<span class="key rep">counted</span><span class="key no">not counted</span>'
    if len({line.side for line in lines}) > 1:
        keys = f'<span class="key left">left</span><span class="key right">right</span>{keys}'
    plot = f'<div class="plot"><div class="dots">{numbers}</div>{"".join(out)}<div class="ticks">{ticks}</div></div>'
    return f'{plot}<p class="quiet keys">{keys} from rest (low) to effort (high), seconds</p>'


def _table(title: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """Return a heading and a table of rows that are HTML already; nothing without rows."""
    if not rows:
        return ""
    head = "".join(f"<th{' class=range' if name == _DRAWN else ''}>{escape(name)}</th>" for name in heads)
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    kind = escape(title.split()[0].lower())
    return f'<h2>{escape(title)}</h2><div class="wide"><table class="{kind}">{body}</table></div>'


def _step(duration: float) -> float:
    for step in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600):
        if duration / step <= 14:
            return float(step)
    return duration / 10


def _path(x: Floats, y: Floats) -> str:
    """Return an SVG path of at most about 1500 points, broken where nothing was seen."""
    stride = max(1, len(x) // 1500)
    out, pen = [], "M"
    for a, b in zip(x[::stride].tolist(), y[::stride].tolist(), strict=True):
        if not np.isfinite(b):
            pen = "M"
            continue
        out.append(f"{pen}{a:.1f} {b:.1f}")
        pen = "L"
    return "".join(out)


def _peaks(main: CountedPerson | None, pictures: Sequence[ReportPicture]) -> str:
    if main is None or not pictures:
        return ""
    times = np.array([p.time for p in pictures])
    cells = []
    for n, rep in enumerate(main.found.reps, 1):
        at = int(np.argmin(np.abs(times - rep.peak)))
        source = f"data:image/jpeg;base64,{base64.b64encode(pictures[at].jpeg).decode()}"
        image = f'<img alt="repetition {n} at its peak" src="{source}">'
        cells.append(f'<button class="shot" data-seek="{rep.peak:.3f}">{image}<span>{n}</span></button>')
    return f'<h2>Peaks</h2><div class="shots">{"".join(cells)}</div>' if cells else ""


def _reps(main: CountedPerson) -> str:
    rows = []
    deepest = max((rep.depth for rep in main.found.reps), default=1.0)
    for n, rep in enumerate(main.found.reps, 1):
        down, up = rep.tempo
        even = "–" if not np.isfinite(rep.symmetry) else f"{rep.symmetry:.0%}"
        bar = f'<td class="bar"><i style="width:{80 * rep.depth / deepest:.0f}px"></i><em>{rep.depth:.0%}</em></td>'
        times = "".join(f"<td>{value:.2f}</td>" for value in (rep.start, rep.peak, rep.end))
        rest = (f"{down:.2f} + {up:.2f}", rep.side, even, f"{rep.conf:.2f}")
        cells = "".join(f"<td>{escape(value)}</td>" for value in rest)
        rows.append(f'<tr data-seek="{rep.peak:.3f}"><td>{n}</td>{times}{bar}{cells}</tr>')
    heads = ("", "start s", "peak s", "end s", "depth", "tempo s", "side", "symmetry", "conf")
    return _table("Repetitions", heads, rows)


def _ranges(main: CountedPerson) -> str:
    """Return least and greatest of every angle over the repetitions, as a table."""
    reps = main.found.reps
    rows = []
    for name, (unit, about) in {**SIDED, **WHOLE}.items():
        if unit != "degrees" or name.endswith("difference"):
            continue
        for side in ("left", "right") if name in SIDED else ("both",):
            ends = _extremes(main, name, side, reps)
            if ends is None:
                continue
            low, high, spread = ends
            called, neutral, zero = SHOWN.get(name, (name.replace("_", " "), 0.0, about))
            low, high = sorted((abs(low - neutral), abs(high - neutral)))
            label = f"{side} {called}" if side != "both" else called
            bar = f'<i style="left:{low / 1.8:.1f}%;width:{max(high - low, 1) / 1.8:.1f}%"></i>'
            rows.append(
                f'<tr title="{escape(zero)}"><td>{escape(label)}</td><td>{low:.0f}°</td><td>{high:.0f}°</td>'
                f'<td class="range">{bar}</td><td>±{spread:.0f}°</td></tr>'
            )
    return _table("Angle ranges", ("angle in the picture", "least", "greatest", _DRAWN, "varies"), rows)


def _extremes(main: CountedPerson, name: str, side: str, reps: Sequence[Rep]) -> tuple[float, float, float] | None:
    value = smooth(main.measured.time, read_measure(main.measured, name, side)[0], seconds=0.08)
    lows, highs = [], []
    for rep in reps:
        part = value[(main.measured.time >= rep.start) & (main.measured.time <= rep.end)]
        part = part[np.isfinite(part)]
        if len(part) > 3:
            lows.append(float(part.min()))
            highs.append(float(part.max()))
    if len(lows) < max(1, len(reps) // 2):
        return None
    return float(np.median(lows)), float(np.median(highs)), float(max(np.std(lows), np.std(highs)))


def _rejected(main: CountedPerson) -> str:
    rows = [
        f'<tr data-seek="{r.start:.3f}"><td>{r.start:.2f} to {r.end:.2f} s</td><td>{escape(r.reason)}</td></tr>'
        for r in main.found.rejected
    ]
    return _table("Not counted", ("when", "why"), rows)


def _others(clip: RepClip) -> str:
    rows = [
        f"<tr><td>#{one.person.id}</td><td>{escape(one.found.exercise)}</td><td>{one.found.count}</td>"
        f"<td>{one.person.time[0]:.1f} to {one.person.time[-1]:.1f} s</td></tr>"
        for one in clip.people[1:]
    ]
    return _table("Other people", ("", "exercise", "count", "seen"), rows)
