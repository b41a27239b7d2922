"""``poise models``: what is bundled, and the card of one model."""

from __future__ import annotations

import json as json_
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from poise import weights


def models(name: str | None = None, /, *, json: bool = False) -> int:
    """List the bundled models, or print the card of one.

    Args:
        name: A model's name; without it, all are listed.
        json: Print JSON on standard output.
    """
    cards = weights.models() if name is None else [weights.model(name)]
    if json:
        rows: list[Any] = [_row(card) for card in cards]
        print(json_.dumps(rows if name is None else rows[0], indent=2))  # noqa: T201
        return 0
    console = Console(highlight=False)
    console.print(_list(cards) if name is None else _card(cards[0]))
    return 0


def _row(card: weights.Card) -> dict[str, Any]:
    return asdict(card) | {"networks": [asdict(weights.network(n)) for n in card.networks]}


def _list(cards: list[weights.Card]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title, style in (("model", "bold"), ("skeleton", ""), ("MB", ""), ("what", "")):
        table.add_column(title, style=style, justify="right" if title == "MB" else "left")
    for i, card in enumerate(cards):
        size = sum(weights.network(n).bytes for n in card.networks) / 1e6
        table.add_row(card.name, card.skeleton, f"{size:.0f}", card.summary + (" (default)" if i == 0 else ""))
    return table


def _card(card: weights.Card) -> Table:
    table = Table(
        box=None, show_header=False, pad_edge=False, title=f"{card.name}: {card.summary}", title_justify="left"
    )
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("skeleton", card.skeleton)
    if card.notes:
        table.add_row("notes", card.notes)
    for entry in (weights.network(n) for n in card.networks):
        table.add_row("", "")
        table.add_row("network", f"{entry.name} ({entry.bytes / 1e6:.1f} MB)")
        for label in ("origin", "licence", "evidence", "training", "input", "output", "sha256"):
            table.add_row(f"  {label}", str(getattr(entry, label)))
    return table
