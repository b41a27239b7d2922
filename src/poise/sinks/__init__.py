"""Results out: pictures, video, JSON lines, tables and labels."""

from __future__ import annotations

from poise.files.writing import writing
from poise.sinks._animation import AnimationSink
from poise.sinks._events import EventCsvSink
from poise.sinks._jsonlines import JsonLinesSink
from poise.sinks._labels import CocoAnnotationsSink, CocoResultsSink, YoloTxtSink, coco_categories
from poise.sinks._open import open_sink, recover
from poise.sinks._pictures import CropSink, FramePictureSink, PictureFileSink, PictureSink, cut_out
from poise.sinks._rows import printable, record, table_rows, yolo_lines
from poise.sinks._run import RunFolder, RunSink
from poise.sinks._sink import Render, Sink, SinkBase, refuse_existing
from poise.sinks._tables import CsvSink, ParquetSink, csv_text, table_schema
from poise.sinks._video import VideoFolderSink, VideoSink
from poise.sinks._webhook import Webhook

__all__ = [
    "AnimationSink",
    "CocoAnnotationsSink",
    "CocoResultsSink",
    "CropSink",
    "CsvSink",
    "EventCsvSink",
    "FramePictureSink",
    "JsonLinesSink",
    "ParquetSink",
    "PictureFileSink",
    "PictureSink",
    "Render",
    "RunFolder",
    "RunSink",
    "Sink",
    "SinkBase",
    "VideoFolderSink",
    "VideoSink",
    "Webhook",
    "YoloTxtSink",
    "coco_categories",
    "csv_text",
    "cut_out",
    "open_sink",
    "printable",
    "record",
    "recover",
    "refuse_existing",
    "table_rows",
    "table_schema",
    "writing",
    "yolo_lines",
]
