"""Skeletons: the names, edges, mirror pairs and OKS sigmas of a set of keypoints, as data."""

from poise.skeletons._dataset import check_flip, from_yaml
from poise.skeletons._read import from_toml, get, names
from poise.skeletons._sides import lone_sides
from poise.skeletons._skeleton import Skeleton
from poise.skeletons.named import skeleton_of

__all__ = ["Skeleton", "check_flip", "from_toml", "from_yaml", "get", "lone_sides", "names", "skeleton_of"]
