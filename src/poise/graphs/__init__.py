"""ONNX graphs, read, rewritten and written without ONNX: faster and equal, or smaller."""

from poise.graphs._compact import compact
from poise.graphs._optimise import Changes, optimise
from poise.graphs.builder import Builder, said, stamped

__all__ = ["Builder", "Changes", "compact", "optimise", "said", "stamped"]
