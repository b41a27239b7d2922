"""Fixtures that many tests share."""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from memory_kit import TOGETHER, recalled
from network_memory import open_remembering

from poise.runtime import onnxruntime

# Torch's idle threads must not spin beside the other networks of these tests; read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Where several processes share the cores, threads of theirs only wait for each other.
SHARING = "PYTEST_XDIST_WORKER" in os.environ
if SHARING:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says nothing where other processes use the machine too.
settings.register_profile("poise", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("poise")

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that the processes of this run share; they inherit its name."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="poise-tests-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        os.environ[TOGETHER] = folder.name


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through all modules and tests again and again: they stay."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests fetch and build out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _asked_once() -> Iterator[None]:
    """Ask a network the same thing only once a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime, "open", open_remembering)
        if SHARING:
            patch.setattr(onnxruntime, "usable_cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def packed_once() -> Iterator[None]:
    """Pack what a bundle of the web brings only once a run."""
    from poise.web import bundle
    from poise.web.packing import pack

    def packed(data: bytes, *widths: tuple[int, ...]) -> tuple[bytes, int]:
        return recalled(f"packed {hashlib.sha1(data).hexdigest()} {widths}", lambda: pack(data, *widths))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "pack", packed)
        yield


@pytest.fixture(scope="session")
def photo() -> Path:
    """The bundled photo: one man with his arms spread, 640 x 425."""
    return ROOT / "src/poise/cli/demo.jpg"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of larger test data beside the repository."""
    folder = Path(os.environ.get("POISE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the folder of test data: {folder} (or POISE_SHARED) is not there")
    return folder
