"""Run a network file: one protocol, one file an engine."""

from poise.runtime._session import ENGINES, Session, Tensor, open_session

__all__ = ["ENGINES", "Session", "Tensor", "open_session"]
