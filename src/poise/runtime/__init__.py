"""Run a network file: one protocol, one file an engine."""

from poise.runtime._beside import metadata_beside
from poise.runtime._session import ENGINES, Session, Tensor, devices, fastest, open_session, usable_cores

__all__ = ["ENGINES", "Session", "Tensor", "devices", "fastest", "metadata_beside", "open_session", "usable_cores"]
