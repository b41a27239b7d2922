"""summary.html."""

from pathlib import Path

from poise.batch.manifest import Manifest


def write_page(manifest: Manifest, out: Path) -> None: ...
