"""What the loader hands to the loop, and the loop to the losses."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Ground truth of a batch of pictures, one row an instance, pixels of the network's input.

    Attributes:
        picture: ``(M,)`` int64, which picture of the batch a row belongs to, ascending.
        classes: ``(M,)`` int64 class numbers.
        boxes: ``(M, 4)`` float32 xyxy.
        keypoints: ``(M, K, 2)`` float32; 0 where not visible.
        visible: ``(M, K)`` bool, labelled and inside the picture (COCO visibility 1 or 2).
    """

    picture: Tensor
    classes: Tensor
    boxes: Tensor
    keypoints: Tensor
    visible: Tensor

    def to(self, device: str) -> Targets:
        """Return the same on another device."""
        return Targets(*(getattr(self, name).to(device, non_blocking=True) for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.picture)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures and what is true of them.

    Attributes:
        images: ``(B, 3, H, W)`` uint8 RGB.
        targets: Ground truth of all B pictures.
        names: B names of the pictures, as the data set calls them, for messages and plots.
    """

    images: Tensor
    targets: Targets
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)
