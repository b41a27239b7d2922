"""One HTML file of what was found: a thumbnail a hit, the points drawn, source, time and distance. It opens offline."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from poise.bodies.pose_embedding import turned_back
from poise.extras.version import __version__
from poise.files.text import one_line, valid
from poise.files.writing import write_atomically
from poise.search.hits import Hit
from poise.search.index import PoseIndex
from poise.search.likes import Like
from poise.search.thumbnails import Thumbnail, thumbnail_of, thumbnails_of
from poise.skeletons import Skeleton

# Thumbnails of what was looked for.
_MOST_ASKED = 5
_SIDES = {-1: "left", 0: "mid", 1: "right"}


def write_sheet(
    path: str | Path,
    index: PoseIndex,
    like: Like,
    hits: Sequence[Hit],
    *,
    about: Sequence[str] = (),
    roots: Sequence[str | Path] = (),
    on_error: Callable[[str], None] | None = None,
) -> Path:
    """Write the sheet.

    Args:
        path: The file, ending in .html.
        index: What was searched.
        like: What was looked for.
        hits: What was found.
        about: How it was searched, a few words each.
        roots: Folders that the sources may lie in, where they are not where their names say.
        on_error: Called with one sentence for each source that cannot be read; its skeleton is shown alone.

    Returns:
        The path.

    Raises:
        PoiseError: It cannot be written.
    """
    movement = len(like.times) > 1
    places = tuple(map(Path, roots))
    cards = []
    for rank, hit in enumerate(hits, 1):
        shots = thumbnails_of(index, hit, roots=places, movement=movement, on_error=on_error)
        cards.append(_card(rank, hit, shots, index.skeleton, movement=movement, several=_people(like) > 1))
    kind = "movement" if movement else "pose"
    found = f"{len(hits)} {'stretches of time' if movement else 'moments'} with the nearest {kind}s"
    parts = {
        "TITLE": escape(_file_of(like.name) or kind),
        "ASKED": "".join(_shot(one, index.skeleton) for one in _asked(like, index.skeleton)),
        "FOUND": f"{found}, among {len(index):,} poses",
        "ABOUT": escape(" · ".join(about)),
        "HITS": f'<div class="grid{" films" if movement else ""}">{"".join(cards)}</div>'
        if cards
        else f'<p class="none">nobody shows this {kind}</p>',
        "NOTES": "Distance: 0 the same pose, about 0.1 alike to the eye, from 0.3 on another one. ",
        "VERSION": escape(__version__),
    }
    # Nothing in the page comes from elsewhere: no script, style, font or picture.
    page = Path(__file__).with_name("sheet.html").read_text(encoding="utf-8")
    path = Path(path)
    write_atomically(path, re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], page))
    return path


def _people(like: Like) -> int:
    return int(like.person.max(initial=0)) + 1


def _asked(like: Like, skeleton: Skeleton) -> list[Thumbnail]:
    """Return thumbnails of what was looked for; the poses alone where they have no picture."""
    steps = np.linspace(0, max(len(like.pictures) - 1, 0), min(_MOST_ASKED, max(len(like.pictures), 1)))
    chosen = np.unique(steps.round().astype(int)).tolist()
    if like.pictures:
        out = []
        for number in chosen:
            result, row = like.pictures[number]
            points = np.array(result.keypoints.xy, dtype=np.float32)[row]
            out.append(thumbnail_of(result, row, result.skeleton.convert(points, skeleton)))
        return out
    first = [int(np.flatnonzero(like.person == i)[0]) for i in range(min(_people(like), _MOST_ASKED))]
    return [_alone(like, i) for i in first]


def _alone(like: Like, pose: int) -> Thumbnail:
    points = turned_back(like.embedding[pose : pose + 1])[0]
    points = np.where((like.weight[pose] > 0)[:, None], points, np.float32(np.nan))
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    side = max(float((high - low).max()) * 1.3, 1e-6)
    return Thumbnail(((points - (low + high) / 2) / side + 0.5).astype(np.float32), b"", 0.0)


def _card(rank: int, hit: Hit, shots: Sequence[Thumbnail], skeleton: Skeleton, *, movement: bool, several: bool) -> str:
    if movement:
        cells = "".join(_shot(one, skeleton, time=_clock(one.time)) for one in shots)
        picture = f'<div class="film">{cells}</div>'
    else:
        picture = _shot(shots[0], skeleton)
    source = one_line(valid(hit.source))
    folder, _, name = source.replace("\\", "/").rpartition("/")
    tags = [f"person {hit.id}"] if hit.id is not None else []
    tags += ["mirrored"] if hit.mirrored else []
    tags += [f"like person {hit.like + 1}"] if several else []
    when = "" if hit.end == hit.start == 0 else _when(hit, movement=movement)
    return (
        f'<figure class="card">{picture}<figcaption>'
        f'<div class="head"><b>{rank}</b><span class="far">{hit.distance:.3f}</span></div>'
        f'<div class="bar"><i style="width:{100 * max(0.0, 1 - hit.distance / 0.5):.0f}%"></i></div>'
        f'<div class="name" title="{escape(source)}">{escape(name)}</div>'
        + (f'<div class="where" title="{escape(source)}"><bdi>{escape(folder)}</bdi></div>' if folder else "")
        + (f'<div class="when">{when}</div>' if when else "")
        + "".join(f'<span class="tag">{escape(tag)}</span>' for tag in tags)
        + "</figcaption></figure>"
    )


def _when(hit: Hit, *, movement: bool) -> str:
    if movement:
        return f"{_clock(hit.start)} to {_clock(hit.end)}"
    if hit.end - hit.start < 0.05:
        return _clock(hit.time)
    return f"{_clock(hit.time)} (from {_clock(hit.start)} to {_clock(hit.end)})"


def _clock(seconds: float) -> str:
    """Return a time as people read it.

    Example:
        >>> _clock(12.5), _clock(3725.04)
        ('0:12.5', '1:02:05.0')
    """
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _shot(one: Thumbnail, skeleton: Skeleton, *, time: str = "") -> str:
    image = ""
    if one.jpeg:
        image = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode("ascii")}">'
    label = f"<span>{escape(time)}</span>" if time else ""
    return f'<div class="shot{"" if one.jpeg else " bare"}">{image}{_svg(one.points, skeleton)}{label}</div>'


def _svg(points: np.ndarray, skeleton: Skeleton) -> str:
    """Draw the points of one person over a square of 100 units."""
    places = np.clip(points.astype(np.float64) * 100, -100, 200)
    known = np.asarray(np.isfinite(places).all(axis=1))
    rims, lines = [], []
    for (a, b), side in zip(skeleton.edges, skeleton.edge_sides.tolist(), strict=True):
        if known[a] and known[b]:
            ends = "".join(
                f' {name}{i}="{value:.1f}"'
                for i, at in ((1, a), (2, b))
                for name, value in zip("xy", places[at].tolist(), strict=True)
            )
            rims.append(f'<line class="rim"{ends}/>')
            lines.append(f'<line class="{_SIDES[side]}"{ends}/>')
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.3"/>' for x, y in places[known].tolist()]
    return f'<svg viewBox="0 0 100 100" aria-hidden="true">{"".join(rims + lines + dots)}</svg>'


def _file_of(name: str) -> str:
    return one_line(valid(name)).replace("\\", "/").rpartition("/")[2]
