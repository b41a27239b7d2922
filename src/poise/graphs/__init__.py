"""ONNX graphs, read, rewritten and written without ONNX: what makes a published network faster and leaves it equal."""

from poise.graphs._optimise import Changes, optimise
from poise.graphs.builder import Builder, said, stamped

__all__ = ["Builder", "Changes", "optimise", "said", "stamped"]
