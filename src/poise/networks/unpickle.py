"""Read a pickle without running it.

A pickle is a small program for a stack machine. Python's own machine imports what the program names and calls it.
This one does neither: a name stays a name (``Global``), a call of a name becomes an inert record of that call
(``Instance``), and only a short list of names has a meaning of its own, all of them functions in ``pickled.py``: a
tensor becomes a description of its place in the file (``TensorRef``), a set a set, an ordered dictionary a dictionary.

So no file can run code. A file that *names* things which a network never needs (os.system, eval, …) is refused, because
whoever wrote it meant harm to another reader.

Source: the opcodes of CPython's ``pickletools``; tensors as in the public torch serialization notes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from poise.errors import ModelError
from poise.networks.pickled import (
    Global,
    Instance,
    Refusal,
    TensorRef,
    call,
    check_name,
    dictionary,
    key,
    set_of,
    storage,
)

# The largest size of a family has a pickle of half a MiB and 200,000 steps; with an optimiser's state twice that.
MAX_PICKLE = 16 << 20
MAX_STEPS = 1_000_000
# Bytes that calls may make in all, each from values that are there already: a call of one step can copy a million.
# Checkpoints with a training's state make some thousands.
MAX_MADE = 64 << 20
# What an entry of a set or dictionary takes.
_ENTRY = 100


def unpickle(data: bytes | memoryview, *, name: str) -> Any:
    """Read a pickle into plain values, ``Global``, ``Instance``, ``Storage`` and ``TensorRef``.

    Args:
        data: The pickle, protocol 2 to 5.
        name: How errors call the file.

    Raises:
        ModelError: The pickle is damaged, too large, or names what a checkpoint never needs.
    """
    if len(data) > MAX_PICKLE:
        raise ModelError(
            f"{name}: its pickle has {len(data) >> 20} MiB, more than any checkpoint needs ({MAX_PICKLE >> 20})"
        )
    machine = _Machine(bytes(data))
    try:
        return machine.run()
    except Refusal as error:
        raise ModelError(f"{name}: refused: {error}") from None
    except (LookupError, ValueError, TypeError, struct.error, OverflowError, RecursionError, MemoryError) as error:
        raise ModelError(
            f"{name}: a damaged pickle (byte {machine.at}: {type(error).__name__}: {error}); fetch the file again"
        ) from error


_MARK = object()


class _Machine:
    """The stack machine. ``at`` is the byte that it reads next."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[tuple[str, str], Global] = {}
        self.room = MAX_MADE

    def run(self) -> Any:
        data, table = self.data, _OPCODES
        if data[:1] != b"\x80":
            raise Refusal(f"a pickle of protocol 0 or 1 or no pickle at all (first byte {data[:1].hex() or 'none'})")
        stack, memo, at = self.stack, self.memo, 0
        for _ in range(MAX_STEPS):
            code = data[at]
            at += 1
            # Four of five steps are one of these; doing them here halves the time.
            if code == 0x68:  # BINGET
                stack.append(memo[data[at]])
                at += 1
            elif code == 0x72:  # LONG_BINPUT
                if stack[-1] is _MARK:
                    raise Refusal("the pickle takes a value that is not there")
                memo[int.from_bytes(data[at : at + 4], "little")] = stack[-1]
                at += 4
            elif code == 0x29:  # EMPTY_TUPLE
                stack.append(())
            elif code == 0x4B:  # BININT1
                stack.append(data[at])
                at += 1
            elif code == 0x7D:  # EMPTY_DICT
                stack.append({})
            elif code == 0x28:  # MARK
                stack.append(_MARK)
            elif code == 0x2E:  # STOP
                if len(stack) != 1 or stack[0] is _MARK:
                    raise Refusal(f"the pickle ends with {len(stack)} values, expected one")
                return stack[0]
            else:
                step = table[code]
                if step is None:
                    raise Refusal(f"the pickle uses opcode 0x{code:02x}, which torch never writes")
                self.at = at
                step(self)
                at = self.at
        raise Refusal(f"the pickle has more than {MAX_STEPS} steps")

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise Refusal(f"the pickle ends inside a value of {count} bytes")
        found = self.data[self.at : end]
        self.at = end
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise Refusal("the pickle takes a value that is not there")
        return value

    def top(self) -> Any:
        value = self.stack[-1]
        if value is _MARK:
            raise Refusal("the pickle takes a value that is not there")
        return value

    def since_mark(self) -> list[Any]:
        stack = self.stack
        for i in range(len(stack) - 1, -1, -1):
            if stack[i] is _MARK:
                values = stack[i + 1 :]
                del stack[i:]
                return values
        raise Refusal("the pickle closes a group that was never opened")

    def line(self) -> str:
        end = self.data.index(b"\n", self.at, self.at + 300)
        text = self.data[self.at : end].decode("ascii")
        self.at = end + 1
        return text

    def name(self, module: Any, name: Any) -> Global:
        if type(module) is not str or type(name) is not str:
            raise Refusal("a name is not text")
        found = self.names.get((module, name))
        if found is None:
            found = Global(module, name)
            check_name(found)
            self.names[module, name] = found
        return found

    def charge(self, size: int) -> None:
        """Take what a value needs from what all may need together."""
        self.room -= size
        if self.room < 0:
            raise Refusal(f"its steps make more than {MAX_MADE >> 20} MiB of values, which no checkpoint needs")

    def called(self, function: Any, args: Any) -> Any:
        """Call a name, after a look at how much it may copy."""
        for value in args if type(args) is tuple else ():
            if isinstance(value, str | bytes):
                self.charge(4 * len(value))
            elif isinstance(value, list | tuple | dict | set):
                self.charge(_ENTRY * len(value))
        return call(function, args)

    def reduce(self) -> None:
        args = self.pop()
        self.stack.append(self.called(self.pop(), args))

    def reduce_with_keywords(self) -> None:
        keywords, args, function = self.pop(), self.pop(), self.pop()
        made = self.called(function, args)
        if type(made) is Instance:
            made.state = keywords
        self.stack.append(made)

    def build(self) -> None:
        """Give the value below its state. Only an Instance keeps it: no attribute of anything real is ever set."""
        state = self.pop()
        target = self.top()
        if type(target) is Instance:
            target.state = state
        elif type(target) not in (dict, set, TensorRef):
            raise Refusal(f"state is given to a {type(target).__name__}")

    def extend(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) is list:
            target += values
        elif type(target) is set:
            target.update(map(key, values))
        elif type(target) is Instance:
            target.items += values
        else:
            raise Refusal(f"values are appended to a {type(target).__name__}")

    def set_items(self, pairs: list[Any]) -> None:
        target = self.top()
        if len(pairs) % 2:
            raise Refusal("a dictionary has a key without a value")
        if type(target) is dict:
            for i in range(0, len(pairs), 2):
                name = pairs[i]
                target[name if type(name) is str else key(name)] = pairs[i + 1]
        elif type(target) is Instance:
            target.items += zip(pairs[::2], pairs[1::2], strict=True)
        else:
            raise Refusal(f"items are set in a {type(target).__name__}")

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def pop_any(self) -> None:
        self.stack.pop()


