"""Packages of npm that read what we write: three.js, three-vrm and Khronos' validator, where they are installed."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In the order of the command that installs them.
PACKAGES = (
    "three@0.187.0",
    "@pixiv/three-vrm@3.5.5",
    "@pixiv/three-vrm-animation@3.5.5",
    "gltf-validator@2.0.0-dev.3.10",
)
FOLDER = Path(os.environ.get("POISE_NPM", ROOT / "build/npm"))


def needed(package: str) -> Path:
    """Return the folder of a package, or skip."""
    folder = FOLDER / "node_modules" / package
    if not folder.is_dir():
        pytest.skip(f"needs {package}; run: npm install --prefix {FOLDER} {' '.join(PACKAGES)}")
    return folder


def validated(path: Path) -> str:
    """Return what Khronos' validator says of a file, as JSON."""
    needed("gltf-validator")
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, which this machine does not have")
    code = (
        "const v = require('gltf-validator'), fs = require('fs');"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1])), {maxIssues: 20})"
        ".then((r) => console.log(JSON.stringify(r.issues)));"
    )
    done = subprocess.run([node, "-e", code, str(path)], cwd=FOLDER, capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder, and the packages under ``/node_modules``, on this machine; gives the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            if path.startswith("/node_modules/"):
                return str(FOLDER / path.partition("?")[0].lstrip("/"))
            return super().translate_path(path)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
