"""``poise models``: what is bundled, what is fetched by name, and the card of one model."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from poise import weights
from poise.errors import ModelError
from poise.files.text import say_json, screen
from poise.skeletons import get

# Where nobody says how wide the terminal is, all columns of the zoo's table have room.
_WIDE = 150
# Columns that are left out where the terminal has no room, the dearest first; names are always whole.
_SPARE = ("licence", "points", "MB", "GFLOPs", "on", "maker's ms")


def models(name: str | None = None, /, *, zoo: bool = False, json: bool = False) -> int:
    """List the bundled models, or print the card of one.

    Args:
        name: A model's name, bundled or of the zoo; without it, all are listed.
        zoo: List the models that are fetched from their makers by name, with the makers' figures, and their detectors.
        json: Print JSON on standard output.
    """
    console = screen()
    if name is None and zoo:
        rows = [*map(_model, weights.zoo_models()), *(_network(n) for n in weights.networks() if n.kind == "detector")]
        if json:
            say_json(rows, indent=2)
        else:
            told = console.is_terminal or "COLUMNS" in os.environ
            _print_zoo(console if told else screen(width=_WIDE), rows)
        return 0
    detector = None if name is None else _detector(name)
    if detector is not None:
        say_json(_facts(detector), indent=2) if json else console.print(_card(detector.name, [detector]))
        return 0
    cards = weights.models() if name is None else [weights.model(name)]
    if json:
        out: list[Any] = [_row(card) for card in cards]
        say_json(out if name is None else out[0], indent=2)
    elif name is None:
        console.print(_list(cards))
    else:
        card = cards[0]
        parts = [weights.network(n) for n in card.networks]
        console.print(_card(f"{name}: {card.summary}", parts, skeleton=card.skeleton, notes=card.notes))
    return 0


def _detector(name: str) -> weights.Network | None:
    """Return a detector of the zoo, which has a card but is no model."""
    try:
        entry = weights.network(name)
    except ModelError:
        return None
    return entry if entry.kind == "detector" else None


def _facts(entry: weights.Network) -> dict[str, Any]:
    return asdict(entry) | ({} if entry.bundled else {"cached": entry.path.is_file()})


def _row(card: weights.Card) -> dict[str, Any]:
    return asdict(card) | {"networks": [_facts(weights.network(n)) for n in card.networks]}


def _model(card: weights.Card) -> dict[str, Any]:
    """Return a zoo model's row: the figures are those of the network that gives the keypoints."""
    entry = weights.network(card.networks[-1])
    fetched = [n for n in map(weights.network, card.networks) if not n.bundled]
    pair = card.name != entry.name
    return _network(entry) | {
        "name": card.name,
        "kind": "pair" if pair else entry.kind,
        "summary": card.summary,
        "points": len(get(card.skeleton)),
        "networks": list(card.networks),
        "licence": ", ".join(dict.fromkeys(n.licence for n in fetched)),
        "cached": all(n.path.is_file() for n in fetched),
    }


def _network(entry: weights.Network) -> dict[str, Any]:
    kept = ("name", "kind", "skeleton", "score", "metric", "on", "bytes", "params", "gflops", "ms", "ms_on")
    return {key: getattr(entry, key) for key in kept} | {
        "points": 0,
        "networks": [entry.name],
        "size": entry.size,
        "maker": entry.maker,
        "licence": entry.licence,
        "terms": entry.terms,
        "cached": entry.path.is_file(),
    }


