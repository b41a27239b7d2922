"""``poise weights``: weight files that are not bundled."""

from __future__ import annotations

import json as json_
from pathlib import Path

import cyclopts
from rich.console import Console

from poise import weights as store

weights = cyclopts.App(name="weights", help="List, import and fetch weight files that are not bundled.")


@weights.default
def show(*, json: bool = False) -> int:
    """List the cached files, and those that makers publish.

    Args:
        json: Print JSON on standard output.
    """
    kept = store.cached()
    known = store.releases().values()
    if json:
        rows = {
            "folder": str(store.home() / "weights"),
            "cached": [{"name": p.name, "bytes": p.stat().st_size} for p in kept],
            "published": [{"name": r.name, "maker": r.maker, "licence": r.licence} for r in known],
        }
        print(json_.dumps(rows, indent=2))  # noqa: T201
        return 0
    console = Console(highlight=False)
    console.print(f"[bold]{store.home() / 'weights'}[/bold]")
    for path in kept:
        console.print(f"  {path.name}  {path.stat().st_size / 1e6:.1f} MB")
    if not kept:
        console.print("  (empty)")
    console.print("[bold]published by their makers, fetched when you name them[/bold]")
    for release in known:
        console.print(f"  {release.name}  {release.maker}, {release.licence}")
    return 0


@weights.command(name="import")
def import_(file: Path, /, *, name: str | None = None) -> int:
    """Copy FILE into the cache, so that its name alone finds it from now on.

    Args:
        file: The weight file.
        name: Its name in the cache; the file's own unless given.
    """
    print(store.put(file, name=name))  # noqa: T201
    return 0


@weights.command
def get(name: str, /) -> int:
    """Fetch a published file into the cache and print its path.

    Args:
        name: Its name, such as yolo26n-pose.pt.
    """
    from poise.cli._report import fetch

    print(fetch(name))  # noqa: T201
    return 0
