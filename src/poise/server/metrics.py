"""Counters and latencies, in the text format that Prometheus reads.

Source: Prometheus, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping

Labels = tuple[tuple[str, str], ...]

# Upper limits of the latencies that are told apart, seconds.
_LIMITS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_HELP = {
    "poise_requests_total": ("counter", "HTTP requests by path, method and status code."),
    "poise_errors_total": ("counter", "Answers that were an error, by what was asked: request, frame or video."),
    "poise_frames_total": ("counter", "Frames of WebSocket clients that were looked at."),
    "poise_dropped_frames_total": ("counter", "Frames of WebSocket clients that a newer one replaced."),
    "poise_request_seconds": ("histogram", "Time from a request's head to the end of its answer."),
    "poise_frame_seconds": ("histogram", "Time from a frame's arrival to its answer."),
    "poise_inference_seconds": ("histogram", "Time in the network for one picture."),
    "poise_queue": ("gauge", "Pictures that wait for a worker."),
    "poise_queue_room": ("gauge", "Pictures that may wait for a worker."),
    "poise_workers": ("gauge", "Pictures that are looked at together, at most."),
    "poise_clients": ("gauge", "WebSocket connections."),
    "poise_jobs": ("gauge", "Videos, by state."),
}


class Metrics:
    """What happened since the start; any thread may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, Labels], float] = defaultdict(float)
        self._histograms: dict[tuple[str, Labels], list[float]] = {}
        self._gauges: dict[str, Callable[[], Mapping[Labels, float]]] = {}

    def count(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counters[name, tuple(sorted(labels.items()))] += value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a latency to a histogram."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            # One bucket a limit and one beyond, then the sum.
            row = self._histograms.setdefault(key, [0.0] * (len(_LIMITS) + 2))
            row[bisect_left(_LIMITS, seconds)] += 1
            row[-1] += seconds

    def gauge(self, name: str, read: Callable[[], Mapping[Labels, float]]) -> None:
        """Say how a value of now is read."""
        self._gauges[name] = read

    def text(self) -> str:
        """Return all of it, a line a value."""
        with self._lock:
            counters = dict(self._counters)
            histograms = {key: list(row) for key, row in self._histograms.items()}
        lines: list[str] = []
        for name, (kind, words) in _HELP.items():
            lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
            if kind == "gauge" and name in self._gauges:
                lines += [_line(name, labels, value) for labels, value in self._gauges[name]().items()]
            lines += [_line(name, labels, value) for (key, labels), value in sorted(counters.items()) if key == name]
            for (key, labels), row in sorted(histograms.items()):
                if key == name:
                    lines += _histogram(name, labels, row)
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, row: list[float]) -> list[str]:
    lines, so_far = [], 0.0
    for limit, count in zip((*map(str, _LIMITS), "+Inf"), row[:-1], strict=True):
        so_far += count
        lines.append(_line(f"{name}_bucket", (*labels, ("le", limit)), so_far))
    return [*lines, _line(f"{name}_sum", labels, row[-1]), _line(f"{name}_count", labels, so_far)]


def _line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
