"""Live: one :class:`Stream` follows one camera, visitor or window, and remembers what belongs to it alone."""

from poise.live.settings import StreamSettings
from poise.live.stream import Answer, RepCount, Stream

__all__ = ["Answer", "RepCount", "Stream", "StreamSettings"]
