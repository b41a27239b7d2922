"""Which files hold the poses of a folder, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from poise.errors import FormatError
from poise.search.lines import read_csv, read_json_lines
from poise.search.rows import PoseRows
from poise.search.tables import read_parquet

Reader = Callable[[Path], Iterator[PoseRows]]

READERS: dict[str, Reader] = {".parquet": read_parquet, ".jsonl": read_json_lines, ".csv": read_csv}
# A batch writes one file a shard.
_MOST_FILES = 1_000_000


def find_files(places: Sequence[str | Path]) -> list[Path]:
    """Return the files of poses, in order.

    Args:
        places: Files, or folders that are searched to the bottom. In a folder the best format that is there is read,
            since the others say the same again: Parquet, JSON lines, CSV. What begins with a dot is unfinished work of
            somebody and left out.

    Raises:
        FormatError: A file of another kind, or a folder without any.
        FileNotFoundError: It is not there.
    """
    found: list[Path] = []
    for place in map(Path, places):
        if not place.is_dir():
            if not place.exists():
                raise FileNotFoundError(2, "no such file or folder", str(place))
            if place.suffix.lower() not in READERS:
                raise FormatError(f"{place}: poses are read from {', '.join(READERS)}, or a folder with such files")
            found.append(place)
            continue
        inside = sorted(
            path
            for path in place.rglob("*")
            if path.suffix.lower() in READERS
            and not any(part.startswith(".") for part in path.relative_to(place).parts)
            and path.is_file()
        )
        best = next((kind for kind in READERS if any(path.suffix.lower() == kind for path in inside)), None)
        if best is None:
            raise FormatError(
                f"{place}: no poses in it ({', '.join(READERS)}); 'poise batch' or 'poise predict --out' write them"
            )
        found += [path for path in inside if path.suffix.lower() == best]
    if len(found) > _MOST_FILES:
        raise FormatError(f"{len(found):,} files of poses, the limit is {_MOST_FILES:,}")
    return found


def read_poses(path: Path) -> Iterator[PoseRows]:
    """Give the instances of one file, some at a time; see :func:`find_files`.

    Raises:
        FormatError: It is damaged, or holds something else.
        OSError: It cannot be read.
    """
    yield from READERS[path.suffix.lower()](path)
