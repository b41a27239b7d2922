"""``poise weights``: weight files that are not bundled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter

from poise import weights as store
from poise.cli._help import INSIDE
from poise.cli._options import check_target
from poise.files.text import one_line, say, say_json, screen

weights = cyclopts.App(
    name="weights",
    help="List, fetch, pack, import and remove weight files that are not bundled.",
    group_commands=INSIDE,
)


@weights.default
def show(*, json: bool = False) -> int:
    """List the cached files, and those that makers publish.

    Args:
        json: Print JSON on standard output.
    """
    kept = store.cached()
    known = store.releases().values()
    zoo = {entry.file: entry for entry in store.networks()}
    if json:
        rows = {
            "folder": str(store.home() / "weights"),
            "cached": [_kept(path, zoo.get(path.name)) for path in kept],
            "graphs": [
                {"name": path.name, "origin": origin, "bytes": path.stat().st_size}
                for path, origin in store.graphs().items()
            ],
            "published": [{"name": r.name, "maker": r.maker, "licence": r.licence} for r in known],
            "zoo": [
                {"name": e.name, "maker": e.maker, "licence": e.licence, "cached": e.path.is_file()}
                for e in zoo.values()
            ],
        }
        say_json(rows, indent=2)
        return 0
    console = screen()
    console.print(str(store.home() / "weights"), style="bold", soft_wrap=True)
    for path in kept:
        entry = zoo.get(path.name)
        of = f"  {entry.maker}, {entry.licence}" if entry else ""
        console.print(f"  {path.name}  {path.stat().st_size / 1e6:.1f} MB{of}", soft_wrap=True)
    if not kept:
        console.print("  (empty)")
    built = store.graphs()
    size = sum(path.stat().st_size for path in built) / 1e6
    if built:
        console.print(f"graphs built of checkpoints, {size:.1f} MB: poise weights clear", style="bold", soft_wrap=True)
    for path, origin in built.items():
        of = f"{one_line(origin) or 'a checkpoint'}, sha256 {path.name[:12]}…"
        console.print(f"  {of}  {path.stat().st_size / 1e6:.1f} MB", soft_wrap=True)
    console.print("published by their makers, fetched when you name them", style="bold")
    for release in known:
        console.print(f"  {release.name}  {release.maker}, {release.licence}")
    console.print(f"  {len(zoo)} networks of the zoo: poise models --zoo")
    return 0


def _kept(path: Path, entry: store.Network | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": path.name, "bytes": path.stat().st_size}
    return row | ({"network": entry.name, "maker": entry.maker, "licence": entry.licence} if entry else {})


@weights.command(name="import")
def import_(file: Path, /, *, name: str | None = None) -> int:
    """Copy FILE into the cache, so that its name alone finds it from now on.

    A pack of 'poise weights pack' is unpacked. A network of the zoo, or its maker's archive, is checked against what is
    known of it.

    Args:
        file: The weight file, the maker's archive, or the pack.
        name: Its name in the cache, or the network of the zoo that it is; the file's own unless given.
    """
    for path in store.bring(file, name=name):
        say(path)
    return 0


@weights.command
def get(name: str, /) -> int:
    """Fetch a published file into the cache and print its path.

    Args:
        name: Its name, such as yolo26n-pose.pt.
    """
    from poise.cli._report import fetch

    say(fetch(name))
    return 0


@weights.command
def fetch(*names: str) -> int:
    """Fetch networks of the zoo into the cache, check them, and print their paths.

    Args:
        names: Networks, models or pairs of 'poise models --zoo', or best.
    """
    from poise.cli._report import fetch_network

    if not names:
        raise ValueError("weights fetch needs a name of 'poise models --zoo', or best: poise weights fetch best")
    entries = {entry.name: entry for name in names for entry in store.wanted(name)}
    for entry in entries.values():
        say(fetch_network(entry), flush=True)
    if not entries:
        screen(stderr=True).print(f"{', '.join(names)}: bundled with poise; nothing to fetch")
    return 0


@weights.command
def pack(*names: str, out: Annotated[Path, Parameter(name=["--out", "-o"])], overwrite: bool = False) -> int:
    """Write networks of the zoo into one zip file, for 'poise weights import' on a machine without a network.

    What is not on this machine is fetched first. The file holds a manifest of checksums, licences and origins.

    Args:
        names: Networks, models or pairs of 'poise models --zoo', or best.
        out: The file to write.
        overwrite: Let --out replace a file that exists.
    """
    from poise.cli._report import fetch_network

    if not names:
        raise ValueError(
            "weights pack needs a name of 'poise models --zoo', or best: poise weights pack best -o best.zip"
        )
    check_target(out, overwrite=overwrite)
    for entry in (entry for name in names for entry in store.wanted(name)):
        fetch_network(entry)
    packed = store.pack(names, out)
    licences = ", ".join(f"{entry.name} ({entry.licence})" for entry in packed)
    screen(stderr=True).print(f"{licences}: {out.stat().st_size / 1e6:.1f} MB", soft_wrap=True)
    say(out)
    return 0


@weights.command
def remove(*names: str, forget: bool = False) -> int:
    """Remove files from the cache, and print what is gone.

    Args:
        names: Networks or models of the zoo, or names of cached files.
        forget: Also forget what a network was when it was first fetched, so that another may come in its place.
    """
    if not names:
        raise ValueError("weights remove needs a name: poise weights remove rtmpose-m")
    for name in names:
        for path in store.remove(name, forget=forget):
            say(path)
    return 0


@weights.command
def clear() -> int:
    """Remove the graphs that were built of checkpoints, and print what is gone; they are built again when needed."""
    for path in store.remove_graphs():
        say(path)
    return 0
