"""Hold a network's keypoint sigma against its real errors: python benchmarks/sigma_calibration.py best.pt data/val

The folder holds ``images`` and ``labels`` in the YOLO-pose format, one object a picture. Of each picture the best
instance counts. Printed for x and y: the deviation of error / s (s: sigma without its unit), what the learned density
says of it, and how many errors lie within one and two sigma (a normal distribution: 68 % and 95 %).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from poise.networks import deploy, load


def letterbox(path: Path, imgsz: int) -> tuple[np.ndarray, float, tuple[float, float]]:
    """Return ``(1, 3, H, W)`` picture, its gain, and its padding."""
    with Image.open(path) as picture:
        gain = imgsz / max(picture.size)
        w, h = round(picture.width * gain), round(picture.height * gain)
        small = np.asarray(picture.convert("RGB").resize((w, h), Image.Resampling.BILINEAR))
    high, wide = -(-h // 32) * 32, -(-w // 32) * 32
    top, left = (high - h) // 2, (wide - w) // 2
    canvas = np.full((high, wide, 3), 114, np.uint8)
    canvas[top : top + h, left : left + w] = small
    return canvas.transpose(2, 0, 1)[None].astype(np.float32) / 255, gain, (left, top)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--end2end", action="store_true")
    arguments = parser.parse_args()
    network, about = load(arguments.checkpoint)
    ready = deploy(network, end2end=arguments.end2end)
    unit = ready.head.unit_std.numpy()
    k, values = about.kpt_shape
    errors, sigmas = [], []
    for path in sorted((arguments.folder / "images").iterdir()):
        label = np.loadtxt(arguments.folder / "labels" / f"{path.stem}.txt", ndmin=2)[0, 5:].reshape(k, values)
        images, gain, pad = letterbox(path, about.imgsz)
        with Image.open(path) as picture:
            truth = label[:, :2] * picture.size * gain + pad
        with torch.inference_mode():
            rows, sigma = (t[0].numpy() for t in ready(torch.from_numpy(images)))
        if not arguments.end2end:
            best = rows[4 : 4 + about.nc].max(0).argmax()
            rows, sigma = rows.T[best : best + 1], sigma.T[best : best + 1]
        points = rows[0, (6 if arguments.end2end else 4 + about.nc) :].reshape(k, values)[:, :2]
        seen = (label > 0).all(1)
        errors.append((points - truth)[seen])
        sigmas.append(sigma[0].reshape(k, 2)[seen])
    error, sigma = np.concatenate(errors), np.concatenate(sigmas)
    print(f"{len(error)} keypoints, {'one-to-one' if arguments.end2end else 'one-to-many'} branch")
    print(
        f"error / s: deviation      x {(error / sigma * unit).std(0)[0]:.3f}  y {(error / sigma * unit).std(0)[1]:.3f}"
    )
    print(f"learned density's         x {unit[0]:.3f}  y {unit[1]:.3f}")
    for times in (1, 2):
        inside = (np.abs(error) <= times * sigma).mean(0)
        print(f"errors within {times} sigma     x {inside[0]:.1%}  y {inside[1]:.1%}")


if __name__ == "__main__":
    main()
