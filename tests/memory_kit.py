"""What was worked out once is kept for all tests of a run, in all its processes."""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

# Names the folder that all processes of a run share.
TOGETHER = "POISE_TESTS_TOGETHER"
LARGEST = 64_000_000

Made = TypeVar("Made")


def recalled(key: str, make: Callable[[], Made], *, largest: int = LARGEST) -> Made:
    """Return what was made under a key before, in whichever process, or make it.

    Args:
        key: Tells it from everything else: all that it depends on, or a checksum of that.
        make: Makes it; what it returns can be pickled, and always is the same.
        largest: Bytes; what is larger is not kept.
    """
    path = Path(os.environ[TOGETHER], hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest())
    try:
        found: Made = pickle.loads(path.read_bytes())  # noqa: S301 - written below
        return found
    except FileNotFoundError:
        pass
    found = make()
    data = pickle.dumps(found, protocol=5)
    if len(data) <= largest:
        part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        part.write_bytes(data)
        part.replace(path)
    return found
