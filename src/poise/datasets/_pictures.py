"""What every data set of picture files shares, and where a label file's pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poise.datasets._find import local, locate
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


def find_pictures(file: Path, names: Sequence[str], images: Path | None = None) -> tuple[list[Path], tuple[str, ...]]:
    """Find the pictures that a label file names: beside it, or where COCO itself has them.

    Args:
        file: The label file.
        names: As it calls them.
        images: Folder that they are in; None looks beside the file.

    Returns:
        A path for each, also for one that is not there, and what was assumed.

    Raises:
        FormatError: None of them is there, naming the folders that were looked in.
    """
    if not names:
        return [], ()
    folders = [images] if images is not None else nearby(file)
    found, moved = locate(names, folders)
    there = [path for path in found if path is not None]
    if not there and images is None:
        looked = ", ".join(map(str, folders))
        raise FormatError(
            f"{file}: its pictures ({names[0][:200]}, …) are in none of {looked}; say where: --images FOLDER "
            "(images=FOLDER)"
        )
    if not there:
        raise FormatError(f"{file}: its pictures ({names[0][:200]}, …) are not in {images}, by no part of their paths")
    pairs = ((name, path) for name, path in zip(names, found, strict=True) if path is not None)
    other = next(((name, path) for name, path in pairs if not path.as_posix().endswith(name)), None) if moved else None
    told: tuple[str, ...] = ()
    if other is not None:
        told = (f"pictures are not where the file says, and were found by their names: {other[0][:200]} is {other[1]}",)
    first = next(i for i, path in enumerate(found) if path is not None)
    root = root_of(there[0], names[first])
    return [path or root / local(name) for path, name in zip(found, names, strict=True)], told


def root_of(path: Path, name: str) -> Path:
    """Return the folder that a picture's name starts from."""
    parts = Path(local(name)).parts
    return Path(*path.parts[: -len(parts)]) if path.parts[-len(parts) :] == parts else path.parent


def nearby(file: Path) -> list[Path]:
    """Return the folders in which the pictures of a label file usually are, its own first."""
    stem = file.stem.rpartition("_")[2]
    parent = file if file.is_dir() else file.parent
    # A file that is named from its own folder has folders above it, too.
    whole = parent if len(parent.parts) > 2 else parent.absolute()
    folders = [parent, parent / "images", whole.parent, whole.parent / "images"]
    folders += [base / stem for base in list(folders)]
    return [*folders, whole.parent.parent, whole.parent.parent / "images"]
