"""What a network file is, told without running it: checkpoints, ONNX, OpenVINO, TorchScript."""

from poise.info._info import Info
from poise.info._look import info

__all__ = ["Info", "info"]
