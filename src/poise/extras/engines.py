"""The door through which every engine is imported: quiet, and without a trace in the host.

Some engines do things of their own while they are imported. Poise reports nothing to anybody, so it imports them with
that switched off. An engine that the host imported itself, before Poise, stays as the host wanted it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

# Two threads must not take turns at the environment or the table of modules.
_importing = threading.RLock()

_REPORTER = "openvino_telemetry"


def load(module: str) -> ModuleType:
    """Import a module; an engine without its reports, see the functions below.

    Args:
        module: Dotted name to import.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    root = module.partition(".")[0]
    if root in sys.modules or root not in _WAYS:
        return import_module(module)
    with _importing, _WAYS[root]():
        return import_module(module)


def installed(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return sys.modules[module] is not None if module in sys.modules else find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for as long as a library reads it, unless the user has set it."""
    unset = name not in os.environ
    if unset:
        os.environ[name] = value
    try:
        yield
    finally:
        if unset:
            os.environ.pop(name, None)


def _onnxruntime() -> AbstractContextManager[None]:
    """ONNX Runtime reports to its maker, unless this variable says otherwise; it reads it once, when it is loaded.

    Release 1.32 keeps an id and a database in the user's cache folder, and looks up its maker's host about ten seconds
    later. Its own ``disable_telemetry_events`` comes too late: the files are written by then.
    """
    return _variable("ORT_DISABLE_TELEMETRY", "1")


def _torch() -> AbstractContextManager[None]:
    """Torch's threads sleep while they wait, as OpenMP reads from the environment when it is loaded.

    They spin otherwise: on two cores that other programs use too a YOLO26n then takes 2.4 s in place of 0.1 s.
    """
    return _variable("OMP_WAIT_POLICY", "PASSIVE")


def _openvino() -> AbstractContextManager[None]:
    """OpenVINO's converter reports each import through a package beside it; without that it has a stub of its own.

    The package is made missing while OpenVINO is imported, and is there again for whoever imports it later. Whoever
    has agreed with the package's own tool (``opt_in_out --opt_in``) is reported for as agreed.
    """
    return nullcontext() if _REPORTER in sys.modules or _agreed() else _missing(_REPORTER)


@contextmanager
def _missing(module: str) -> Iterator[None]:
    sys.modules[module] = None  # type: ignore[assignment]  # importing it then fails, as Python documents
    try:
        yield
    finally:
        sys.modules.pop(module, None)


def _agreed() -> bool:
    """Return whether the user has said yes to OpenVINO's reports: its tool writes a file with a 1 in it."""
    try:
        folder = Path(os.environ["LOCALAPPDATA"], "Intel Corporation") if os.name == "nt" else Path.home() / "intel"
        with (folder / _REPORTER).open("rb") as file:
            return file.read(2).strip() == b"1"
    except (OSError, KeyError, RuntimeError):
        return False


_WAYS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "torch": _torch,
}
