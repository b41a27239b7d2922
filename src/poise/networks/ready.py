"""A checkpoint as a graph that an engine runs: built without torch at the first start, from the cache afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

from poise import weights
from poise.errors import ModelError
from poise.extras.version import __version__
from poise.files.networks import read_network
from poise.files.text import valid

# Counts up when graphs are written in another way, so that kept ones of before are not taken.
_VERSION = 1


def graph_of(path: str | Path, *, end2end: bool | None = None, keep_sigma: bool = True) -> bytes:
    """Return the ONNX graph of a checkpoint; nothing in the file is run.

    Args:
        path: A ``.pt`` or ``.safetensors`` file.
        end2end: Use the one-to-one branch (YOLO26); None: as the file asks, or the only branch that it holds.
        keep_sigma: Give the keypoints' standard deviation as a second output (YOLO26).

    Raises:
        ModelError: As :func:`poise.networks.read_checkpoint`, and where the branch is not there.
    """
    path = Path(path)
    # Read once: what is built is what was summed up, also where a training writes the file meanwhile.
    data = read_network(path)
    branch = {None: "auto", False: "one2many", True: "one2one"}[end2end]
    sha = hashlib.sha256(data).hexdigest()
    name = f"{sha}-{__version__}.{_VERSION}-{branch}{'' if keep_sigma else '-plain'}"

    def make() -> bytes:
        # Here, because a graph that is kept needs none of it.
        from poise.networks.about import metadata
        from poise.networks.checkpoint import parse_checkpoint
        from poise.networks.onnx_graph import write_graph

        found = parse_checkpoint(path, data)
        chosen = found.end2end or "one2many" not in found.branches if end2end is None else end2end
        about = metadata(found, end2end=chosen)
        about |= {weights.GRAPH_NAME: name, weights.GRAPH_ORIGIN: valid(path.name)}
        try:
            return write_graph(found, about, end2end=chosen, sigma=keep_sigma)
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from None

    return weights.kept_graph(name, make)
