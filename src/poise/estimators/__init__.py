"""Pictures to keypoints: one family of networks a file, all behind one protocol."""

from poise.estimators._estimator import Estimate, Estimator, Memory, Opener, Options, build, to_results
from poise.estimators._stream import Memories, estimate_stream

__all__ = ["Estimate", "Estimator", "Memories", "Memory", "Opener", "Options", "build", "estimate_stream", "to_results"]
