"""Labelled pictures: formats, checks and conversion."""

from poise.datasets._convert import Conversion, convert, write_datasets
from poise.datasets._dataset import CocoDataset, Dataset, Scan, YoloDataset, open_dataset, scan
from poise.datasets._labels import Labels, Problem, stack
from poise.datasets._spec import DataSpec, find_yaml, read_spec, yaml_in
from poise.datasets._yolo import label_path, parse_labels

__all__ = [
    "CocoDataset",
    "Conversion",
    "DataSpec",
    "Dataset",
    "Labels",
    "Problem",
    "Scan",
    "YoloDataset",
    "convert",
    "find_yaml",
    "label_path",
    "open_dataset",
    "parse_labels",
    "read_spec",
    "scan",
    "stack",
    "write_datasets",
    "yaml_in",
]
