"""A window of OpenCV, in a process of its own.

OpenCV's wheels for Linux bring a Qt that ends the process where the screen does not answer, and that waits for ever
where PyAV was imported before. In a process of its own it can do neither to the work.
"""

from __future__ import annotations

import importlib
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from poise.drawing._lost import Lost
from poise.frames import Image

# A command: one letter, height and width of a picture or the length of a text, and its bytes. K is answered with a
# line: the keys that were pressed, with blanks between.
_HEAD = struct.Struct("<cII")
_PATIENCE_S = 30.0  # for the window to open
_NAME = "Poise"
_CODE = "from poise.drawing._opencv_window import main; main()"
_WORDS = {27: "escape", 32: "space"}


class OpenCvSurface:
    """The side of the work.

    Raises:
        Lost: No window opens.
    """

    interval = 0.008
    asks = True

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )
        late = threading.Timer(_PATIENCE_S, self._process.kill)
        late.start()
        try:
            self._answer()
        finally:
            late.cancel()

    def draw(self, picture: Image) -> None:
        """Show a picture, as large as the window allows, in its own proportions."""
        self._send(b"P", picture.shape[0], picture.shape[1], np.ascontiguousarray(picture).data)

    def title(self, words: str) -> None:
        """Write the title."""
        data = words.encode("utf-8", "replace")
        self._send(b"T", len(data), 0, data)

    def pressed(self) -> list[str]:
        """Let the window do what is to be done, and return the keys."""
        self._send(b"K")
        return self._answer()

    def fill_screen(self) -> None:
        """Fill the screen, or go back."""
        self._send(b"F")

    def close(self, videos: Sequence[Path] = ()) -> None:
        """Close the window, and its process."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, letter: bytes, a: int = 0, b: int = 0, data: Any = b"") -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(_HEAD.pack(letter, a, b))
            pipe.write(data)
            pipe.flush()
        except (OSError, ValueError):
            self._gone()

    def _answer(self) -> list[str]:
        pipe = self._process.stdout
        assert pipe is not None
        line = pipe.readline()
        if not line:
            self._gone()
        return line.decode().split()

    def _gone(self) -> NoReturn:
        self.close()
        raise Lost("OpenCV's window has ended") from None


def main() -> None:
    """Be the process of the window, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the work, which then ends this too
    cv = importlib.import_module("cv2")
    commands, answers = sys.stdin.buffer, sys.stdout.buffer
    cv.namedWindow(_NAME, cv.WINDOW_NORMAL | cv.WINDOW_KEEPRATIO | cv.WINDOW_GUI_NORMAL)
    cv.waitKey(1)
    _tell(answers, [])
    full = sized = False
    while len(head := commands.read(_HEAD.size)) == _HEAD.size:
        letter, a, b = _HEAD.unpack(head)
        if letter == b"P":
            picture = np.frombuffer(commands.read(3 * a * b), np.uint8).reshape(a, b, 3)
            if not sized:
                scale = min(1.0, 1280 / b, 720 / a)
                cv.resizeWindow(_NAME, round(b * scale), round(a * scale))
                sized = True
            cv.imshow(_NAME, picture)
        elif letter == b"T":
            cv.setWindowTitle(_NAME, commands.read(a).decode())
        elif letter == b"F":
            full = not full
            cv.setWindowProperty(_NAME, cv.WND_PROP_FULLSCREEN, cv.WINDOW_FULLSCREEN if full else cv.WINDOW_NORMAL)
        elif letter == b"K":
            code = cv.waitKey(1) & 0xFF
            if cv.getWindowProperty(_NAME, cv.WND_PROP_VISIBLE) < 1:
                _tell(answers, ["escape"])  # the user has closed it; what else is asked would open it again
                return
            _tell(answers, [] if code == 0xFF else [_WORDS.get(code, chr(code).lower())])


def _tell(answers: IO[bytes], words: list[str]) -> None:
    answers.write((" ".join(words) + "\n").encode())
    answers.flush()
