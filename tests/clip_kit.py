"""Shorter clips of the samples, without encoding anything."""

from __future__ import annotations

from pathlib import Path

import pytest


def first_frames(source: Path, path: Path, frames: int) -> Path:
    """Write the first frames of a video as they lie in it; returns where."""
    av = pytest.importorskip("av", reason="needs the extra video")
    with av.open(str(source)) as read, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(read.streams.video[0])
        packets = [packet for packet in read.demux(video=0) if packet.dts is not None]
        for packet in packets[:frames]:
            packet.stream = copy
            out.mux_one(packet)
    return path