Step = Callable[[_Machine], None]


def _push(make: Callable[[_Machine], Any]) -> Step:
    def step(m: _Machine) -> None:
        m.stack.append(make(m))

    return step


def _long_binget(m: _Machine) -> None:
    m.stack.append(m.memo[m.number(4)])


def _binput(m: _Machine) -> None:
    m.memo[m.number(1)] = m.top()


def _memoize(m: _Machine) -> None:
    m.memo[len(m.memo)] = m.top()


def _protocol(m: _Machine) -> None:
    if (version := m.number(1)) > 5:
        raise Refusal(f"a pickle of protocol {version}; known: 2 to 5")


def _frame(m: _Machine) -> None:
    m.take(8)


def _pop_mark(m: _Machine) -> None:
    m.since_mark()


def _long(m: _Machine, size: int) -> int:
    if size > 64:
        raise Refusal(f"an integer of {size} bytes")
    return int.from_bytes(m.take(size), "little", signed=True)


def _text(m: _Machine, size: int) -> str:
    return m.take(size).decode("utf-8", "surrogatepass")


def _empty_set(m: _Machine) -> set[Any]:
    m.charge(2 * _ENTRY)
    return set()


def _stack_global(m: _Machine) -> Global:
    name = m.pop()
    return m.name(m.pop(), name)


_STEPS: dict[str, Step] = {
    "80": _protocol,
    "95": _frame,  # frames only help to read ahead
    "30": _Machine.pop_any,
    "31": _pop_mark,
    "32": _push(_Machine.top),
    "4e": _push(lambda m: None),
    "88": _push(lambda m: True),
    "89": _push(lambda m: False),
    "4a": _push(lambda m: int.from_bytes(m.take(4), "little", signed=True)),
    "4d": _push(lambda m: m.number(2)),
    "8a": _push(lambda m: _long(m, m.number(1))),
    "8b": _push(lambda m: _long(m, m.number(4))),
    "47": _push(lambda m: struct.unpack(">d", m.take(8))[0]),
    "58": _push(lambda m: _text(m, m.number(4))),
    "8c": _push(lambda m: _text(m, m.number(1))),
    "8d": _push(lambda m: _text(m, m.number(8))),
    "54": _push(lambda m: m.take(m.number(4))),
    "55": _push(lambda m: m.take(m.number(1))),
    "42": _push(lambda m: m.take(m.number(4))),
    "43": _push(lambda m: m.take(m.number(1))),
    "8e": _push(lambda m: m.take(m.number(8))),
    "85": lambda m: m.tuple_of(1),
    "86": lambda m: m.tuple_of(2),
    "87": lambda m: m.tuple_of(3),
    "74": _push(lambda m: tuple(m.since_mark())),
    "5d": _push(lambda m: []),
    "6c": _push(lambda m: m.since_mark()),
    "61": lambda m: m.extend([m.pop()]),
    "65": lambda m: m.extend(m.since_mark()),
    "64": _push(lambda m: dictionary(list(zip(*[iter(m.since_mark())] * 2, strict=True)))),
    "73": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    "75": lambda m: m.set_items(m.since_mark()),
    "8f": _push(_empty_set),
    "90": lambda m: m.extend(m.since_mark()),
    "91": _push(lambda m: set_of(m.since_mark())),
    "71": _binput,
    "94": _memoize,
    "6a": _long_binget,
    "63": _push(lambda m: m.name(m.line(), m.line())),
    "93": _push(_stack_global),
    "51": _push(lambda m: storage(m.pop())),
    "52": _Machine.reduce,
    "81": _Machine.reduce,
    "92": _Machine.reduce_with_keywords,
    "62": _Machine.build,
}
_OPCODES: list[Step | None] = [_STEPS.get(f"{code:02x}") for code in range(256)]
