"""``poise mocap``: a filmed person as the movement of a character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._mocap_people import EVERYBODY, everybody, follow, numbered_path, tell_people, whom_of
from poise.cli._options import Engine
from poise.cli._report import Reporter
from poise.errors import PoiseError
from poise.files.text import say, say_json
from poise.files.writing import check_writable

if TYPE_CHECKING:
    from poise.clips import Clip
    from poise.mocap import Motion


def mocap(
    source: str,
    /,
    *,
    out: Annotated[list[Path] | None, Parameter(name=["--out", "-o"])] = None,
    preview: Path | None = None,
    vmc: list[str] | None = None,
    osc: list[str] | None = None,
    id: str | None = None,
    height: float | None = None,
    fov: float = 60.0,
    smooth: float = 1.0,
    foot_lock: bool = True,
    hands: Annotated[bool, Parameter(negative=())] = False,
    calibrate: Literal["t-pose", "a-pose"] | None = None,
    rig: str | None = None,
    fps: float | None = None,
    conf: float | None = None,
    seconds: float | None = None,
    list: Annotated[bool, Parameter(negative=())] = False,
    sheet: Path | None = None,
    video: Path | None = None,
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
        source: A video, or a clip that Clip.save wrote (.npz); with --vmc, --osc or --show a video, a camera number,
            "webcam" or an address.
        out: Write the movement here; the ending picks the format (.bvh, .glb, .vrma, .trc, .c3d, .csv), and .npz keeps
            what was seen, for the next call. May be repeated.
        preview: Write a page that shows the video, the skeleton and a character, into this .html file.
        vmc: Send to an avatar program that receives the VMC protocol: HOST:PORT (39539). May be repeated.
        osc: Send points over OSC: HOST:PORT (9000). May be repeated.
        id: Whom, by track id; without it who is seen longest, and live who is largest; "all" writes a file for each,
            dance-1.bvh, dance-2.bvh and so on.
        height: How tall the person is, metres; 1.70 is assumed.
        fov: Field of view along the longer side of the picture, degrees.
        smooth: How quiet the movement becomes: 1 as tuned, less is livelier, more is calmer.
        foot_lock: Hold feet where they stand.
        hands: Also look for hands, and move fingers and palms as they do; slower.
        calibrate: Measure the person where they hold this pose for a second: live at once, else anywhere in the video.
        rig: Names and axes of another rig for .bvh and .glb: mixamo, unreal, rigify, a .toml file.
        fps: Frames a second of the files; those of the video unless given. Live: moments a second that are sent.
        conf: Drop people below this confidence, 0 to 1.
        seconds: End a live session after so many seconds of the source.
        list: Only say who is there: id, seconds, size in the picture.
        sheet: Say who is there as --list does, and draw everybody with their ids into this .png or .jpg file.
        video: The video of a saved clip, for --preview and --sheet.
        show: Show the frames in a window while it is live.
        json: Print what was captured as JSON on standard output.
        overwrite: Replace files that exist.
        quiet: Show nothing but results and errors.
        engine: What runs the networks.
    """
    from poise.image import FORMATS
    from poise.mocap import LiveCapture, MotionCapture, NobodySeen

    report = Reporter(quiet=quiet, lines=False)
    engine = engine or Engine()
    if hands and Path(source).suffix.lower() == ".npz":
        raise ValueError(f"{source}: a saved clip holds no hands; give --hands the video itself")
    settings: dict[str, Any] = {
        "height": height, "fov": fov, "smooth": smooth, "foot_lock": foot_lock, "calibrate": calibrate
    }  # fmt: skip
    wanted: dict[str, Any] = {} if conf is None else {"conf": conf}
    source = "-" if source == STDIN else source
    whom = whom_of(id)
    looks = list or sheet is not None
    kept = [path for path in out or () if path.suffix.lower() == ".npz"]
    outs = [path for path in out or () if path not in kept]
    if vmc or osc or show:
        whole = {"--out": out, "--preview": preview, "--list": list, "--sheet": sheet}
        if given := next((name for name, value in whole.items() if value), None):
            raise ValueError(f"--vmc, --osc and --show are live, {given} is not; run poise mocap twice")
        if given := next((n for n, value in {"--rig": rig, "--json": json, "--video": video}.items() if value), None):
            raise ValueError(f"{given} is for --out, not for live; leave it out")
        if Path(source).suffix.lower() == ".npz":
            raise ValueError(
                f"{source}: a saved clip is not live; leave --vmc, --osc and --show out, or name its video"
            )
        if whom == EVERYBODY:
            raise ValueError("live, one person is followed: --id takes a number then, or is left out")
        capture = LiveCapture(**settings, hands=engine.open("hands") if hands else False)
        model = engine.open("body-3d")
        live = {"vmc": vmc or (), "osc": osc or (), "rate": fps, "seconds": seconds, "show": show}
        follow(source, whom, report, capture=capture, model=model, **live, **wanted)
        return report.finish()
    if seconds is not None:
        raise ValueError(
            "--seconds ends a live session (--vmc, --osc, --show); a video is captured whole, or cut before"
        )
    if looks and (outs or preview is not None):
        raise ValueError("--list and --sheet only say who is there; leave --preview and --out out, but for an .npz")
    numbered = whom == EVERYBODY
    check(outs, preview, rig=rig, fps=fps, overwrite=overwrite or numbered)
    check(kept, None, others=() if sheet is None else (sheet,), overwrite=overwrite)
    saved = Path(source).suffix.lower() == ".npz"
    if video is not None and not saved:
        raise ValueError("--video names the video of a saved clip (.npz); leave it out where the source is the video")
    if sheet is not None and sheet.suffix.lower() not in FORMATS:
        raise ValueError(f"--sheet {sheet}: no picture format has this ending; known: {', '.join(FORMATS)}")
    film = video if saved else source
    shown = "--preview" if preview is not None else "--sheet" if sheet is not None else ""
    if shown and not saved and (source in ("-", "webcam") or source.isdecimal() or "://" in source):
        raise ValueError(f"{shown} reads a video again, so it needs a file, got {source}; save the video first")
    if sheet is not None and film is None:
        raise ValueError(f"{source}: a saved clip has no pictures; name its video with --video for --sheet")
    capture_ = MotionCapture(**settings)
    clip, found = _clips(source, engine, report, wanted, hands=hands and not looks)
    for path in kept:
        clip.save(path)
        bodies = "bodies that were seen, without their hands," if hands else "what was seen"
        report.console.print(f"{bodies} in {path}", soft_wrap=True, markup=False)
    if looks:
        tell_people(clip, report, json=json, sheet=sheet, video=film)
        return report.finish()
    ids: Sequence[int | None] = everybody(clip, report) if isinstance(whom, str) else [whom]

    def named(path: Path, one: int | None) -> Path:
        return numbered_path(path, one) if numbered and one is not None else path

    paths = {one: [named(path, one) for path in outs] for one in ids}
    pages = {one: None if preview is None else named(preview, one) for one in ids}
    if numbered:
        for one in ids:
            check(paths[one], pages[one], overwrite=overwrite)
    for one in ids:
        try:
            motion = capture_.solve(clip, id=one, hands=found)
        except NobodySeen as error:
            if not numbered:
                raise
            report.error(error)
            continue
        files = paths[one], pages[one]
        _write(motion, clip, found, *files, report, video=film, rig=rig, fps=fps, overwrite=overwrite)
        say_json(summary(motion)) if json else say(told(motion, notes=not quiet))
    if whom is None and len(clip.ids) > 1:
        report.console.print(
            "--list says who is there, --id NUMBER takes another, --id all everybody; --out A.npz keeps what is seen",
            soft_wrap=True,
        )
    return report.finish()


