"""Write a folder of static files in which models run in the visitor's own browser: no Python, no other host.

The folder holds the page with its scripts, onnxruntime-web, the networks, and ``manifest.json``, which tells the
scripts all that they have to know: models, numbers of their pipelines, skeletons, exercises, and every file with its
size and SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.extras.version import __version__
from poise.files.writing import check_folder, write_atomically, writing
from poise.web import runtime
from poise.web.exercises import exercise_tables
from poise.web.models import read_models
from poise.web.packing import pack
from poise.web.scripts import small_script

MANIFEST = "manifest.json"
_PAGE = Path(__file__).with_name("page")
_FORMAT = 1  # of the manifest; counts up when scripts of before could not read it
_WORKER = "sw.js"
_TO_PLAY = re.compile(r'^ *<a [^>]*href="play\.html".*</a>\n', re.MULTILINE)
_UNVERSIONED = re.compile(r'VERSION ?= ?"development"')
# Written for whoever serves the folder; no page asks for them.
_FOR_SERVERS = ("README.txt", "_headers")
# Not ".gz": some servers say of such files that it is their encoding.
_PACKED = ".packed"
_ABOUT = "/* Poise, Apache-2.0. With comments: folder web/page of the Python package. */\n"
_HEAD = '<link rel="stylesheet" href="app.css">'
_ICONS = {".svg": "image/svg+xml", ".png": "image/png"}

_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; "
    "media-src 'self' blob:"
)
_HEADERS = f"""/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  Content-Security-Policy: {_POLICY}
  X-Content-Type-Options: nosniff
"""
_README = """Poise in the browser
====================

These are static files: any web server can serve them, and everything runs in the visitor's browser. No picture leaves
it. To try them here:

    python -m http.server --directory .      and open http://localhost:8000

Browsers give a page a camera, and keep it for use offline, only over https or from localhost.

Two headers make it about twice as fast, since they allow several threads:

    Cross-Origin-Opener-Policy: same-origin
    Cross-Origin-Embedder-Policy: require-corp

    Netlify, Cloudflare Pages   read the file _headers; nothing to do
    nginx                       add_header Cross-Origin-Opener-Policy same-origin always;
                                add_header Cross-Origin-Embedder-Policy require-corp always;
    Apache                      Header always set Cross-Origin-Opener-Policy "same-origin"
                                Header always set Cross-Origin-Embedder-Policy "require-corp"
    Caddy                       header Cross-Origin-Opener-Policy same-origin
                                header Cross-Origin-Embedder-Policy require-corp

Where headers cannot be set (GitHub Pages), the page sets them itself from the second visit on. Without them it runs in
one thread. Serve .js and .mjs as text/javascript, as servers usually do.

What is inside, with sizes, checksums and licences: manifest.json. onnxruntime-web: runtime/LICENSE.txt.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder that was written.

    Attributes:
        path: The folder.
        version: Hash of its contents.
        models: Names of the models in it; a page begins with the first.
        sizes: Bytes of every file, by its path in the folder.
    """

    path: Path
    version: str
    models: tuple[str, ...]
    sizes: dict[str, int]

    @property
    def bytes(self) -> int:
        """Bytes of the whole folder."""
        return sum(self.sizes.values())

    @property
    def script_bytes(self) -> int:
        """Bytes of the page's own scripts, without onnxruntime-web."""
        return sum(n for name, n in self.sizes.items() if name.endswith(".js") and not name.startswith("runtime/"))


