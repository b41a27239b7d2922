"""Skeletons: the names, edges, mirror pairs and OKS sigmas of a set of keypoints, as data."""

from poise.skeletons._read import from_toml, get, names
from poise.skeletons._skeleton import Skeleton

__all__ = ["Skeleton", "from_toml", "get", "names"]
