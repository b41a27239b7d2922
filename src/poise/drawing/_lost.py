"""How a window that pictures are shown on says that it is gone."""

from __future__ import annotations


class Lost(Exception):
    """There is no window, or it is gone, and it was not the user who closed it."""
