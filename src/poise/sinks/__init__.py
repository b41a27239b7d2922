"""Results out: pictures, video, JSON lines and tables."""

from __future__ import annotations

from poise.sinks._jsonlines import JsonLinesSink
from poise.sinks._pictures import CropSink, PictureFileSink, PictureSink
from poise.sinks._rows import record, table_rows, yolo_lines
from poise.sinks._sink import Sink, SinkBase
from poise.sinks._video import VideoSink

__all__ = [
    "CropSink",
    "JsonLinesSink",
    "PictureFileSink",
    "PictureSink",
    "Sink",
    "SinkBase",
    "VideoSink",
    "record",
    "table_rows",
    "yolo_lines",
]
