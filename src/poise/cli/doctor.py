"""``poise doctor``: what this machine offers, and whether the installation works."""

from __future__ import annotations

import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.table import Table
from rich.text import Text

from poise.extras.installation import installing
from poise.extras.version import __version__
from poise.files.text import plain, say_json, screen

_OPTIONAL = {
    "av": "video",
    "lap": "track",
    "openvino": "openvino",
    "polars": "tables",
    "pyarrow": "tables",
    "h5py": "hdf5",
    "sleap-io": "sleap",
    "hotcoco": "eval",
    "opencv-python-headless": "cv",
    "pyyaml": "data",
    "torch": "train",
    "onnx": "export",
}


def doctor(*, json: bool = False, seconds: float = 2.0) -> int:
    """Check the installation: versions, devices, cameras, optional packages, bundled networks, and a speed test.

    Args:
        json: Print JSON on standard output.
        seconds: How long the speed test runs.
    """
    report: dict[str, Any] = {
        "poise": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in ("numpy", "onnxruntime", "pillow", *_OPTIONAL)},
        "cores": _cores(),
        "devices": _devices(),
        "cameras": _cameras(),
        "networks": _networks(),
        "speed": _speed(seconds),
    }
    healthy = all(state == "ok" for state in report["networks"].values()) and "error" not in report["speed"]
    if json:
        say_json(report, indent=2)
    else:
        _show(report)
    return 0 if healthy else 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    from poise.runtime import usable_cores

    return usable_cores()


def _devices() -> list[str]:
    from poise.runtime import devices

    return devices()


def _cameras() -> list[int] | None:
    """Return the cameras that answer; None where nothing that reads cameras is installed."""
    from poise.errors import MissingExtra
    from poise.sources import cameras

    try:
        return cameras()
    except MissingExtra:
        return None


def _networks() -> dict[str, str]:
    from poise import weights
    from poise.errors import ModelError

    states = {}
    for name in dict.fromkeys(n for card in weights.models() for n in card.networks):
        try:
            weights.load(name)
            states[name] = "ok"
        except ModelError as error:
            states[name] = str(error)
    return states


def _speed(seconds: float) -> dict[str, Any]:
    """Run the default model on the bundled photo again and again."""
    from poise.cli.demo import PHOTO
    from poise.errors import PoiseError
    from poise.model import Pose

    try:
        pose = Pose()
        picture = pose.predict(PHOTO)[0].orig_img
        frames, start = 0, time.perf_counter()
        while frames == 0 or time.perf_counter() - start < seconds:
            pose.predict(picture)
            frames += 1
    except PoiseError as error:
        return {"error": str(error)}
    height, width = picture.shape[:2]
    return {
        "model": "body",
        "picture": f"{width}x{height}",
        "frames/s": round(frames / (time.perf_counter() - start), 1),
    }


def _show(report: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("poise", f"{report['poise']} on Python {report['python']}, {report['system']}")
    for package, found in report["packages"].items():
        extra = _OPTIONAL.get(package)
        table.add_row(package, found or (Text(f"not installed ({installing(extra)})", "dim") if extra else "missing"))
    table.add_row("cores", str(report["cores"]))
    table.add_row("devices", ", ".join(report["devices"]))
    found = report["cameras"]
    unread = Text(f"not looked for: av is not installed ({installing('video')})", "dim")
    table.add_row("cameras", unread if found is None else ", ".join(map(str, found)) or "none")
    bad = {name: state for name, state in report["networks"].items() if state != "ok"}
    table.add_row("networks", f"{len(report['networks'])} bundled, checksums right" if not bad else "")
    for name, state in bad.items():
        table.add_row(f"  {name}", Text(plain(state), style="red"))
    speed = report["speed"]
    words = (
        speed.get("error") or f"{speed['frames/s']} frames/s, model {speed['model']}, {speed['picture']}, one person"
    )
    table.add_row("speed", words)
    screen(file=sys.stdout).print(table)
