"""What a picture can be shown on again and again: a window of Tk or OpenCV, or the output of a notebook's cell."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from poise.drawing._display import in_notebook
from poise.drawing._lost import Lost
from poise.drawing._opencv_window import OpenCvSurface
from poise.drawing._video import Video
from poise.extras.engines import installed
from poise.frames import Image
from poise.image import encode, resize, to_pil

# Part of the screen that a window fills at most when it opens.
_PART = 0.85
_LEAST = (240, 135)  # pixels; a smaller window cannot be grasped
_DARK = "#101010"
# A notebook's page gets a picture at most so often, seconds, and so wide: each travels through a socket.
_NOTEBOOK_S, _NOTEBOOK_WIDTH = 0.1, 960
_MOST_PLAYERS = 4


class Surface(Protocol):
    """Shows one picture after the other.

    Attributes:
        interval: The shortest time between two pictures, seconds.
        asks: Whether keys can come: it is to be asked for them while nothing else goes on.
    """

    interval: float
    asks: bool

    def draw(self, picture: Image) -> None:
        """Show a ``(H, W, 3)`` BGR picture in place of the last."""
        ...

    def title(self, words: str) -> None:
        """Say what is seen."""
        ...

    def pressed(self) -> list[str]:
        """Return what was pressed since: ``"escape"`` (also where the window was closed), ``"space"``, letters."""
        ...

    def fill_screen(self) -> None:
        """Fill the screen, or stop filling it."""
        ...

    def close(self, videos: Sequence[Path] = ()) -> None:
        """End; a notebook shows these videos in place of the last picture."""
        ...


def open_surface() -> Surface | str:
    """Return what pictures can be shown on here, or the reason why there is nothing."""
    if in_notebook():
        return NotebookSurface()
    if threading.current_thread() is not threading.main_thread():
        return "windows belong to the main thread, and this is another"
    if sys.platform not in ("darwin", "win32") and not os.environ.get("DISPLAY"):
        return "no screen is named (DISPLAY is not set)"
    try:
        return _open_tk()
    except ImportError:
        pass  # Python came without Tk: OpenCV may have windows
    except Lost as error:
        return str(error)
    if installed("cv2"):
        with suppress(Lost, OSError):
            return OpenCvSurface()
    return "Python has no Tk (Debian and Ubuntu: apt install python3-tk), and no OpenCV with windows is installed"


# Windows of Tk that were closed are opened again, and none is ever forgotten: Python may collect a forgotten one in
# whichever thread allocates next, and Tk ends the process when that is not the thread that made it.
_idle: list[TkSurface] = []
_kept: list[TkSurface] = []


def _open_tk() -> TkSurface:
    display = os.environ.get("DISPLAY", "")
    for surface in [one for one in _idle if one.display == display]:
        _idle.remove(surface)
        if surface.alive:
            return surface
    surface = TkSurface(display)
    _kept.append(surface)
    return surface


class TkSurface:
    """A window of Tk, without a thread of its own: what happens in it is dealt with when it is asked for keys.

    Args:
        display: The screen that it opens on.

    Raises:
        ImportError: Python has no Tk.
        Lost: There is no screen.
    """

    interval = 0.008
    asks = True

    def __init__(self, display: str) -> None:
        import tkinter

        self.display = display
        self._broken: tuple[type[BaseException], ...] = (tkinter.TclError, RuntimeError)
        self._keys: deque[str] = deque()
        self._picture: Image | None = None
        self._size = (0, 0)  # of the photo
        self._room = (0, 0)  # of the canvas when it was painted
        self._full = self._open = False
        self._error: BaseException | None = None
        try:
            self._root = tkinter.Tk(className="Poise")
        except tkinter.TclError as error:
            raise Lost(str(error)) from None
        root = self._root
        root.withdraw()
        root.minsize(*_LEAST)
        # What a key's handler raises, Ctrl-C among it, must not end in Tk's own message.
        root.report_callback_exception = self._failed
        self._canvas = tkinter.Canvas(root, highlightthickness=0, borderwidth=0, background=_DARK)
        self._canvas.pack(fill="both", expand=True)
        self._photo = tkinter.PhotoImage(master=root)
        self._item = self._canvas.create_image(0, 0, anchor="center", image=self._photo)
        root.bind("<Key>", lambda event: self._keys.append(event.keysym.lower()))
        root.bind("<Configure>", lambda _: self._resized())
        if sys.platform == "darwin":  # Command-Q would end the process
            root.createcommand("tk::mac::Quit", lambda: self._keys.append("escape"))
        root.protocol("WM_DELETE_WINDOW", lambda: self._keys.append("escape"))

    @property
    def alive(self) -> bool:
        """Whether the window can still be used."""
        try:
            return bool(self._root.winfo_exists())
        except self._broken:
            return False

    @property
    def seen(self) -> tuple[int, int]:
        """Width and height of the picture on the screen."""
        return self._size

    def draw(self, picture: Image) -> None:
        """Show a picture, as large as the window allows, in its own proportions."""
        self._picture = picture
        try:
            if not self._open:
                self._show(picture)
            self._paint()
            self._root.update()
        except self._broken as error:
            raise Lost(str(error)) from error
        self._raise()

    def title(self, words: str) -> None:
        """Write the title."""
        try:
            self._root.title(words)
        except self._broken as error:
            raise Lost(str(error)) from error

    def pressed(self) -> list[str]:
        """Let the window do what is to be done, and return the keys."""
        try:
            self._root.update()
        except self._broken as error:
            raise Lost(str(error)) from error
        self._raise()
        keys = list(self._keys)
        self._keys.clear()
        return keys

    def fill_screen(self) -> None:
        """Fill the screen, or go back."""
        self._full = not self._full
        with suppress(*self._broken):
            self._root.attributes("-fullscreen", self._full)

    def close(self, videos: Sequence[Path] = ()) -> None:
        """Take the window off the screen."""
        self._picture, self._open = None, False
        self._keys.clear()
        try:
            self._photo.blank()
            if self._full:
                self.fill_screen()
            self._root.withdraw()
            self._root.update()
        except self._broken:
            return
        self._error = None
        _idle.append(self)

    def _show(self, picture: Image) -> None:
        root = self._root
        height, width = picture.shape[:2]
        room = (root.winfo_screenwidth() * _PART, root.winfo_screenheight() * _PART)
        scale = min(1.0, room[0] / width, room[1] / height)
        root.geometry(f"{max(_LEAST[0], round(width * scale))}x{max(_LEAST[1], round(height * scale))}")
        root.deiconify()
        root.lift()
        root.update()
        root.focus_force()  # keys are for the window that has just opened
        self._open = True

    def _paint(self) -> None:
        if self._picture is None:
            return
        self._room = room = (self._canvas.winfo_width(), self._canvas.winfo_height())
        height, width = self._picture.shape[:2]
        scale = min(room[0] / width, room[1] / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Bytes of PPM cost Tk as little as what Pillow offers for it, which distributions leave out.
        self._photo.configure(data=b"P6 %d %d 255\n" % size + to_pil(resize(self._picture, size)).tobytes())
        self._size = size
        self._canvas.coords(self._item, room[0] // 2, room[1] // 2)

    def _resized(self) -> None:
        room = (self._canvas.winfo_width(), self._canvas.winfo_height())
        if self._open and room != self._room:
            self._paint()

    def _failed(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            if isinstance(error, self._broken):
                raise Lost(str(error)) from error
            raise error


class NotebookSurface:
    """One output below the cell, whose picture changes."""

    interval = _NOTEBOOK_S
    asks = False

    def __init__(self) -> None:
        self._handle: Any = None
        self._cell: Any = None

    def draw(self, picture: Image) -> None:
        """Show a picture below the cell that runs."""
        from IPython.display import Image as Shown

        height, width = picture.shape[:2]
        if width > _NOTEBOOK_WIDTH:
            picture = resize(picture, (_NOTEBOOK_WIDTH, max(1, round(height * _NOTEBOOK_WIDTH / width))))
        self._put(Shown(data=encode(picture, ".jpg"), format="jpeg"))

    def title(self, words: str) -> None:
        """Say nothing: the cell says what runs."""

    def pressed(self) -> list[str]:
        """Return nothing: a cell is stopped with the notebook's own button."""
        return []

    def fill_screen(self) -> None:
        """Do nothing."""

    def close(self, videos: Sequence[Path] = ()) -> None:
        """Put the players of the videos where the picture was."""
        from IPython.display import display

        for n, path in enumerate(videos[:_MOST_PLAYERS]):
            # A file that no browser plays, or that would make the notebook too large: the last picture stays.
            with suppress(ValueError, OSError):
                player = Video(path)
                self._put(player) if n == 0 else display(player)

    def _put(self, shown: Any) -> None:
        from IPython import get_ipython
        from IPython.display import display

        cell = getattr(get_ipython(), "execution_count", None)
        if self._handle is None or cell != self._cell:  # the output of another cell is not touched
            self._handle, self._cell = display(shown, display_id=True), cell
        else:
            self._handle.update(shown)
