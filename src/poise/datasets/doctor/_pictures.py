"""Look into every picture file: can it be decoded, how is it turned, and what does it look like in 64 bits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from poise import files
from poise.errors import SourceError
from poise.sources import Preview, preview

# Side of the small grey copy by which pictures are compared.
SIDE = 16


@dataclass(frozen=True, slots=True, eq=False)
class PictureFacts:
    """What was seen in picture files, one row a file.

    Attributes:
        sizes: ``(P, 2)`` width and height of the upright picture; 0 where it cannot be read.
        stored: ``(P, 2)`` the same of the picture as it is stored.
        turned: ``(P,)`` Exif orientation, 1 for none.
        hashes: ``(P,)`` uint64 difference hash; see :func:`difference_hash`.
        thumbs: ``(P, SIDE, SIDE)`` uint8 grey copy.
        digests: SHA-256 of each file's bytes; empty where it cannot be read.
        errors: What is wrong with each file; empty for nothing.
    """

    sizes: NDArray[np.int64]
    stored: NDArray[np.int64]
    turned: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    thumbs: NDArray[np.uint8]
    digests: Sequence[bytes]
    errors: Sequence[str]

    @property
    def readable(self) -> NDArray[np.bool_]:
        """``(P,)`` The file could be decoded."""
        return np.array([not text for text in self.errors], dtype=bool)


def examine(paths: Sequence[Path], *, workers: int, indices: Iterable[int] | None = None) -> PictureFacts:
    """Decode picture files, JPEG at an eighth of its size, and describe them.

    Decoding runs outside Python's lock, so that threads use all cores.

    Args:
        paths: The files.
        workers: Threads.
        indices: All indices in their order, wrapped for a progress bar.
    """
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        seen = pool.map(_one, paths)
        rows = [next(seen) for _ in (range(len(paths)) if indices is None else indices)]
    thumbs = np.array([row[1] for row in rows], dtype=np.uint8).reshape(-1, SIDE, SIDE)
    looks = [row[0] for row in rows]
    return PictureFacts(
        sizes=np.array([k.upright if k else (0, 0) for k in looks], dtype=np.int64).reshape(-1, 2),
        stored=np.array([k.stored if k else (0, 0) for k in looks], dtype=np.int64).reshape(-1, 2),
        turned=np.array([k.orientation if k else 1 for k in looks], dtype=np.int64),
        hashes=difference_hash(np.array([row[2] for row in rows], dtype=np.float32).reshape(-1, 8, 9)),
        thumbs=thumbs,
        digests=[row[3] for row in rows],
        errors=[row[4] for row in rows],
    )


def join(parts: Sequence[PictureFacts]) -> PictureFacts:
    """Put the pictures of several splits one after the other."""
    return PictureFacts(
        sizes=np.concatenate([part.sizes for part in parts]),
        stored=np.concatenate([part.stored for part in parts]),
        turned=np.concatenate([part.turned for part in parts]),
        hashes=np.concatenate([part.hashes for part in parts]),
        thumbs=np.concatenate([part.thumbs for part in parts]),
        digests=[digest for part in parts for digest in part.digests],
        errors=[text for part in parts for text in part.errors],
    )


_NOTHING = np.zeros((SIDE, SIDE), np.uint8), np.zeros((8, 9), np.uint8)


def _one(path: Path) -> tuple[Preview | None, NDArray[np.uint8], NDArray[np.uint8], bytes, str]:
    try:
        data = files.read_bytes(path, most=files.MOST_PICTURE)
        digest = hashlib.sha256(data).digest()
        seen = preview(data, str(path), smallest=4 * SIDE)
        grey = seen.grey
        small = grey.resize((SIDE, SIDE), PIL.Image.Resampling.BOX)
        return seen, np.asarray(small), np.asarray(grey.resize((9, 8), PIL.Image.Resampling.BOX)), digest, ""
    except SourceError as error:
        return None, *_NOTHING, b"", str(error).removeprefix(f"{path}: ")
    except OSError as error:
        return None, *_NOTHING, b"", f"cannot be opened: {error.strerror or error}"


def difference_hash(grey: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Turn small grey pictures into 64 bits: whether each pixel is darker than its right neighbour.

    Args:
        grey: ``(P, 8, 9)`` brightness.

    Source:
        The difference hash ("dHash") as N. Krawetz describes it, "Kind of Like That", hackerfactor.com, 2013.
    """
    bits = (grey[:, :, :-1] < grey[:, :, 1:]).reshape(len(grey), 64)
    return np.packbits(bits, axis=1).view(np.uint64).reshape(len(grey))
