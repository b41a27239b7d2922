"""A written video inside a notebook."""

from __future__ import annotations

import base64
import html
from pathlib import Path

_KINDS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_ANIMATIONS = {".gif": "image/gif", ".webp": "image/webp", ".png": "image/png"}
# A notebook holds every byte of what it shows, and grows a third more by the coding.
_LIMIT_MB = 32.0


class Video:
    """A video file that a notebook plays in the cell, without a server.

    Args:
        path: A video that Poise wrote, or another that browsers play (H.264 in .mp4, .webm), or an animation (.gif,
            .webp).
        width: Pixels on the page.
        limit_mb: A larger file is refused, because the notebook holds a copy of it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The ending is not that of a video that browsers play, or the file is too large.

    Example:
        >>> from poise import samples
        >>> from poise.drawing import Video
        >>> Video(samples.clip)._repr_html_()[:20]
        '<video controls loop'
    """

    def __init__(self, path: str | Path, *, width: int = 640, limit_mb: float = _LIMIT_MB) -> None:
        self.path, self.width = Path(path), width
        suffix, size = self.path.suffix.lower(), self.path.stat().st_size / 1e6
        if suffix not in _KINDS | _ANIMATIONS:
            known = ", ".join((*_KINDS, *_ANIMATIONS))
            raise ValueError(f"{path}: browsers do not play {suffix or 'a file without an ending'}; known: {known}")
        if size > limit_mb:
            raise ValueError(
                f"{path}: {size:.0f} MB would make the notebook larger by as much; pass limit_mb={size + 1:.0f} to do "
                "it, or write fewer frames (vid_stride)"
            )

    def _repr_html_(self) -> str:
        """Return the player with the file in it."""
        suffix = self.path.suffix.lower()
        data = base64.b64encode(self.path.read_bytes()).decode("ascii")
        name, style = html.escape(self.path.name), f"max-width:100%;width:{self.width}px"
        if suffix in _ANIMATIONS:
            return f'<img alt="{name}" style="{style}" src="data:{_ANIMATIONS[suffix]};base64,{data}">'
        source = f"data:{_KINDS[suffix]};base64,{data}"
        return f'<video controls loop muted playsinline title="{name}" style="{style}" src="{source}"></video>'

    def __repr__(self) -> str:
        return f"Video({str(self.path)!r})"
