"""From a trained network to a file for an engine, with the proof that it finds the same."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise import networks
from poise.errors import ModelError
from poise.estimators.yolo import Yolo
from poise.export import _onnx
from poise.export._formats import FORMATS, Format, check_offer, one_precision
from poise.export._options import STRIDE, ExportOptions, describe, of_network
from poise.export._pictures import Pictures, collect_pictures
from poise.export._writers import WRITERS
from poise.export.certificate import Bounds, Certificate, Facts, certify, uncompared
from poise.extras import engines
from poise.files.writing import check_writable, held, write_atomically, writing
from poise.networks import Checkpoint, read_checkpoint
from poise.networks.onnx_graph import OPSET
from poise.runtime import Session, Tensor
from poise.runtime import open_session as open_file

if TYPE_CHECKING:
    from poise.networks import PoseNetwork

_log = logging.getLogger("poise")

# Folders to work in, and the file in them that a running export holds.
_SCRATCH, _LOCK = ".poise-export-", ".lock"


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """An export that is done.

    Attributes:
        path: The file, or OpenVINO's folder.
        certificate: The proof.
    """

    path: Path
    certificate: Certificate


def export(model: str | Path | PoseNetwork, **wishes: Any) -> Path:
    """Write a trained network as a file for an engine, and prove that it finds the same.

    Takes the arguments of :func:`export_certified`.

    Returns:
        The file, or OpenVINO's folder; the proof lies beside it as ``….certificate.json``.
    """
    return export_certified(model, **wishes).path


def export_certified(
    model: str | Path | PoseNetwork,
    *,
    format: str = "onnx",
    imgsz: int | tuple[int, int] | list[int] | None = None,
    dynamic: bool = True,
    precision: str | None = None,
    half: bool = False,
    int8: bool = False,
    end2end: bool | None = None,
    nms: bool = False,
    conf: float = 0.25,
    iou: float = 0.7,
    max_det: int = 300,
    batch: int = 1,
    opset: int = 18,
    simplify: bool = True,
    data: Any = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    keep_sigma: bool = True,
    kpt_shape: tuple[int, int] | None = None,
    checkpoint: Checkpoint | None = None,
    bounds: Bounds | None = None,
    most_pictures: int = 200,
) -> Exported:
    """Write a trained network as a file for an engine, and prove that it finds the same.

    Args:
        model: A checkpoint (``.pt`` or ``.safetensors``), or a network in memory.
        format: ``"onnx"``, ``"openvino"``, ``"torchscript"`` or ``"safetensors"``.
        imgsz: Side of the input, or height and width, pixels; rounded up to multiples of 32. None: as it was trained.
        dynamic: Batch, height and width of the input are free.
        precision: ``"fp32"``, ``"fp16"`` or ``"int8"``. Input and output are float32 in any case.
        half: The same as ``precision="fp16"``.
        int8: The same as ``precision="int8"``.
        end2end: Use the one-to-one branch of YOLO26, which needs no suppression. None: the one-to-many branch, which
            is more precise, unless the file holds only the other.
        nms: Put non-maximum suppression into the graph.
        conf: With ``nms``: least confidence.
        iou: With ``nms``: of two boxes of a class that overlap more than this, the better stays.
        max_det: With ``nms``: rows of the output.
        batch: Pictures a run, where the input is not dynamic.
        opset: ONNX operator set, 11 to 20.
        simplify: Accepted for the field's habit: a graph is written with nothing to simplify.
        data: Pictures for the comparison and for int8's calibration: a data set (its labels give average precision),
            a folder, a file, or a list. None: the bundled picture, which is enough to prove fp32.
        out: The file to write, or a folder; None: beside the checkpoint, named after it.
        overwrite: Replace a file that is there.
        keep_sigma: Keep the keypoints' standard deviation (YOLO26) as a second output.
        kpt_shape: Keypoints and values a keypoint, for weights that do not tell it.
        checkpoint: What a network in memory is: names, skeleton, licence.
        bounds: How far from the original it may be; None: those of the precision.
        most_pictures: Compare on at most this many.

    Raises:
        ModelError: The export does not find what the original finds; names the worst example. The file is kept under
            a name that ends in ``.rejected``.
        ValueError: A wish that cannot be met, with what is offered.
        FileExistsError: The file is there already.
    """
    precision = one_precision(precision, half, int8)
    check_offer(format, precision, nms, opset, batch)
    about = _read(model, checkpoint, kpt_shape)
    if end2end is None:
        end2end = "one2many" not in about.branches
    if end2end and nms:
        raise ValueError(
            "nms=True is for the branch that finds an object several times; with end2end=True leave it out"
        )
    if end2end and "one2one" not in about.branches:
        raise ValueError(f"{about.source.name}: {about.family} has no one-to-one branch; leave end2end out")
    height, width = _size(about.imgsz if imgsz is None else imgsz)
    sigma = keep_sigma and about.sigma
    options = ExportOptions(
        format, precision, height, width, dynamic, end2end, nms, batch, opset, simplify, sigma, conf, iou, max_det
    )
    target = _target(about, options, out)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} is there already; give overwrite=True (--overwrite), or another name as out")
    if not target.is_dir():
        check_writable(target)
    if precision == "int8" and data is None:
        raise ValueError("precision 'int8' needs pictures of what the network finds; give data= a folder or data YAML")
    pictures = collect_pictures(data, most=most_pictures, keypoints=about.kpt_shape[0])
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(target), _scratch(target.parent) as scratch:
            made = scratch / target.name
            said = describe(about, options)
            stamp = WRITERS[format](about, options, made, said, pictures)
            proof = _certify(about, options, made, said, pictures, target.name, bounds)
            stamp({"poise.certificate": proof.to_json()})
            return _deliver(made, target, proof)
    except KeyboardInterrupt as stop:
        stop.args = (f"stopped; {target} was not written",)
        raise


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give an empty folder to work in, on the disk of the result; those of exports that were killed are removed."""
    for old in folder.glob(f"{_SCRATCH}*"):
        try:
            with (old / _LOCK).open("rb+") as lock:
                # Where there are no locks between processes, nobody knows whether it is still used.
                dead = os.name == "posix" and held(lock)
        except OSError:
            continue
        if dead:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as name, (Path(name) / _LOCK).open("wb") as lock:
        held(lock)
        inside = Path(name) / "export"
        inside.mkdir()
        yield inside


