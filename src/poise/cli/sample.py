"""``poise sample``: pictures and clips to try the other commands on."""

from __future__ import annotations

from pathlib import Path

from poise.files.text import screen


def sample(folder: Path = Path(), /, *, overwrite: bool = False) -> int:
    """Write sample pictures and clips into FOLDER, or the current one: the files that the documentation uses.

    Args:
        folder: Where to write; made if it is not there.
        overwrite: Replace files that exist.
    """
    from poise import samples

    written = samples.write(folder, overwrite=overwrite)
    console = screen()
    for path in written:
        console.print(path.as_posix(), soft_wrap=True)
    if not written:
        console.print("all samples are there already; --overwrite writes them anew", soft_wrap=True)
    first = (folder / "runner.jpg").as_posix()
    screen(stderr=True).print(f"try: poise predict {first}", soft_wrap=True)
    return 0
