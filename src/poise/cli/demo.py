"""``poise demo``: the bundled photo through the default model."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from poise.files.text import screen

PHOTO = Path(__file__).with_name("demo.jpg")


def demo(*, model: str = "body", project: Path | None = None) -> int:
    """Find the person in a bundled photo, print the keypoints, and save the annotated picture.

    Args:
        model: A name from 'poise models'.
        project: Folder of the runs (runs/pose).
    """
    from poise.model import Pose

    saved: list[Path] = []
    (result,) = Pose(model).predict(PHOTO, save=True, name="demo", project=project, on_saved=saved.append)
    console = screen()
    table = Table(
        title=f"{model}: {result.verbose().rstrip(', ')}, {sum(result.speed.values()):.0f} ms", title_justify="left"
    )
    for title in ("keypoint", "x", "y", "confidence"):
        table.add_column(title, justify="left" if title == "keypoint" else "right")
    for person in result:
        points = person.keypoints.data[0]
        names = person.skeleton.keypoints[:33]
        for name, (x, y, *rest) in zip(names, points[: len(names)].tolist(), strict=True):
            table.add_row(name, f"{x:.1f}", f"{y:.1f}", f"{rest[0]:.2f}" if rest else "")
        table.add_section()
    console.print(table)
    for folder in saved:
        for picture in sorted(folder.glob("*.jpg")):
            console.print(f"annotated picture: {picture}", soft_wrap=True)
    return 0
