"""Read the zoo of ``downloads.toml``: tables as they are, each with what it inherits."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

# Keys of a series that say how to make an entry and are not of the entry itself.
_MAKING = ("like", "release", "what", "detectors")


@cache
def downloads() -> dict[str, Any]:
    """Return ``downloads.toml``."""
    return tomllib.loads(Path(__file__).with_name("downloads.toml").read_text(encoding="utf-8"))


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Return the zoo's networks by name: every key of the network itself and of what it is like."""
    return {name: _whole(entry) for name, entry in downloads()["networks"].items()}


def _whole(entry: dict[str, Any]) -> dict[str, Any]:
    """Join a table with those that it is like; its own keys win, and those of its spec, key by key."""
    if "like" not in entry:
        return dict(entry)
    base = _whole(downloads()["series"][entry["like"]])
    joined: dict[str, Any] = base | entry
    if "spec" in base and "spec" in entry:
        joined["spec"] = base["spec"] | entry["spec"]
    return joined


def network_fields(name: str) -> dict[str, Any]:
    """Return the fields of a network's registry entry."""
    table = tables()[name]
    addresses = tuple(address.format(release=table.get("release", "")) for address in table["addresses"])
    fields = {key: value for key, value in table.items() if key not in _MAKING}
    return (
        {"file": f"{name}.onnx", "sha256": "", "bytes": 0, "origin": addresses[0]} | fields | {"addresses": addresses}
    )


def model_fields(name: str) -> dict[str, Any] | None:
    """Return the fields of the card of a pair, of a refiner with its usual detector, or of a one-stage network.

    None for a name that is neither, such as a detector's.
    """
    pair = downloads()["models"].get(name)
    table = tables().get(name, {})
    if pair is None and table.get("kind") not in ("refiner", "one-stage"):
        return None
    if table.get("kind") == "one-stage":
        settings: dict[str, Any] = {"detectors": [{"network": name}]}
        summary, notes = f"{table['what'].capitalize()}: {name}, in one stage", ""
    else:
        refiner = pair["refiner"] if pair else name
        of = tables()[refiner]
        settings = {"detectors": (pair or {}).get("detectors", of["detectors"]), "refiner": refiner}
        found = ", ".join(d["network"] for d in settings["detectors"])
        summary = f"{of['what'].capitalize()}: {found} finds, {refiner} refines"
        notes = (pair or {}).get("notes", "")
        table = of
    parts = [d["network"] for d in settings["detectors"]] + [n for n in (settings.get("refiner"),) if n]
    return {
        "summary": summary,
        "estimator": "top-down",
        "networks": tuple(parts),
        "skeleton": table["skeleton"],
        "settings": settings,
        "notes": notes,
    }


def model_names() -> list[str]:
    """Return the names of the zoo's models: the pairs first, then the networks that give keypoints."""
    return [*downloads()["models"], *(n for n, t in tables().items() if t["kind"] != "detector")]