def _print_zoo(console: Console, rows: list[dict[str, Any]]) -> None:
    parts = (
        ("models", ("pair", "refiner", "one-stage")),
        ("detectors, for a model that refines what they find", ("detector",)),
    )
    of_kind = {title: [_cells(row) for row in rows if row["kind"] in kinds] for title, kinds in parts}
    left = list(_SPARE)
    for heading in _SPARE:
        fewer = [one for one in left if one != heading]
        if all(_breadth(console, _zoo(cells, fewer)) <= console.width for cells in of_kind.values()):
            left = fewer
    for title, cells in of_kind.items():
        table = _zoo(cells, left)
        table.title, table.title_justify = title, "left"
        console.print(table)
        console.print()
    console.print(
        "AP, GFLOPs (billions of multiply-adds) and ms are the makers' figures for the network that gives the points, "
        "or the boxes; 'poise models NAME' says more, and what each was trained on. Weights are fetched when you name "
        "them."
    )
    if left:
        console.print(f"No room for: {', '.join(left)}; a wider terminal or --json shows all.")


def _zoo(rows: list[dict[str, str]], left: list[str]) -> Table:
    """Return the rows as a table without some columns; no cell is folded."""
    table = Table(box=None, pad_edge=False)
    headings = [heading for heading in rows[0] if heading not in left]
    for heading in headings:
        right = heading in ("points", "AP", "MB", "GFLOPs")
        style = "bold" if heading == "name" else ""
        table.add_column(heading, justify="right" if right else "left", style=style, no_wrap=True)
    for row in rows:
        table.add_row(*(row[heading] for heading in headings))
    return table


def _breadth(console: Console, table: Table) -> int:
    """Return how many letters a table takes where there is room for all of it."""
    return console.measure(table, options=console.options.update_width(10 * _WIDE)).maximum


def _cells(row: dict[str, Any]) -> dict[str, str]:
    figure = f"{row['score']:.1f}" + ("" if row["metric"] == "AP" else f" {row['metric']}")
    where = " + ".join(row["networks"]) if row["kind"] == "pair" else row["on"].partition(" (")[0]
    time = f"{row['ms']:.1f} on {row['ms_on'].partition(',')[0]}" if row["ms"] else ""
    return {
        "name": row["name"],
        "points": str(row["points"] or ""),
        "AP": figure,
        "on": where,
        "MB": row["size"].replace("about ", "~").removesuffix(" MB"),
        "GFLOPs": f"{row['gflops']:g}" if row["gflops"] else "",
        "maker's ms": time,
        "licence": row["licence"],
        "here": "yes" if row["cached"] else "no",
    }


def _list(cards: list[weights.Card]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title, style in (("model", "bold"), ("skeleton", ""), ("MB", ""), ("what", "")):
        table.add_column(title, style=style, justify="right" if title == "MB" else "left")
    for i, card in enumerate(cards):
        size = sum(weights.network(n).bytes for n in card.networks) / 1e6
        table.add_row(card.name, card.skeleton, f"{size:.0f}", card.summary + (" (default)" if i == 0 else ""))
    return table


def _card(title: str, entries: list[weights.Network], *, skeleton: str = "", notes: str = "") -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, title=title, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, text in (("skeleton", skeleton), ("notes", notes)):
        if text:
            table.add_row(label, text)
    for entry in entries:
        table.add_row("", "")
        table.add_row("network", f"{entry.name} ({entry.size})" if entry.size else entry.name)
        if not entry.bundled:
            for label, text in _published(entry):
                table.add_row(f"  {label}", text)
        for label in ("origin", "licence", "evidence", "training", "input", "output"):
            table.add_row(f"  {label}", str(getattr(entry, label)))
        table.add_row("  sha256", entry.sha256 or "not known before the first fetch; pinned then")
    return table


def _published(entry: weights.Network) -> list[tuple[str, str]]:
    """Return what is told of a network of the zoo alone."""
    figures = [f"{entry.score:.1f} {entry.metric} on {entry.on}"] if entry.score is not None else []
    figures += [f"{entry.gflops:g} GFLOPs"] if entry.gflops else []
    figures += [f"{entry.ms:.1f} ms on {entry.ms_on}"] if entry.ms else []
    return [
        ("maker", entry.maker),
        ("figures", "; ".join(figures) + " (the maker's)"),
        ("here", str(entry.path) if entry.path.is_file() else f"no: poise weights fetch {entry.name}"),
        *(("mirror", address) for address in entry.addresses[1:]),
    ]
