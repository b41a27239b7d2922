"""``poise mocap``: a filmed person as the movement of a character."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._options import Engine
from poise.cli._report import Reporter
from poise.errors import PoiseError
from poise.files.text import say, say_json
from poise.files.writing import check_writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from poise.clips import Clip
    from poise.mocap import LiveCapture, Motion


def mocap(
    source: str,
    /,
    *,
    out: Annotated[list[Path] | None, Parameter(name=["--out", "-o"])] = None,
    preview: Path | None = None,
    vmc: list[str] | None = None,
    osc: list[str] | None = None,
    id: int | None = None,
    height: float | None = None,
    fov: float = 60.0,
    smooth: float = 1.0,
    foot_lock: bool = True,
    calibrate: Literal["t-pose", "a-pose"] | None = None,
    rig: str | None = None,
    fps: float | None = None,
    conf: float | None = None,
    seconds: float | None = None,
    show: bool = False,
    json: bool = False,
    overwrite: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
    engine: Engine | None = None,
) -> int:
    """Capture the movement of one person in SOURCE as rotations of bones.

    From a video with --out or --preview, with knowledge of what comes after; or live, from a camera or video, with
    --vmc or --osc, to avatars and other programs. Prints what was assumed: one camera tells neither how large nor how
    far away somebody is.

    Args:
        source: A video, or a clip that Clip.save wrote (.npz); with --vmc or --osc also a camera number, "webcam" or an
            address.
        out: Write the movement here; the ending picks the format (.bvh, .glb, .vrma, .trc, .c3d, .csv). May be
            repeated.
        preview: Write a page that shows the video, the skeleton and a character, into this .html file.
        vmc: Send to an avatar program that receives the VMC protocol: HOST:PORT (39539). May be repeated.
        osc: Send points over OSC: HOST:PORT (9000). May be repeated.
        id: Whom, by track id; without it who is seen longest, and live who is largest.
        height: How tall the person is, metres; 1.70 is assumed.
        fov: Field of view along the longer side of the picture, degrees.
        smooth: How quiet the movement becomes: 1 as tuned, less is livelier, more is calmer.
        foot_lock: Hold feet where they stand.
        calibrate: Measure the person where they hold this pose for a second: live at once, else anywhere in the video.
        rig: Names and axes of another rig for .bvh and .glb: mixamo, unreal, rigify, a .toml file.
        fps: Frames a second of the files; those of the video unless given. Live: moments a second that are sent.
        conf: Drop people below this confidence, 0 to 1.
        seconds: End a live session after so many seconds of the source.
        show: Show the frames in a window while it is live.
        json: Print what was captured as JSON on standard output.
        overwrite: Replace files that exist.
        quiet: Show nothing but results and errors.
        engine: What runs the networks.
    """
    from poise.mocap import LiveCapture, MotionCapture

    report = Reporter(quiet=quiet, lines=False)
    settings: dict[str, Any] = {
        "height": height,
        "fov": fov,
        "smooth": smooth,
        "foot_lock": foot_lock,
        "calibrate": calibrate,
    }
    wanted: dict[str, Any] = {} if conf is None else {"conf": conf}
    outs = list(out or ())
    source = "-" if source == STDIN else source
    live_ = bool(vmc or osc or show)
    check(outs, preview, rig=rig, fps=None if live_ else fps, overwrite=overwrite)
    if live_:
        if outs or preview is not None:
            raise ValueError("--vmc, --osc and --show are live, --out and --preview are not; run poise mocap twice")
        if rig is not None or json:
            raise ValueError(f"{'--rig' if rig is not None else '--json'} is for --out, not for live; leave it out")
        from poise.mocap.live import run_live

        live = LiveCapture(**settings)
        model = (engine or Engine()).open("body-3d")
        tell = report.console.print
        run_live(
            source,
            capture=live,
            vmc=vmc or (),
            osc=osc or (),
            model=model,
            id=id,
            rate=fps,
            seconds=seconds,
            show=show,
            tell=tell,
            each=_calibration(live, tell) if calibrate else None,
            **wanted,
        )
        return report.finish()
    if preview is not None and (source in ("-", "webcam") or source.isdecimal() or "://" in source):
        raise ValueError(f"--preview reads a video again, so it needs a file, got {source}; save the video first")
    capture = MotionCapture(**settings)
    clip = _clip(source, engine or Engine(), report, wanted)
    motion = capture.solve(clip, id=id)
    for path in outs:
        from poise.mocap.files import write_motion

        write_motion(motion, path, rig=rig if path.suffix.lower() in _RIGGED else None, fps=fps, overwrite=overwrite)
        report.console.print(f"movement in {path}", soft_wrap=True, markup=False)
    if preview is not None:
        from poise.mocap.preview import write_preview

        video = None if Path(source).suffix.lower() == ".npz" else source
        points = clip.xy[clip.row(motion.id)][clip.times.searchsorted(motion.times)]
        write_preview(preview, motion, video=video, points=points, size=clip.size, overwrite=overwrite)
        report.console.print(f"preview in {preview}", soft_wrap=True, markup=False)
    say_json(summary(motion)) if json else say(told(motion))
    return report.finish()


def _calibration(capture: LiveCapture, tell: Callable[[str], object]) -> Callable[[object, object], None]:
    """Return what tells, frame by frame, who has been calibrated."""
    tell(f"hold the {capture.calibrate} for a second, facing the camera, to be measured")
    told: set[int] = set()

    def each(_results: object, _moments: object) -> None:
        for id in capture.calibrated - told:
            told.add(id)
            tell(f"id {id} is calibrated by the {capture.calibrate}")

    return each


# Formats that can carry another rig's names.
_RIGGED = (".bvh", ".glb")


def check(
    outs: list[Path], preview: Path | None, *, rig: str | None = None, fps: float | None = None, overwrite: bool
) -> None:
    """Refuse what cannot be written before anything is looked at.

    Raises:
        ValueError: An ending or a rig is not known, a file is named twice, or ``fps`` is out of range.
        FormatError: The file of a rig cannot be read.
        MissingExtra: A package that a format needs is not installed.
        PoiseError: A file is there already, or its folder is not or cannot be written to.
    """
    if preview is not None and preview.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{preview}: a preview is a page; give it the ending .html")
    if outs or rig is not None or fps is not None:
        from poise.mocap.files import check_wanted

        check_wanted(outs, rig=rig, fps=fps)
    for path in (*outs, *([] if preview is None else [preview])):
        if path.exists() and not overwrite:
            raise PoiseError(f"{path}: is there already; add --overwrite to replace it")
        if not path.parent.is_dir():
            raise PoiseError(f"{path}: there is no folder {path.parent}; make it first")
        check_writable(path)


def _clip(source: str, engine: Engine, report: Reporter, wanted: dict[str, Any]) -> Clip:
    from poise.clips import Clip
    from poise.mocap.solving import joined

    if Path(source).suffix.lower() == ".npz":
        if wanted:
            raise ValueError(f"{source}: --conf is for videos; a saved clip has its people already")
        return Clip.load(source)
    found = engine.open("body-3d").track(source, stream=True, verbose=False, on_error=report.error, **wanted)
    return joined(Clip.of(report.watch(found)))


def summary(motion: Motion) -> dict[str, Any]:
    """Return what was captured as plain values."""
    return {
        "source": motion.source,
        "id": motion.id,
        "frames": len(motion),
        "start": round(float(motion.times[0]), 3),
        "end": round(float(motion.times[-1]), 3),
        "fps": round(motion.fps, 3),
        "height": round(motion.rig.height, 3),
        "trust": {
            bone: round(float(t), 3) for bone, t in zip(motion.rig.bones, motion.trust.mean(axis=0), strict=True)
        },
        "contact": {s: round(float(c), 3) for s, c in zip(("left", "right"), motion.contact.mean(axis=0), strict=True)},
        "notes": list(motion.notes),
    }


def told(motion: Motion) -> str:
    """Return what was captured in sentences, one a line."""
    span = f"{motion.times[0]:.2f} to {motion.times[-1]:.2f} s"
    count = "1 frame" if len(motion) == 1 else f"{len(motion)} frames"
    lines = [f"id {motion.id}: {count}, {span}, {len(motion.rig.bones)} bones, {motion.rig.height:.2f} m"]
    unseen = [bone for bone, t in zip(motion.rig.bones, motion.trust.mean(axis=0), strict=True) if t < 0.2]
    if unseen:
        lines.append(f"hardly seen: {', '.join(unseen)}")
    return "\n".join([*lines, *motion.notes])