def write_bundle(
    folder: str | Path,
    *,
    model: str | Path = "body-fast",
    overwrite: bool = False,
    compact: bool = False,
    end2end: bool | None = None,
    play: bool = False,
) -> Bundle:
    """Write a folder that any web server can serve, in which a model runs in the visitor's browser.

    Args:
        folder: Where to write; made where it is not there.
        model: ``"body-fast"`` or ``"body"`` (either brings both, since they run the same networks), or the path of a
            YOLO pose network of one's own: ``.onnx``, ``.pt`` or ``.safetensors``. A checkpoint needs no torch.
        overwrite: Write into a folder that is not empty. What an earlier bundle has left there is removed, other files
            stay.
        compact: Store the networks' weights in a byte each: half the download or a quarter of it, and a little less
            precise. They are computed in float32 in either case.
        end2end: The head of a YOLO26 checkpoint; None: as :class:`poise.Pose` chooses.
        play: Add the page to play with: a game and a mirror.

    Raises:
        PoiseError: The folder is not empty, or cannot be written.
        ModelError: The model cannot be read, or runs in Python only.
    """
    folder = Path(folder)
    _refuse(folder, overwrite=overwrite)
    check_folder(folder)
    read = read_models(str(model), compact=compact, end2end=end2end)
    contents = _page(play=play) | dict(_runtime())
    networks = {}
    for name, entry in read.networks.items():
        file = f"networks/{_file_name(name)}.onnx{_PACKED}"
        contents[file], planes = pack(read.files[name])
        stored = {"bytes": len(contents[file]), "planes": planes, "sha256": _sha256(read.files[name])}
        networks[name] = {"file": file, **stored, **entry}
    contents["app.webmanifest"] = _json(_web_app(contents))
    contents |= {"_headers": _HEADERS.encode(), "README.txt": _README.encode()}
    about = {
        "format": _FORMAT,
        "kind": "static",
        "poise": __version__,
        "models": read.models,
        "networks": networks,
        "exercises": exercise_tables(),
        "runtime": {key: value for key, value in runtime.about().items() if key != "files"},
    }
    version = _sha256(_json([about, {name: _sha256(data) for name, data in sorted(contents.items())}]))[:16]
    contents[_WORKER] = _versioned(contents[_WORKER], version)
    listed = [
        {"path": name, "bytes": len(data), "sha256": _sha256(data), "offline": name not in (*_FOR_SERVERS, _WORKER)}
        for name, data in sorted(contents.items())
    ]
    # The manifest last: a bundle that was interrupted is not opened.
    contents[MANIFEST] = _json({**about, "version": version, "files": listed})
    _write(folder, contents)
    names = tuple(str(entry["name"]) for entry in read.models)
    return Bundle(folder, version, names, {name: len(data) for name, data in contents.items()})


def _refuse(folder: Path, *, overwrite: bool) -> None:
    with writing(folder):
        if folder.is_dir() and not overwrite and any(folder.iterdir()):
            raise PoiseError(
                f"{folder}: the folder is not empty; choose another one, or allow it to be written into: "
                "overwrite=True, on the command line --overwrite"
            )


def _page(*, play: bool) -> dict[str, bytes]:
    """Read the page's own files, by their paths in the bundle, as they are sent."""
    files = {
        path.relative_to(_PAGE).as_posix(): path.read_bytes()
        for path in sorted(_PAGE.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    # The repository's own manifest says that a server answers, and this speaks to it.
    del files[MANIFEST], files["engine/remote.js"]
    html = files["index.html"].decode("utf-8")
    if not play:
        files = {name: data for name, data in files.items() if not name.startswith(("play.", "play/"))}
        html, links = _TO_PLAY.subn("", html)
        assert links == 1
    for name, data in files.items():
        if name.endswith(".js"):
            files[name] = (_ABOUT + small_script(data.decode("utf-8"))).encode("utf-8")
    assert html.count(_HEAD) == 1
    linked = html.replace(_HEAD, f'<link rel="manifest" href="app.webmanifest">\n    {_HEAD}')
    files["index.html"] = linked.encode("utf-8")
    return files


def _runtime() -> Iterator[tuple[str, bytes]]:
    for name, data in runtime.unpacked():
        packed = name.endswith((".wasm", ".txt")) and not name.startswith("LICENSE")
        yield (f"runtime/{name}{_PACKED}", pack(data, (1,))[0]) if packed else (f"runtime/{name}", data)


def _versioned(script: bytes, version: str) -> bytes:
    """Put the contents' hash into the service worker: browsers look for a new one by its bytes."""
    text, found = _UNVERSIONED.subn(f'VERSION="{version}"', script.decode("utf-8"))
    assert found == 1
    return text.encode()


def _web_app(contents: dict[str, bytes]) -> dict[str, Any]:
    """Return what lets a visitor install the page like an application."""
    icons = [
        {"src": name, "sizes": "any" if name.endswith(".svg") else _pixels(data), "type": _ICONS[Path(name).suffix]}
        for name, data in sorted(contents.items())
        if Path(name).suffix in _ICONS and name.startswith("icons/poise")
    ]
    return {
        "name": "Poise",
        "short_name": "Poise",
        "description": "Keypoints of people, in your own browser",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#101418",
        "theme_color": "#101418",
        "icons": icons,
    }


def _pixels(png: bytes) -> str:
    """Return the size of a PNG as a web app manifest writes it."""
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    return f"{width}x{height}"


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write the files, each whole, and remove what an earlier bundle had and this one has not."""
    for name in _left_over(folder) - set(contents):
        with writing(folder / name):
            (folder / name).unlink(missing_ok=True)
    # Without it nobody opens what is half the bundle of before and half this one, nor keeps it for use offline.
    with writing(folder / MANIFEST):
        (folder / MANIFEST).unlink(missing_ok=True)
    for name, data in contents.items():
        write_atomically(folder / name, data)


def _left_over(folder: Path) -> set[str]:
    """Return the files that the bundle in a folder names as its own; paths that lead out of it are not its own."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        names = {str(entry["path"]) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {name for name in names if re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", name)}


def _file_name(name: str) -> str:
    """Return a name that every server and address takes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "network"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
