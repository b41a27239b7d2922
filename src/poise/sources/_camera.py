"""Cameras of this machine, opened with PyAV."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from typing import Any

from poise.errors import SourceError
from poise.sources._containers import library, reason

_WAIT = 5.0  # seconds for one camera to open


def _address(number: int) -> tuple[str, str, dict[str, str]]:
    """Return FFmpeg's device name, input format and options of a camera."""
    if sys.platform == "darwin":
        return str(number), "avfoundation", {"framerate": "30", "pixel_format": "nv12"}
    if sys.platform == "win32":
        names = _windows_names()
        if number >= len(names):
            raise SourceError(f"camera {number} is not there")
        return f"video={names[number]}", "dshow", {}
    return f"/dev/video{number}", "v4l2", {}


def _windows_names() -> list[str]:
    devices = getattr(library(), "device", None)
    if devices is None:
        raise SourceError("finding cameras on Windows needs a newer PyAV; run: pip install --upgrade av")
    return [device.name for device in devices.enumerate_input_devices("dshow") if "audio" not in device.media_types]


def _candidates() -> list[int]:
    """Return the numbers under which there may be a camera."""
    if sys.platform == "darwin":
        return list(range(4))
    if sys.platform == "win32":
        return list(range(len(_windows_names())))
    found = (re.fullmatch(r"video([0-9]+)", path.name) for path in Path("/dev").glob("video*"))
    return sorted(int(match[1]) for match in found if match)


def _open(number: int) -> Any:
    """Open a camera, in a thread of its own: a driver may hang, and nothing can interrupt it."""
    av = library()
    where, kind, options = _address(number)
    answer: list[Any] = []
    turn = threading.Lock()
    given_up = False

    def work() -> None:
        try:
            container = av.open(where, format=kind, options=options, timeout=(_WAIT, _WAIT))
        except Exception as error:  # noqa: BLE001 - handed on
            answer.append(error)
            return
        with turn:
            if given_up:
                container.close()
            else:
                answer.append(container)

    thread = threading.Thread(target=work, name="poise-camera", daemon=True)
    thread.start()
    thread.join(_WAIT)
    with turn:
        given_up = True
    if not answer:
        raise SourceError(f"camera {number} does not answer")
    if isinstance(answer[0], BaseException):
        raise SourceError(f"camera {number}: {reason(answer[0])}") from answer[0]
    return answer[0]


def open_camera(number: int) -> Any:
    """Open a camera.

    Raises:
        SourceError: It does not open; says which cameras do.
    """
    try:
        return _open(number)
    except SourceError as error:
        others = [other for other in cameras() if other != number]
        known = f"cameras that answer: {', '.join(map(str, others))}" if others else "no camera answers"
        raise SourceError(f"camera {number} did not open; {known}") from error


def cameras() -> list[int]:
    """Return the numbers of the cameras that open, by opening each for a moment.

    Raises:
        MissingExtra: PyAV is not installed.
    """
    library()
    found = []
    for number in _candidates():
        try:
            _open(number).close()
        except SourceError:
            continue
        found.append(number)
    return found
