"""ONNX graphs, read, rewritten and written without ONNX: what makes a published network faster and leaves it equal."""

from poise.graphs._optimise import Changes, optimise

__all__ = ["Changes", "optimise"]
