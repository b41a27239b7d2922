"""The VMC protocol, from whom moves (the performer) to what draws an avatar (the marionette).

Source:
    Virtual Motion Capture Protocol, https://protocol.vmc.info/english, and its specification of what a marionette
    receives: ``/VMC/Ext/OK``, ``/VMC/Ext/T``, ``/VMC/Ext/Root/Pos`` and ``/VMC/Ext/Bone/Pos``, of version 2.7.

Axes are Unity's: left-handed, y up; an avatar at rest looks along +z and has its left arm along -x. So x is turned
round against the axes of :mod:`poise.mocap.rig`, as importers of VRM 1.0 into Unity do it: a point (x, y, z) becomes
(-x, y, z), a rotation (x, y, z, w) becomes (x, -y, -z, w).
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from poise.mocap import osc
from poise.mocap.motion import MotionFrame
from poise.mocap.rig import Rig

# The port on which marionettes listen unless they are told otherwise.
PORT = 39539

# VRM 1.0 calls the bones of the thumb by anatomy, Unity each one further out.
_THUMB = {"ThumbMetacarpal": "ThumbProximal", "ThumbProximal": "ThumbIntermediate"}
_BONE = re.compile("(left|right)?(.+)")
_FLIP_PLACE = np.array([-1.0, 1.0, 1.0])
_FLIP_TURN = np.array([1.0, -1.0, -1.0, 1.0])
_SEVEN = "fffffff"


def unity_name(bone: str) -> str:
    """Return what Unity calls a bone of VRM 1.0.

    Example:
        >>> unity_name("leftUpperArm"), unity_name("rightThumbMetacarpal")
        ('LeftUpperArm', 'RightThumbProximal')
    """
    found = _BONE.fullmatch(bone)
    side, rest = (found[1] or "", found[2]) if found else ("", bone)
    rest = _THUMB.get(rest, rest)
    return side.capitalize() + rest[0].upper() + rest[1:]


class VmcEncoder:
    """Makes the datagrams of one person's moments.

    The first moment's place on the floor becomes the origin, on which avatars stand: a person who was filmed from four
    metres does not begin four metres behind the stage.

    Args:
        rig: The avatar's own bones, for receivers that also take the places of bones over: the avatar keeps its shape,
            and its steps are as long as its legs allow. None: those of the person.
        centred: Begin at the origin; False: where the person is before the camera.
        limit: Most bytes of a datagram.
    """

    def __init__(self, rig: Rig | None = None, *, centred: bool = True, limit: int = osc.LIMIT) -> None:
        self._rig, self._centred, self._limit = rig, centred, limit
        self._origin: NDArray[np.float64] | None = None

    def recentre(self) -> None:
        """Begin at the origin again with the next moment."""
        self._origin = None

    def frame(self, frame: MotionFrame, time: float, *, tracked: bool = True) -> list[bytes]:
        """Return the datagrams of one moment, to be sent in their order.

        Args:
            frame: The moment.
            time: Seconds since the sender began.
            tracked: The person is in sight.
        """
        if not (np.isfinite(frame.rotations).all() and np.isfinite(frame.root).all()):
            return self.idle(time)  # an avatar would be torn apart for good
        return osc.bundles([*self._body(frame), *status(time, tracked=tracked)], limit=self._limit)

    def idle(self, time: float) -> list[bytes]:
        """Return the datagram that says: still here, but nobody is in sight. Avatars stay as they are."""
        return osc.bundles(status(time, tracked=False), limit=self._limit)

    def _body(self, frame: MotionFrame) -> list[bytes]:
        if self._origin is None:
            self._origin = frame.root * (1.0, 0.0, 1.0) if self._centred else np.zeros(3)
        own = frame.rig
        offsets, root = own.offsets, frame.root - self._origin
        if self._rig is not None:
            offsets = _offsets(self._rig, own)
            root = root * (offsets[0, 1] / own.offsets[0, 1] if own.offsets[0, 1] > 0 else 1.0)
        table = np.empty((len(own.bones), 7))
        table[:, :3] = offsets * _FLIP_PLACE
        table[0, :3] = root * _FLIP_PLACE
        table[:, 3:] = frame.rotations * _FLIP_TURN
        values = (table + 0.0).astype(">f4").tobytes()  # without zeros below zero
        heads = _heads(own.bones)
        # The root stays where the avatar was put; the way through the room is in the hips.
        return [_ROOT, *(head + values[28 * at : 28 * at + 28] for at, head in enumerate(heads))]


def status(time: float, *, tracked: bool) -> list[bytes]:
    """Return the messages that end a frame: receivers that wait for a whole frame take it over with them.

    Args:
        time: Seconds since the sender began.
        tracked: Somebody is in sight.
    """
    # Loaded, calibrated, in the normal mode.
    return [osc.encode_message("/VMC/Ext/OK", 1, 3, 0, int(tracked)), osc.encode_message("/VMC/Ext/T", float(time))]


_ROOT = osc.encode_message("/VMC/Ext/Root/Pos", "root", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


@cache
def _heads(bones: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return all of each bone's message before its numbers."""
    begin = osc.head("/VMC/Ext/Bone/Pos", "s" + _SEVEN)
    return tuple(begin + osc.text(unity_name(bone)) for bone in bones)


def _offsets(avatar: Rig, person: Rig) -> NDArray[np.float64]:
    """Return where the person's bones begin in the avatar; what it lacks is taken from the person."""
    return np.array(
        [
            avatar.offsets[avatar.bones.index(bone)] if bone in avatar.bones else person.offsets[at]
            for at, bone in enumerate(person.bones)
        ]
    )
