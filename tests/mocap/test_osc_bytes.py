"""OSC 1.0 as bytes: what python-osc reads of ours, what is read of others, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import FormatError
from poise.mocap import osc

ARGUMENTS = st.lists(
    st.one_of(
        st.integers(-(2**31), 2**31 - 1),
        st.floats(width=32, allow_nan=False),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        st.binary(max_size=20),
        st.booleans(),
        st.none(),
    ),
    max_size=12,
)


def test_message_is_laid_out_as_the_specification_shows() -> None:
    # The two examples of the specification, byte by byte.
    assert osc.encode_message("/oscillator/4/frequency", 440.0) == b"/oscillator/4/frequency\0,f\0\0\x43\xdc\0\0"
    assert osc.encode_message("/foo", 1000, -1, "hello", 1.234, 5.678) == (
        b"/foo\0\0\0\0,iisff\0\0" + bytes.fromhex("000003e8ffffffff68656c6c6f0000003f9df3b640b5b22d")
    )


@given(arguments=ARGUMENTS)
def test_python_osc_reads_what_is_written(arguments: list[osc.Argument]) -> None:
    others = pytest.importorskip("pythonosc.osc_message")

    found = others.OscMessage(osc.encode_message("/a/b", *arguments))

    assert found.address == "/a/b"
    assert found.params == arguments


@given(arguments=ARGUMENTS)
def test_decode_gives_back_what_was_encoded(arguments: list[osc.Argument]) -> None:
    assert osc.decode(osc.encode_message("/a/b", *arguments)) == [("/a/b", tuple(arguments))]


def test_python_osc_reads_bundles_in_their_order() -> None:
    others = pytest.importorskip("pythonosc.osc_packet")
    messages = [osc.encode_message("/n", number) for number in range(200)]

    parts = osc.bundles(messages, limit=500)

    assert max(map(len, parts)) <= 500
    assert len(parts) == 7  # 16 bytes of a head, 30 messages of 16 in each
    read = [one.message.params[0] for part in parts for one in others.OscPacket(part).messages]
    assert read == list(range(200))
    assert read == [one.arguments[0] for part in parts for one in osc.decode(part)]


def test_bundle_of_python_osc_within_a_bundle_is_read() -> None:
    build = pytest.importorskip("pythonosc.osc_bundle_builder")
    message = pytest.importorskip("pythonosc.osc_message_builder").OscMessageBuilder("/in")
    message.add_arg("inner")
    inner, outer = (build.OscBundleBuilder(build.IMMEDIATELY) for _ in range(2))
    inner.add_content(message.build())
    outer.add_content(inner.build())

    assert osc.decode(outer.build().dgram) == [("/in", ("inner",))]


def test_message_longer_than_the_limit_has_a_bundle_of_its_own() -> None:
    long, short = osc.encode_message("/long", "x" * 600), osc.encode_message("/short")

    parts = osc.bundles([short, long, short], limit=500)

    assert [[one.address for one in osc.decode(part)] for part in parts] == [["/short"], ["/long"], ["/short"]]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "does not end"),
        (b"abc\0", "begins with its address"),
        (b"/abc", "does not end"),
        (b"/a\0", "multiple of 4"),
        (b"/a\0\0i\0\0\0", "lacks the types"),
        (b"/a\0\0,i\0\0", "4 bytes were expected"),
        (b"/a\0\0,z\0\0\0\0\0\0", "type 'z'"),
        (b"/a\0\0,b\0\0\x00\x00\x00\x09abcd", "a blob of 9 bytes"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xffabcd", "a blob of -1 bytes"),
        (b"#bundle\0", "without its time"),
        (b"#bundle\0" + bytes(8) + b"\0\0\0\x40abcd", "a part of 64 bytes"),
        (b"#bundle\0" + bytes(8) + b"\0\0\0\0", "a part of 0 bytes"),
        (bytes(70_000), "the most is 65507"),
    ],
)
def test_bytes_that_are_no_osc_are_refused(data: bytes, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        osc.decode(data)


def test_bundles_without_end_within_each_other_are_refused() -> None:
    data = osc.encode_message("/a")
    for _ in range(1000):
        data = b"#bundle\0" + bytes(8) + struct.pack(">i", len(data)) + data

    with pytest.raises(FormatError, match="more than 8 bundles"):
        osc.decode(data)


@given(data=st.binary(max_size=80), cut=st.integers(0, 80))
def test_damaged_bytes_raise_nothing_else(data: bytes, cut: int) -> None:
    good = osc.bundles([osc.encode_message("/VMC/Ext/T", 1.0), osc.encode_message("/x", "text", b"blob", 7)])[0]
    for damaged in (data, good[:cut] + data, good[: max(0, cut - 1)]):
        try:
            osc.decode(damaged)
        except FormatError:
            continue


@pytest.mark.parametrize("address", ["", "a", "/", "/a b", "/a/*", "/é", "/a//b"])
def test_what_is_no_address_is_not_sent(address: str) -> None:
    with pytest.raises(ValueError, match="an OSC address is"):
        osc.encode_message(address)


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (2**31, ValueError, "32 bits, got 2147483648"),
        ("a\0b", ValueError, "ends at a zero byte"),
        ("x" * 70_000, ValueError, "one datagram"),
        (np.zeros(3), TypeError, "not ndarray"),
    ],
)
def test_values_that_osc_does_not_hold_are_refused(value: osc.Argument, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        osc.encode_message("/a", value)


def test_floats_beyond_32_bits_become_infinite() -> None:
    assert osc.decode(osc.encode_message("/a", 1e300, -1e300)) == [("/a", (np.inf, -np.inf))]
