"""What every data set of picture files shares, and where a label file's pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poise.datasets._spec import DataSpec
from poise.errors import FormatError
from poise.frames import Image
from poise.sources import picture_size, read_picture


class Pictures:
    """A list of picture files with names and sizes.

    Attributes:
        notes: What the files hold beside the labels and is not read.
    """

    spec: DataSpec
    split: str
    paths: list[Path]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        """Return the picture's name: its path below the data set's root."""
        path = self.paths[index]
        try:
            return path.relative_to(self.spec.root).as_posix()
        except ValueError:
            return path.as_posix()

    def size(self, index: int) -> tuple[int, int]:
        """Return width and height of the upright picture."""
        return picture_size(self.paths[index])

    def image(self, index: int) -> Image:
        """Return the upright picture, ``(H, W, 3)`` uint8 BGR."""
        return read_picture(self.paths[index])


def picture_root(file: Path, names: Sequence[str]) -> Path:
    """Find the folder that the picture names of a label file start from: beside it, or where COCO itself has them.

    Args:
        file: The label file.
        names: Relative names of some of its pictures.

    Raises:
        FormatError: No folder has any of them, naming those that were looked in.
    """
    if not names:
        return file.parent
    stem = file.stem.rpartition("_")[2]
    folders = [file.parent, file.parent / "images", file.parent.parent, file.parent.parent / "images"]
    folders += [base / stem for base in list(folders)]
    folders += [file.parent.parent.parent, file.parent.parent.parent / "images"]
    for folder in folders:
        if any(is_file(folder / name) for name in names):
            return folder
    looked = ", ".join(map(str, folders))
    raise FormatError(f"{file}: its pictures ({names[0][:200]}, …) are in none of {looked}; say where: images=FOLDER")


def is_file(path: Path) -> bool:
    """Return whether the file is there; a name that no file can have (with a NUL in it) is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