def _read(model: Any, checkpoint: Checkpoint | None, kpt_shape: tuple[int, int] | None) -> Checkpoint:
    if isinstance(model, str | Path):
        return read_checkpoint(model, kpt_shape=kpt_shape)
    if "torch" in sys.modules and isinstance(model, networks.PoseNetwork):
        return of_network(model, checkpoint)
    raise TypeError(f"model must be a path or a PoseNetwork, got {type(model).__name__}")


def _size(imgsz: Any) -> tuple[int, int]:
    sides = [imgsz, imgsz] if isinstance(imgsz, int) else list(imgsz)
    if len(sides) != 2 or not all(isinstance(v, int) and v > 0 for v in sides):
        raise ValueError(f"imgsz must be a side or (height, width) in pixels, got {imgsz!r}")
    height, width = (-(-v // STRIDE) * STRIDE for v in sides)
    if [height, width] != sides:
        _log.info("imgsz %s rounded up to %d x %d, multiples of %d", imgsz, height, width, STRIDE)
    return height, width


def _target(about: Checkpoint, options: ExportOptions, out: str | Path | None) -> Path:
    form = FORMATS[options.format]
    if out is not None:
        path = Path(out)
        if not path.name.endswith(form.ending) and (path.is_dir() or not path.suffix):
            path = path / _name(about, options, form)
        elif not path.name.endswith(form.ending):
            raise ValueError(f"out: {path.name} must end in {form.ending} for format {options.format!r}")
        return path
    return about.source.with_name(_name(about, options, form))


def _name(about: Checkpoint, options: ExportOptions, form: Format) -> str:
    stem = about.source.stem + ("" if options.precision == "fp32" else f"-{options.precision}")
    name = stem + form.ending
    # A checkpoint of our own format may not overwrite itself.
    return f"{stem}-fp32{form.ending}" if name == about.source.name else name


def _certify(
    about: Checkpoint,
    options: ExportOptions,
    path: Path,
    said: dict[str, str],
    pictures: Pictures,
    name: str,
    bounds: Bounds | None,
) -> Certificate:
    after = _open(path, options, said, about)
    before, against = _original(about, options)
    facts = Facts(
        file=name,
        origin=about.source.name,
        format=options.format,
        precision=options.precision,
        engine=after.engine,
        against=against,
        bounds=bounds,
        floor=options.conf if options.nms else 0.0,
    )
    exported = Yolo(after, name=name)
    if before is None:
        proof = uncompared(exported, pictures, facts)
    else:
        limits = (options.iou, options.max_det) if options.nms else None
        proof = certify(Yolo(before, name=about.source.name), exported, pictures, facts, limits=limits)
        before.close()
    after.close()
    return proof


def _original(about: Checkpoint, options: ExportOptions) -> tuple[Session | None, str]:
    """Return what an export is held against, and what that is in words: torch, or for want of it the float32 graph."""
    plain = replace(options, format="onnx", precision="fp32", nms=False, opset=OPSET)
    if engines.installed("torch"):
        from poise.export._torchscript import deployed

        return _in_torch(deployed(about, plain), plain, describe(about, plain)), "torch"
    if options.precision == "fp32":
        return None, "nothing: torch is not installed"
    graph = _onnx.graph(about, plain, describe(about, plain))
    return open_file(graph, runtime="onnxruntime"), "the float32 graph in onnxruntime: torch is not installed"


def _open(path: Path, options: ExportOptions, said: dict[str, str], about: Checkpoint) -> Session:
    if options.format == "safetensors":
        written = read_checkpoint(path, kpt_shape=about.kpt_shape)
        plain = replace(options, format="onnx", precision="fp32", opset=OPSET)
        return open_file(_onnx.graph(written, plain, describe(written, plain)), runtime="onnxruntime")
    if options.format == "torchscript":
        from poise.runtime import torchscript

        return _in_torch(torchscript.trusted(path), options, said)
    if options.format == "openvino":
        return open_file(next(path.glob("*.xml")), runtime="openvino")
    return open_file(path, runtime="onnxruntime")


def _in_torch(module: Any, options: ExportOptions, said: dict[str, str]) -> Session:
    from poise.runtime.torch import TorchSession

    return _shaped(TorchSession(module, said), options)


def _shaped(session: Any, options: ExportOptions) -> Session:
    """Give a session in torch, which takes any size, the input of the export."""
    if not options.dynamic:
        shape = (options.batch, 3, options.height, options.width)
        session.inputs = (Tensor("images", shape, session.inputs[0].dtype),)
    session.metadata = dict(session.metadata) | {"imgsz": str([options.height, options.width])}
    made: Session = session
    return made


def _deliver(made: Path, target: Path, proof: Certificate) -> Exported:
    """Move a finished file to its name; one that failed gets another."""
    place = target if proof.passed else target.with_name(target.name + ".rejected")
    if place.is_dir():
        shutil.rmtree(place)
    elif place.exists() and made.is_dir():
        place.unlink()
    made.replace(place)
    paper = place.with_name(place.name + ".certificate.json")
    write_atomically(paper, json.dumps(json.loads(proof.to_json()), indent=1) + "\n")
    if not proof.passed:
        raise ModelError(
            f"{target.name}: the export does not find what {proof.origin} finds: {'; '.join(proof.failures)}. Worst: "
            f"{proof.worst or 'none'}. The file is kept as {place.name}, with {paper.name}"
        )
    return Exported(place, proof)
