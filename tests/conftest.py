"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Torch's idle threads must not spin beside the other networks of these tests; read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    # There are as many workers as cores: more threads than one in each wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says nothing where other processes use the machine too.
settings.register_profile("poise", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("poise")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests fetch and build out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _networks_opened_once() -> Iterator[None]:
    """Share what ONNX Runtime makes of a network: its sessions hold no state, and hundreds of tests open the same."""
    from poise.runtime import onnxruntime, usable_cores

    real, kept = onnxruntime.open, {}

    def opened(network: Path | bytes, *, device: str, threads: int | None, **more: str) -> Any:
        if isinstance(network, Path):  # of tests' own
            return real(network, device=device, threads=threads, **more)
        key = network, device, threads or usable_cores()
        made = real(network, device=device, threads=threads, **more) if key not in kept else None
        engine = kept.setdefault(key, made and made._session)
        if len(kept) > 16:
            kept.pop(next(iter(kept)))
        return made or onnxruntime.OnnxRuntimeSession(engine, device, more["name"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime, "open", opened)
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
