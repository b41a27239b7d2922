"""Pictures as upright BGR arrays, read with Pillow."""

from __future__ import annotations

import struct
import zlib
from importlib import import_module
from typing import IO, Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from poise.errors import SourceError
from poise.frames import Image, as_image
from poise.sources._jpeg import decoded, without_end
from poise.sources._names import describe, suffix
from poise.sources._tiff import misread, read_tiff

# Only formats that are plain pictures: Pillow would also run Ghostscript on EPS and read printer languages.
_FORMATS = (
    ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "QOI", "DIB", "ICO", "SGI", "PCX")
    + ("HEIF", "TGA")  # HEIF comes with a plug-in that the user registers; TGA has no signature: by its name only
)
# Their signatures are so short that other files happen to have them.
_WEAK = frozenset(("TGA", "ICO", "PCX", "SGI", "DIB"))
_ORIENTATION = 0x0112  # Exif 2.32, 4.6.4 A

_TURN = PIL.Image.Transpose
# Exif orientation -> how the stored rows are turned, and whether they end up as columns and from the far side.
_UPRIGHT: dict[int, tuple[PIL.Image.Transpose, bool, bool]] = {
    2: (_TURN.FLIP_LEFT_RIGHT, False, False),
    3: (_TURN.ROTATE_180, False, True),
    4: (_TURN.FLIP_TOP_BOTTOM, False, True),
    5: (_TURN.TRANSPOSE, True, False),
    6: (_TURN.ROTATE_270, True, True),
    7: (_TURN.TRANSVERSE, True, True),
    8: (_TURN.ROTATE_90, True, False),
}
_STRIP = 2**18  # pixels that are converted at a time: they stay in the processor's cache
# 16 to 8 bits, rounded: 65535 -> 255.
_TO_8_BITS = ((np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def open_picture(file: IO[bytes], name: str, max_pixels: int) -> PIL.Image.Image | None:
    """Read the header of a picture.

    Returns:
        The picture, not decoded yet; None when the bytes are no picture.

    Raises:
        SourceError: It is a picture, but its header is damaged or it is larger than ``max_pixels``.
    """
    file.seek(0)
    prefix = file.read(16)
    # PIL.Image.open compares with a limit that is global to the process, and warns; so the plug-ins are called here.
    PIL.Image.preinit()  # the common five; the others cost 50 ms to import
    tried: set[str] = set()
    for load_more in (None, PIL.Image.init):
        if load_more:
            load_more()
        for kind in _FORMATS:
            if kind in tried or kind not in PIL.Image.OPEN or (kind == "TGA" and suffix(name) != ".tga"):
                continue
            tried.add(kind)
            if (picture := _try_format(kind, prefix, file, name, max_pixels)) is not None:
                return picture
    return _by_plugin(prefix, file, name, max_pixels)


def _by_plugin(prefix: bytes, file: IO[bytes], name: str, max_pixels: int) -> PIL.Image.Image | None:
    """Open a HEIC picture with whichever reader is installed; nothing is registered with Pillow."""
    if "HEIC" not in describe(prefix):
        return None
    for module in ("pi_heif", "pillow_heif"):
        try:
            factory = import_module(module).HeifImageFile
        except (ImportError, AttributeError):
            continue
        return _open_with(factory, "HEIF", file, name, max_pixels)
    return None


def _try_format(kind: str, prefix: bytes, file: IO[bytes], name: str, max_pixels: int) -> PIL.Image.Image | None:
    factory, accept = PIL.Image.OPEN[kind]
    try:
        accepted = accept is None or accept(prefix)
    except Exception:  # noqa: BLE001 - fewer bytes than this format's signature
        return None
    if not accepted or isinstance(accepted, str):
        return None
    if kind == "TIFF" and misread(file) and (other := _other_tiff(file, name, max_pixels)) is not None:
        return other
    return _open_with(factory, kind, file, name, max_pixels)


def _open_with(factory: Any, kind: str, file: IO[bytes], name: str, max_pixels: int) -> PIL.Image.Image | None:
    file.seek(0)
    try:
        picture: PIL.Image.Image = factory(file, "")
    except PIL.Image.DecompressionBombError:
        raise _too_large(name, None, max_pixels) from None
    except Exception as error:
        if kind in _WEAK:
            return None
        other = _other_tiff(file, name, max_pixels) if kind == "TIFF" else None
        if other is None:
            raise damaged(name, kind, error) from error
        picture = other
    width, height = picture.size
    if width * height > max_pixels:
        picture.close()
        raise _too_large(name, (width, height), max_pixels)
    return picture


def _other_tiff(file: IO[bytes], name: str, max_pixels: int) -> PIL.Image.Image | None:
    """Read a TIFF of a kind that Pillow does not know."""
    try:
        return read_tiff(file, max_pixels)
    except (EOFError, OSError, zlib.error) as error:
        raise damaged(name, "TIFF", EOFError()) from error


def _too_large(name: str, size: tuple[int, int] | None, max_pixels: int) -> SourceError:
    shape = f"{size[0]} x {size[1]} is {size[0] * size[1]:,} pixels" if size else "it has too many pixels"
    return SourceError(
        f"{name}: {shape}, the limit is {max_pixels:,} (a small file can unpack to fill the memory); "
        f"if you trust it, raise the limit with max_pixels"
    )


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture or frame above the limit.

    Raises:
        SourceError: It has more than ``max_pixels`` pixels.
    """
    if width * height > max_pixels:
        raise _too_large(name, (width, height), max_pixels)


def damaged(name: str, kind: str | None, error: BaseException) -> SourceError:
    """Say that a picture begins well and then does not."""
    kind = kind or "picture"
    text = str(error)
    if isinstance(error, MemoryError):
        return SourceError(f"{name}: not enough memory to decode this {kind}")
    if kind == "TIFF" and ("unknown pixel mode" in text or "not identified" in text or "unknown data" in text):
        return SourceError(
            f"{name}: a TIFF whose kind of pixels or compression is not read; save it with 8 or 16 bits a colour"
        )
    if isinstance(error, (EOFError, struct.error)) or "runcated" in text or "end of file" in text.lower():
        return SourceError(f"{name}: truncated {kind}: the file ends before the picture does; copy it again")
    return SourceError(f"{name}: damaged {kind} ({text or type(error).__name__}); copy it again")


def not_a_picture(name: str, head: bytes) -> SourceError:
    """Say what a file that should be a picture looks like."""
    looks = describe(head)
    if "HEIC" in looks:
        looks += ", which needs a reader: pip install pi-heif (nothing else to do; it holds no GPL parts)"
    return SourceError(f"{name}: not a picture: {looks}")


def upright_bgr(picture: PIL.Image.Image, name: str, notes: list[str] | None = None) -> Image:
    """Decode a picture and turn it upright as its Exif orientation asks.

    Colours under transparent pixels are kept and the transparency is left out. 16-bit grey is scaled to 0..255.
    Grey of 32-bit integers and floats is taken as 0..1 (floats only), 0..255 or 0..65535 (integers only), whichever
    holds all values, and stretched from its lowest to its highest value otherwise; NaN becomes 0.

    Args:
        picture: Any Pillow picture.
        name: How an error calls it.
        notes: Takes what the user may want to know, one sentence each.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Raises:
        SourceError: The picture is truncated or damaged, or its colours are of a kind that cannot be shown.
    """
    orientation = exif_orientation(picture)
    if orientation == 1 and (image := decoded(picture)) is not None:
        return image
    try:
        try:
            picture.load()
        except OSError as error:
            whole = _without_end(picture)
            if whole is None:
                raise
            picture = whole
            if notes is not None:
                notes.append(f"{name}: a JPEG without its end marker; all of its picture is there ({error})")
        return _convert(picture, orientation)
    except SourceError:
        raise
    except Exception as error:
        raise damaged(name, picture.format, error) from error


def _without_end(picture: PIL.Image.Image) -> PIL.Image.Image | None:
    file: Any = getattr(picture, "fp", None)
    if picture.format not in ("JPEG", "MPO") or file is None:
        return None
    file.seek(0)
    return without_end(file.read())


def upright_size(picture: PIL.Image.Image) -> tuple[int, int]:
    """Return width and height after the turn that the Exif orientation asks for."""
    width, height = picture.size
    return (height, width) if _UPRIGHT.get(exif_orientation(picture), (None, False, False))[1] else (width, height)


def exif_orientation(picture: PIL.Image.Image) -> int:
    """Return the Exif orientation, 1 where there is none that makes sense."""
    try:
        value: Any = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - a broken Exif block does not make the pixels unreadable
        return 1
    return value if value in _UPRIGHT else 1


def turn(picture: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    """Turn a decoded picture upright."""
    method = _UPRIGHT.get(orientation, (None, False, False))[0]
    return picture if method is None else picture.transpose(method)


def is_tensor(source: Any) -> bool:
    """Return whether something is a torch tensor, without importing torch."""
    return type(source).__module__.partition(".")[0] == "torch" and hasattr(source, "detach")


def from_tensor(tensor: Any, name: str) -> NDArray[np.uint8]:
    """Return the pictures of a torch tensor as ``(N, H, W, 3)`` or ``(H, W, 3)`` uint8 BGR.

    Floats are taken as this field passes them: ``(N, 3, H, W)`` or ``(3, H, W)`` RGB from 0 to 1, or to 255 where a
    value is above 1. Whole numbers with the channels last are BGR from 0 to 255, as arrays are.

    Raises:
        ValueError: The shape is not that of pictures.
    """
    values = tensor.detach().cpu()
    floats = bool(values.is_floating_point())
    array = np.asarray(values.float().numpy() if floats else values.numpy())
    if array.ndim not in (3, 4) or (floats and array.shape[-3] != 3):
        raise ValueError(f"{name}: expected a tensor of shape (N, 3, H, W), RGB from 0 to 1, got {array.shape}")
    if array.shape[-3] == 3 and array.shape[-1] not in (1, 3, 4):
        array = np.moveaxis(array, -3, -1)[..., ::-1]
    elif floats:
        raise ValueError(f"{name}: a tensor of shape {array.shape} may have its channels first or last; pass uint8 BGR")
    if floats:
        array = np.nan_to_num(array)
        array = np.rint(array if array.max(initial=0.0) > 1 else array * 255).clip(0, 255)
    return np.ascontiguousarray(array.astype(np.uint8))


def _convert(picture: PIL.Image.Image, orientation: int) -> Image:
    method, columns, far = _UPRIGHT.get(orientation, (None, False, False))
    if picture.mode.startswith("I") or picture.mode == "F":
        grey = PIL.Image.fromarray(_grey(np.asarray(picture)))
        return as_image(np.asarray(grey if method is None else grey.transpose(method)))
    width, height = picture.size
    out = np.empty((width, height, 3) if columns else (height, width, 3), dtype=np.uint8)
    # In strips, because Pillow holds four bytes a pixel and each conversion of the whole would be another copy.
    rows = max(64, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        strip = _rgb(picture.crop((0, top, width, bottom)))
        if method is not None:
            strip = strip.transpose(method)
        block = np.frombuffer(strip.tobytes("raw", "BGR"), dtype=np.uint8).reshape(strip.height, strip.width, 3)
        place = slice(height - bottom, height - top) if far else slice(top, bottom)
        if columns:
            out[:, place] = block
        else:
            out[place] = block
    return out


def _rgb(strip: PIL.Image.Image) -> PIL.Image.Image:
    """Return RGB without transparency."""
    strip.info.pop("transparency", None)  # else Pillow mixes it in, or warns
    if strip.mode == "RGB":
        return strip
    if strip.mode in ("RGBa", "La"):
        strip = strip.convert("RGBA" if strip.mode == "RGBa" else "LA")
    if strip.mode == "PA":
        strip = strip.convert("RGBA")
    return strip.convert("RGB")


def _grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey values of any depth as 0..255."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        small: NDArray[np.uint8] = _TO_8_BITS[values]
        return small
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif values.dtype.kind == "i" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    return ((values - low) * (255.0 / max(high - low, 1e-12)) + 0.5).astype(np.uint8)
