"""``poise info``: what a network file is."""

from __future__ import annotations

from pathlib import Path

from poise.files.text import say


def info(file: Path, /, *, json: bool = False) -> int:
    """Say what a network file is, without running it.

    Args:
        file: A .pt, .safetensors, .onnx, .xml or .torchscript file, or OpenVINO's folder.
        json: Print JSON on standard output.
    """
    from poise.info import info as look

    found = look(file)
    say(found.to_json() if json else found.table())
    return 0
