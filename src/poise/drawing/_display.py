"""Show a picture wherever this runs: in a notebook, on a screen, or, with neither, as a file."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from poise.files.writing import numbered
from poise.frames import Image
from poise.image import encode, to_pil

_log = logging.getLogger("poise")

_MOST_VIEWERS = 10
_VIEWERS = ("xdg-open", "display", "gm", "eog", "xv")  # those that Pillow knows how to start


def save(image: Image, path: str | Path) -> str:
    """Write a BGR picture to a file, making its folder; an existing file is replaced.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        path: Its ending picks the format.

    Returns:
        The path.

    Raises:
        ValueError: No picture format has this ending.
    """
    path = Path(path)
    try:
        data = encode(image, path.suffix)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def display(image: Image, name: str = "picture") -> str | None:
    """Show a picture; never an error where there is no screen.

    In a notebook it appears below the cell. Where there is a screen the system's picture viewer opens. Otherwise it is
    written to ``runs/pose/show`` (or to the temporary folder, when that cannot be written) and its path printed.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        name: Title of the window, and name of the file without its ending.

    Returns:
        The path of the file when one was written, else None.
    """
    if in_notebook():
        from IPython.display import Image as Shown
        from IPython.display import display as show

        show(Shown(data=encode(image, ".png"), format="png"))
        return None
    if has_screen() and _open_viewer(image, name):
        return None
    path = write_somewhere(image, file_stem(name))
    sys.stdout.write(f"{path}\n")
    return path


class Viewers:
    """Shows pictures that are one of their own, as :func:`display` does; of those beyond the tenth no viewer opens.

    The windows of a whole folder would bury the screen.
    """

    def __init__(self) -> None:
        self._open = 0

    def show(self, paint: Callable[[], Image], name: str) -> None:
        """Show a picture.

        Args:
            paint: Draws it; called only where it is shown.
            name: As for :func:`display`.
        """
        if not in_notebook() and has_screen():
            self._open += 1
            if self._open == _MOST_VIEWERS + 1:
                _log.warning("%d pictures are open; the others are not shown: save=True writes them", _MOST_VIEWERS)
            if self._open > _MOST_VIEWERS:
                return
        display(paint(), name)


def in_notebook() -> bool:
    """Tell whether this interpreter is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def has_screen() -> bool:
    """Tell whether a window can open: always so on macOS and Windows, elsewhere when a display server is named."""
    if sys.platform in ("darwin", "win32"):
        return True
    found = any(shutil.which(program) for program in _VIEWERS)
    return found and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_viewer(image: Image, name: str) -> bool:
    try:
        from PIL import ImageShow

        return bool(ImageShow.show(to_pil(image), title=name))
    except OSError:  # the viewer could not be started, or the disk is full: a file is tried next
        return False


def file_stem(name: str) -> str:
    """Return how the file of a picture is called, without its ending, from the name of what it shows."""
    return re.sub(r"[^\w.-]+", "_", Path(name).stem).strip("._") or "picture"


def write_somewhere(image: Image, stem: str) -> str:
    """Write a picture under a free name into ``runs/pose/show``, or where that fails into the temporary folder.

    Raises:
        OSError: Neither can be written.
    """
    data = encode(image, ".jpg")
    try:
        return _write_new(Path("runs") / "pose" / "show", stem, data)
    except OSError:
        return _write_new(Path(tempfile.gettempdir()) / "poise", stem, data)


def _write_new(folder: Path, stem: str, data: bytes) -> str:
    """Write a file under the first name of ``stem``, ``stem2``, … that is free."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in numbered(stem):
        path = folder / f"{name}.jpg"
        with suppress(FileExistsError), path.open("xb") as file:
            file.write(data)
            return str(path.resolve())
    raise AssertionError  # pragma: no cover - names do not run out
