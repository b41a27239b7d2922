"""What was shown in the whole of a video: which gestures, by whom, when and how often."""

from __future__ import annotations

from poise.files.text import aligned
from poise.gestures.streams.frames import GestureFrame

# Times of one gesture that are listed.
_MOST_TIMES = 5


class GestureTally:
    """Counts the gestures of videos as they end."""

    def __init__(self) -> None:
        self._videos: dict[str, dict[tuple[str, str], list[tuple[float, float]]]] = {}

    def add(self, seen: GestureFrame) -> None:
        """Take one frame, and the last one again with what ended."""
        if seen.frame.media.kind == "image":
            return
        shown = self._videos.setdefault(seen.frame.media.name, {})
        for event in seen.events:
            if event.state == "off" and event.end is not None:
                part = event.part.replace("_", " ")
                who = part if event.id is None else f"#{event.id} {part}"
                shown.setdefault((event.gesture, who), []).append((event.start, event.end))

    def lines(self) -> list[str]:
        """Return a line a gesture and hand or person, in the order in which they were first shown.

        Several videos are told one after the other, each after its name.
        """
        out: list[str] = []
        for name, shown in self._videos.items():
            out += [name] if len(self._videos) > 1 else []
            out += _table(shown) if shown else ["no gesture was seen"]
        return out


def _table(shown: dict[tuple[str, str], list[tuple[float, float]]]) -> list[str]:
    rows = []
    for (gesture, who), times in sorted(shown.items(), key=lambda item: item[1][0]):
        total = sum(end - start for start, end in times)
        often = "once" if len(times) == 1 else f"{len(times)} times"
        when = ", ".join(f"{start:.1f} to {end:.1f}" for start, end in times[:_MOST_TIMES])
        when += ", …" if len(times) > _MOST_TIMES else ""
        rows.append((gesture, who, often, f"{total:.1f} s", f"({when})"))
    return aligned(rows)
