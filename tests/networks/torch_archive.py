"""Torch archives around any pickle, made without torch."""

import io
import zipfile
from pathlib import Path


def archive(path: Path, pickle: bytes, records: dict[str, bytes] | None = None, *, compression: int = 0) -> Path:
    """Write a torch archive around any pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("x/data.pkl", pickle)
        file.writestr("x/byteorder", "little")
        for name, data in (records or {}).items():
            file.writestr(f"x/{name}", data)
        file.writestr("x/version", "3\n")
    path.write_bytes(buffer.getvalue())
    return path
