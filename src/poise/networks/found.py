"""What a checkpoint's file says, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from poise.skeletons import Skeleton


@dataclass(frozen=True, slots=True)
class Found:
    """What a file says, before it is held against its weights; see :class:`poise.networks.Checkpoint`."""

    format: str
    weights: dict[str, NDArray[Any]]
    names: dict[int, str] = field(default_factory=dict)
    kpt_shape: Any = None
    kpt_names: list[str] | None = None
    kpt_sigmas: list[float] | None = None
    skeleton: Skeleton | None = None
    unit_std: tuple[float, float] | None = None
    end2end: bool = False
    bn_eps: float = 1e-3
    imgsz: int = 640
    licence: str = ""
    date: str = ""
    version: str = ""
    description: str = ""
    train_args: dict[str, Any] = field(default_factory=dict)
    train_metrics: dict[str, float] = field(default_factory=dict)
    train_results: dict[str, list[Any]] = field(default_factory=dict)