def _write(
    motion: Motion, clip: Clip, found: Clip | None, outs: list[Path], preview: Path | None, report: Reporter, *,
    video: Any, rig: str | None, fps: float | None, overwrite: bool,
) -> None:  # fmt: skip
    for path in outs:
        from poise.mocap.files import write_motion

        write_motion(motion, path, rig=rig if path.suffix.lower() in _RIGGED else None, fps=fps, overwrite=overwrite)
        report.console.print(f"movement in {path}", soft_wrap=True, markup=False)
    if preview is not None:
        from poise.mocap.preview import write_preview

        points, edges = clip.xy[clip.row(motion.id)][clip.times.searchsorted(motion.times)], None
        if found is not None:
            from poise.mocap.hand_motion import seen_points

            points, edges = seen_points(points, found, motion.id, motion.times)
        write_preview(preview, motion, video=video, points=points, edges=edges, size=clip.size, overwrite=overwrite)
        report.console.print(f"preview in {preview}", soft_wrap=True, markup=False)


# Formats that can carry another rig's names.
_RIGGED = (".bvh", ".glb")


def check(
    outs: Sequence[Path],
    preview: Path | None,
    *,
    others: Sequence[Path] = (),
    rig: str | None = None,
    fps: float | None = None,
    overwrite: bool,
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

        check_wanted([path for path in outs if path.suffix.lower() != ".npz"], rig=rig, fps=fps)
    for path in (*outs, *others, *([] if preview is None else [preview])):
        if path.exists() and not overwrite:
            raise PoiseError(f"{path}: is there already; add --overwrite to replace it")
        if not path.parent.is_dir():
            raise PoiseError(f"{path}: there is no folder {path.parent}; make it first")
        check_writable(path)


def _clips(
    source: str, engine: Engine, report: Reporter, wanted: dict[str, Any], *, hands: bool
) -> tuple[Clip, Clip | None]:
    """Return everybody's bodies, and their hands where they are wanted."""
    from poise.clips import Clip
    from poise.mocap.hand_watch import with_hands
    from poise.mocap.solving import joined

    if Path(source).suffix.lower() == ".npz":
        if wanted:
            raise ValueError(f"{source}: --conf is for videos; a saved clip has its people already")
        return Clip.load(source), None
    found = engine.open("body-3d").track(source, stream=True, verbose=False, on_error=report.error, **wanted)
    if hands:
        return with_hands(report.watch(found), engine.open("hands"))
    return joined(Clip.of(report.watch(found))), None


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


def told(motion: Motion, *, notes: bool = True) -> str:
    """Return what was captured in sentences, one a line; without ``notes`` only the first, which says what it is."""
    from poise.mocap import BODY_BONES

    span = f"{motion.times[0]:.2f} to {motion.times[-1]:.2f} s"
    count = "1 frame" if len(motion) == 1 else f"{len(motion)} frames"
    lines = [f"id {motion.id}: {count}, {span}, {len(motion.rig.bones)} bones, {motion.rig.height:.2f} m"]
    if not notes:
        return lines[0]
    # Of fingers, the notes say it.
    means = zip(motion.rig.bones, motion.trust.mean(axis=0), strict=True)
    unseen = [_plain(bone) for bone, t in means if t < 0.2 and bone in BODY_BONES]
    if unseen:
        lines.append(f"hardly seen: {', '.join(dict.fromkeys(unseen))}")
    return "\n".join([*lines, *motion.notes])


def _plain(bone: str) -> str:
    """Return a bone's name in words.

    Example:
        >>> _plain("leftUpperLeg"), _plain("neck")
        ('left upper leg', 'neck')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bone).lower()
