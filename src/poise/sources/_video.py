"""Frames of videos and streams: in order, past damage, and on after a stream broke off."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from typing import Any

from poise.errors import SourceError
from poise.frames import Frame, Media
from poise.sources._clock import Clock
from poise.sources._containers import describe_media, library, limit_codec, reason, video_stream
from poise.sources._options import Message, Note, ReadOptions, Report, StreamLost, Waiting
from poise.sources._upright import Upright

# A damaged file is given up after so many errors of the container in a row.
_MOST_ERRORS = 100
# Containers whose clock may begin anew in the middle.
_LEAPING = frozenset(("mpegts", "mpeg", "hls"))
# A stream or address that sends, but no picture that can be decoded, is given up after so many seconds.
NO_PICTURE = 15.0
# Who streamed for so many seconds and breaks off has all attempts to come back again.
_STEADY = 60.0
_LONGEST_PAUSE = 30.0


def read_video(
    open_container: Callable[[], Any],
    name: str,
    path: str,
    options: ReadOptions,
    *,
    live: bool = False,
    remote: bool = False,
) -> Iterator[Frame | Message]:
    """Give the upright frames of a video or stream.

    A frame's time is its presentation time from the start of the video stream. What is damaged is left out; one
    report at the end says how much. A live source that breaks off or ends is opened again, with growing pauses; its
    frames go on with their numbers, and their times leave room for the gap.

    Args:
        open_container: Opens it; called at the first frame, and what it gives is closed at the end.
        name: How results and errors call it.
        path: The file, if there is one.
        options: Stride and limits.
        live: It is a camera or the like: it has no end, and low delay matters.
        remote: It comes over the network, and is live when it does not say how long it is.
    """
    reading = _Reading(open_container, name, path, options, live=live, remote=remote)
    yield from reading.once(open_container())
    if not reading.live:
        yield from reading.told()
        return
    attempts = 0
    while True:
        if not reading.frames:
            raise SourceError(f"{name}: no picture came: {reading.why}")
        if clock.monotonic() - reading.opened > _STEADY:
            attempts = 0
        if attempts >= options.reconnect:
            break
        pause = min(2.0**attempts, _LONGEST_PAUSE)
        attempts += 1
        yield Note(f"{name}: broke off after {reading.frames} frames ({reading.why}); trying again in {pause:.0f} s")
        yield from _pause(pause)
        try:
            container = open_container()
        except SourceError as error:
            reading.why = str(error).removeprefix(f"{name}: ")
            reading.opened = clock.monotonic()
            continue
        yield from reading.once(container)
        if not reading.live:  # it states its length: it has become a recording, whose frames were given before
            return
    tried = f", for good after {attempts} attempts to go on" if attempts else ""
    yield Report(
        StreamLost(f"{name}: the stream broke off after {reading.frames} frames{tried}: {reading.why}"), partly=True
    )


def _pause(seconds: float) -> Iterator[Waiting]:
    """Wait, in steps in which the consumer may end the waiting."""
    until = clock.monotonic() + seconds
    while (left := until - clock.monotonic()) > 0:
        yield Waiting()
        clock.sleep(min(left, 0.25))


class _Reading:
    """One video or stream, which may be opened several times.

    Attributes:
        frames: Given or passed over by the stride so far.
        live: Known when it was opened.
        why: How the last connection ended.
        opened: When the last connection began, monotonic seconds.
    """

    def __init__(
        self, open_container: Callable[[], Any], name: str, path: str, options: ReadOptions, *, live: bool, remote: bool
    ) -> None:
        self.name, self.path, self.options = name, path, options
        self.given_live, self.remote = live, remote
        self.live = live
        self.frames = 0
        self.why = ""
        self.opened = clock.monotonic()
        self._began = 0.0  # when the first frame came, monotonic seconds
        self._media: Media | None = None
        self._tally: _Tally | None = None
        self._container = ""

    def once(self, container: Any) -> Iterator[Frame | Message]:
        """Give the frames of one connection, and close it."""
        try:
            again = self._media is not None
            self.opened = clock.monotonic()
            stream = video_stream(container, self.name)
            self._container = container.format.name
            stated = container.duration
            live = self.given_live or self._container == "mpjpeg" or (self.remote and not stated)
            if again and stated:
                self.live = False
                return
            self.live = live
            limit_codec(stream, self.name, self.options)
            # Frame threads hold several frames back; slices of one frame do not.
            stream.codec_context.thread_type = "SLICE" if self.live else "AUTO"
            if self._media is None:
                self._media = describe_media(container, stream, self.name, self.path, self.live)
            yield from self._frames(container, stream, self._media, bool(stated))
        finally:
            container.close()

    def _frames(self, container: Any, stream: Any, media: Media, stated: bool) -> Iterator[Frame | Message]:
        tally = self._tally = _Tally(media, impatient=self.live or self.remote)
        convert = Upright(library(), self.options, media.name, stream.sample_aspect_ratio)
        times = Clock(
            float(stream.time_base or 0.0),
            stream.start_time,
            1.0 / media.fps if media.fps else 0.04,
            by_arrival=self._container == "mpjpeg",
            live=self.live,
            leaps=self._container in _LEAPING,
        )
        later: float | None = None  # what the gap before this connection adds
        jump = 0.0
        for picture in _decoded(container, stream, tally):
            index, self.frames = self.frames, self.frames + 1
            time = times.of(picture)
            if later is None:
                now = clock.monotonic()
                self._began = self._began or now
                later = now - self._began - time if index else 0.0
            if times.jump and not jump and not self.live:
                jump = times.jump
                yield Note(
                    f"{media.name}: its clock jumps by {jump:+.2f} s at frame {index}, as in recordings that were "
                    "joined; times go on from the frame before"
                )
            if index % self.options.vid_stride:
                continue
            told = len(convert.notes)
            try:
                image = convert(picture)
            except SourceError:
                raise
            except Exception as error:  # noqa: BLE001 - a damaged frame that claims to be of some other kind
                tally.note(reason(error))
                continue
            yield from map(Note, convert.notes[told:])
            yield Frame(image, media, index, time + later)
        self.why = tally.broke_off or "the other side ended it"
        if stated and not tally.broke_off:
            self.live = False  # a recording that a streaming server plays, whole

    def told(self) -> Iterator[Report]:
        """Say how a video with an end ended.

        Raises:
            SourceError: There was no frame in it.
        """
        tally, name = self._tally, self.name
        assert tally is not None
        if tally.broke_off:
            why = SourceError(f"{name}: broke off after {self.frames} frames: {tally.broke_off}")
            yield Report(why, partly=self.frames > 0)
        elif not self.frames:
            raise SourceError(f"{name}: no frame could be decoded{tally.detail()}")
        elif tally.damaged(self._container):
            yield Report(SourceError(f"{name}: damaged video: {self.frames} frames were read{tally.detail()}"), True)


class _Tally:
    """What of a video could not be read."""

    def __init__(self, media: Media, *, impatient: bool) -> None:
        self.stated = media.frames
        self.impatient = impatient
        self.packets = 0
        self.bad = 0
        self.why = ""
        self.broke_off = ""

    def note(self, why: str) -> None:
        self.bad += 1
        self.why = self.why or why

    def missing(self) -> int:
        return max(0, (self.stated or 0) - self.packets)

    def damaged(self, container: str) -> bool:
        # Only MP4 and its relatives state exactly how many packets there are.
        return self.bad > 0 or (self.missing() > 0 and "mp4" in container)

    def detail(self) -> str:
        parts = []
        if self.bad:
            parts.append(f"{self.bad} of {max(self.packets, self.bad)} packets could not be decoded ({self.why})")
        if self.missing():
            parts.append(f"{self.missing()} of {self.stated} stated frames are not in the file")
        return "; " + ", ".join(parts) if parts else ""


def _decoded(container: Any, stream: Any, tally: _Tally) -> Iterator[Any]:
    """Give decoded frames; pass over what cannot be decoded, and count it."""
    whole = "mp4" in container.format.name
    last = clock.monotonic()
    for packet in _packets(container, stream, tally):
        if tally.impatient and clock.monotonic() - last > NO_PICTURE:
            tally.broke_off = f"no picture that can be decoded for {NO_PICTURE:.0f} seconds"
            return
        if packet.is_corrupt and whole:
            # The end of a file that was cut: told as missing. Its error would take frames of other threads along.
            continue
        tally.packets += bool(packet.size)
        try:
            for picture in packet.decode():
                yield picture
                last = clock.monotonic()
        except Exception as error:  # noqa: BLE001 - the codecs of strangers' files; counted, and told at the end
            tally.note(reason(error))


def decode_all(container: Any, stream: Any, media: Media) -> Iterator[Any]:
    """Give decoded frames from where the container stands; what cannot be decoded is passed over."""
    yield from _decoded(container, stream, _Tally(media, impatient=False))


def _packets(container: Any, stream: Any, tally: _Tally) -> Iterator[Any]:
    """Give the packets of a stream; go on after errors of the container."""
    errors = 0
    while errors < _MOST_ERRORS:
        try:
            for packet in container.demux(stream):
                errors = 0
                yield packet
            return
        except BlockingIOError:
            clock.sleep(0.002)  # a camera without a new frame yet (AVFoundation)
        except Exception as error:  # noqa: BLE001 - told at the end
            if tally.impatient:
                tally.broke_off = reason(error)
                return
            tally.note(reason(error))
            errors += 1
