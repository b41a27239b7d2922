"""Labelled pictures: formats, checks and conversion."""

from poise.datasets._convert import Conversion, convert, write_datasets
from poise.datasets._dataset import CocoDataset, Dataset, Scan, YoloDataset, open_dataset, scan
from poise.datasets._labels import Labels, Problem, stack
from poise.datasets._spec import DataSpec, find_yaml, read_spec, yaml_in

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
    "open_dataset",
    "read_spec",
    "scan",
    "stack",
    "write_datasets",
    "yaml_in",
]
