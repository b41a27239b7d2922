"""The files of the zoo's networks: fetched from their makers on first use, checked at every load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from poise import files
from poise.errors import ModelError, suggest
from poise.weights import _zoo
from poise.weights._cache import (
    Progress,
    digest,
    folder,
    locked,
    offline,
    parts,
    pin,
    pinned,
    settle,
    sweep,
    temporary,
    unpin,
    unwritable,
)
from poise.weights._faster import forget_faster
from poise.weights._graphs import remove_graphs
from poise.weights._registry import Card, Network, load, model, network
from poise.weights._store import ENDINGS, cached

Notice = Callable[[str], object]

# What "poise weights fetch best" means.
BEST = "body-best"


def provide(name: str, *, progress: Progress | None = None, notice: Notice | None = None) -> bytes | Path:
    """Return what a runtime opens of a network: a bundled one's bytes, or where the file of one of the zoo is.

    Either is checked against its checksum. A network of the zoo that is not on this machine is fetched from its maker.

    Args:
        name: Name in the registry, such as ``"nanodet-416"`` or ``"rtmpose-m"``.
        progress: Told how a download goes.
        notice: Told, before a download, what is fetched from whom, under which licence, and what it was trained on.

    Raises:
        ModelError: The network is not known, its file is not what it was, or it cannot be fetched; with the ways out.
    """
    entry = network(name)
    if entry.bundled:
        return load(name)
    return fetch(entry, progress=progress, notice=notice)


def prepare(card: Card, *, progress: Progress | None = None, notice: Notice | None = None) -> None:
    """Fetch the networks of a model that are not on this machine, so that no picture waits for them later.

    Raises:
        ModelError: A network cannot be fetched; with the ways out.
    """
    for entry in map(network, card.networks):
        if not entry.bundled and not entry.path.is_file():
            fetch(entry, progress=progress, notice=notice)


def wanted(name: str) -> list[Network]:
    """Return the networks of the zoo that a name needs: a network's, a model's, a pair's, or ``"best"``.

    Raises:
        ModelError: Nothing is called so, with the nearest name.
    """
    name = BEST if name == "best" else name
    if name in _zoo.tables() and _zoo.model_fields(name) is None:
        return [network(name)]
    try:
        card = model(name)
    except ModelError:
        near = suggest(name, ["best", *_zoo.model_names(), *_zoo.tables()])
        raise ModelError(f"no network or model of the zoo is named {name!r}{near}") from None
    return [entry for entry in map(network, card.networks) if not entry.bundled]


def fetch(entry: Network, *, progress: Progress | None = None, notice: Notice | None = None) -> Path:
    """Return where a network of the zoo lies in the cache, checked; it is fetched where it is not there.

    Raises:
        ModelError: It cannot be fetched: what each address answered, and the ways out.
    """
    ways = (
        f"run 'poise weights pack {entry.name} --out {entry.name}.zip' on a machine with a network, and "
        f"'poise weights import {entry.name}.zip' here"
    )

    def wait() -> None:
        if notice is not None:
            notice(f"{entry.name}: another process is fetching it; waiting for it")

    if entry.path.is_file():
        # Whoever wrote it renamed it when it was whole: no lock is needed to read.
        check(entry)
        return entry.path
    if offline():
        raise ModelError(f"{entry.name} is not on this machine, and POISE_OFFLINE forbids the network; {ways}")
    with locked(entry.path, waiting=wait) as alone:
        if entry.path.is_file():
            check(entry)
            return entry.path
        if notice is not None:
            notice(announcement(entry))
        from poise.weights._fetch import begun_at  # not for networks that are here: it brings the whole of http

        answers: dict[str, list[str]] = {}
        # An address that was interrupted comes first, so that it goes on.
        begun = begun_at(entry.path).get("address")
        for address in sorted(entry.addresses, key=lambda a: a != begun):
            try:
                return _bring(entry, address, alone=alone, progress=progress)
            except ModelError as error:
                # Makers' addresses are longer than a line; several that failed alike are told once.
                what = str(error).removeprefix(f"{address}: ")
                answers.setdefault(what, []).append(urlsplit(address).netloc)
    told = "; ".join(f"{' and '.join(dict.fromkeys(hosts))}: {what}" for what, hosts in answers.items())
    raise ModelError(f"{entry.name} could not be fetched: {told}; {ways}")


def announcement(entry: Network) -> str:
    """Return what a user is told before a network is fetched."""
    size = f" ({entry.size})" if entry.size else ""
    return (
        f"{entry.name}{size}: fetching from {entry.maker} ({entry.addresses[0]}); "
        f"licence of these weights: {entry.licence}; {entry.terms}"
    )


def check(entry: Network) -> None:
    """Compare a cached file with what the registry says, or with what it was when it first came here.

    Raises:
        ModelError: It is another file; with the way out.
    """
    try:
        found = digest(entry.path)
    except OSError as error:
        raise ModelError(f"{entry.path}: cannot be read: {error.strerror or error}") from error
    expected = entry.sha256 or pinned(entry.path)
    if not expected:
        pin(entry.path, found)
    elif found != expected:
        raise ModelError(
            f"{entry.path}: sha256 is {found[:16]}…, expected {expected[:16]}… ({_why(entry)}); the file was changed "
            f"or damaged: run 'poise weights remove {entry.name}' and fetch it again, or name the file by its path to "
            "run it as your own network"
        )


def accept(entry: Network, file: Path, *, origin: str, sha256: str = "") -> Path:
    """Make a file that lies in the cache's folder the network's; the caller holds the lock.

    Args:
        entry: The network.
        file: Renamed.
        origin: Where the file is from, for errors.
        sha256: What the file's carrier says that it is.

    Raises:
        ModelError: It is no whole network, or not the one expected.
    """
    from poise.weights._archive import whole_onnx

    wrong = whole_onnx(file)
    if wrong:
        raise ModelError(f"{origin}: {wrong}")
    found = digest(file)
    for expected, why in ((entry.sha256 or pinned(entry.path), _why(entry)), (sha256, "in its manifest")):
        if expected and found != expected:
            forget = f"; to trust the new one: poise weights remove {entry.name} --forget" if not entry.sha256 else ""
            raise ModelError(
                f"{origin}: not the file expected: sha256 is {found[:16]}…, expected {expected[:16]}… ({why}){forget}"
            )
    # Pinned before it is there: from the first moment on it can be checked.
    if not entry.sha256:
        pin(entry.path, found)
    try:
        file.replace(entry.path)
    except OSError as error:
        raise unwritable(entry.path.parent, error) from error
    return entry.path


def _why(entry: Network) -> str:
    return "as published" if entry.sha256 else "as at the first fetch here"


def _bring(entry: Network, address: str, *, alone: bool, progress: Progress | None) -> Path:
    """Fetch from one address, unpack, check and rename."""
    from poise.weights._archive import expect_archive, expect_onnx, extract
    from poise.weights._fetch import transfer

    with temporary(entry.path) as (unique, file):
        # Without a lock, somebody else may be writing the shared part: then each has its own, with no beginning.
        target = entry.path if alone else unique.with_suffix("")
        resumed = parts(target)[0].exists()
        try:
            look = expect_archive if entry.member else expect_onnx
            part = transfer(address, target, look=look, progress=progress)
        except ModelError:
            if not alone:
                _drop(target)
            raise
        try:
            if entry.member:
                extract(part, entry.member, file, origin=address)
                settle(file)
            path = accept(entry, unique if entry.member else part, origin=address)
        except ModelError:
            if not resumed:
                raise
            path = None  # the beginning may have been of another file
        except OSError as error:
            raise unwritable(entry.path.parent, error) from error
        finally:
            _drop(target)
    if path is None:
        return _bring(entry, address, alone=alone, progress=progress)
    if alone:
        sweep(entry.path)
    return path


def _drop(target: Path) -> None:
    for path in parts(target):
        path.unlink(missing_ok=True)


def install(path: Path, entry: Network) -> Path:
    """Copy a file that the user has into the cache as a network of the zoo: the network, or the maker's archive of it.

    Raises:
        ModelError: The file is not that network.
    """
    import zipfile

    from poise.weights._archive import extract

    try:
        with locked(entry.path), temporary(entry.path) as (unique, file):
            if zipfile.is_zipfile(path):
                extract(path, entry.member or entry.file, file, origin=str(path))
            else:
                with files.open_plain(path, most=files.MOST_NETWORK) as source:
                    while chunk := source.read(1 << 20):
                        file.write(chunk)
            settle(file)
            return accept(entry, unique, origin=str(path))
    except OSError as error:
        raise unwritable(folder(), error) from error


def named_by(path: Path) -> Network | None:
    """Return the network of the zoo that a file is called after: by its name here, or by its maker's."""
    for name in _zoo.tables():
        entry = network(name)
        if path.name in {entry.file, *(address.rpartition("/")[2] for address in entry.addresses)}:
            return entry
    return None


