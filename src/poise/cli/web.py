"""``poise web``: a folder of static files in which a model runs in the visitor's own browser."""

from __future__ import annotations

from pathlib import Path

from poise.files.text import say, say_json, screen


def web(
    folder: Path,
    /,
    *,
    model: str = "body-fast",
    overwrite: bool = False,
    compact: bool = False,
    end2end: bool | None = None,
    play: bool = False,
    json: bool = False,
) -> int:
    """Write a web page into FOLDER in which a model runs in the visitor's own browser.

    Any web server can serve the folder: it holds static files, and needs no Python. No picture leaves the visitor's
    browser, and after the first visit the page works offline. README.txt in it tells which headers make it fast.

    Args:
        folder: Where to write; made if it is not there.
        model: body-fast, body, or a YOLO pose network of your own: .onnx, .pt or .safetensors.
        overwrite: Write into a folder that is not empty; what an earlier page has left there is removed.
        compact: Store the networks' weights in a byte each: half the download, a little less precise.
        end2end: Use YOLO26's one-to-one branch, which needs no suppression.
        play: Add the page to play with: a game and a mirror.
        json: Print what was written as JSON on standard output.
    """
    from poise.web import write_bundle

    console = screen(stderr=True)
    with console.status("writing the page and its networks"):
        made = write_bundle(folder, model=model, overwrite=overwrite, compact=compact, end2end=end2end, play=play)
    if json:
        told = {"path": str(made.path), "version": made.version, "models": list(made.models)}
        say_json({**told, "bytes": made.bytes, "files": made.sizes})
        return 0
    say(made.path)
    console.print(
        f"{len(made.sizes)} files, {made.bytes / 1e6:.1f} MB; models: {', '.join(made.models)}",
        soft_wrap=True,
        markup=False,
    )
    console.print(f"try: python -m http.server --directory {made.path.as_posix()}", soft_wrap=True)
    return 0