def remove(name: str, *, forget: bool = False) -> list[Path]:
    """Remove files from the cache: a network's or a model's of the zoo, or a file's by its name.

    Args:
        name: Its name.
        forget: Also forget what a network was when it was first fetched, so that another may come in its place.

    Returns:
        What is gone.

    Raises:
        ModelError: Nothing of that name is in the cache.
    """
    plain = Path(name).name == name and ((folder() / name).is_file() or name.endswith(ENDINGS))
    try:
        targets = [folder() / name] if plain else [entry.path for entry in wanted(name)]
    except ModelError as error:
        if "did you mean" in str(error):
            raise
        # All names of the zoo are no help with what is to be removed: only what is here can be.
        here = ", ".join(path.name for path in cached()[:20]) or "nothing"
        raise ModelError(f"{name}: nothing of it is in {folder()}; in it: {here}") from None
    gone = []
    for target in targets:
        if not target.parent.is_dir():
            continue
        with locked(target):
            if target.is_file():
                gone += remove_graphs(digest(target))
                target.unlink()
                gone.append(target)
            gone += sweep(target) + forget_faster(target)
            if forget and unpin(target):
                gone.append(target.with_name(target.name + ".sha256"))
    if not gone:
        raise ModelError(f"{name}: nothing of it is in {folder()}")
    return gone
