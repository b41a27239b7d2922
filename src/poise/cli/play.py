"""``poise play``: the body as the controller of a game."""

from __future__ import annotations

import json as json_
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._options import Engine
from poise.cli._report import Reporter, window_for
from poise.files.text import plain, say, say_json

if TYPE_CHECKING:
    from poise.play import Action, ActionSink, ControlMap, LatencyMeter

_PAGE = "play.html"
# Of an axis a line is printed where it has gone so far since the last one; games get every step.
_FAR = 0.25
# No map was named: the runner is played, and all are listed.
_ALL = ""


def play(
    *source: str,
    map: str = _ALL,
    list: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
    osc: Annotated[list[str] | None, Parameter(negative=())] = None,
    ws: int | None = None,
    sink: Annotated[list[str] | None, Parameter(negative=())] = None,
    web: Annotated[bool, Parameter(negative=())] = False,
    port: int = 8000,
    player: int | None = None,
    players: int | None = None,
    mirrored: bool = False,
    model: str = "body-fast",
    show: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
    engine: Engine | None = None,
) -> int:
    """Play with the body: what somebody does in SOURCE (webcam, a video) presses keys, buttons and axes of a game.

    Without --osc, --ws or --sink the actions are only printed. --web needs no source: it serves a page with a game and
    a mirror, and opens it.

    Args:
        source: Camera number or webcam (the default), address, video or - for standard input.
        map: What is which action: runner (the default), boxing, wheel, hands, or a .toml of your own.
        list: Say which maps there are and what can be done with each; with --map only that one.
        dry_run: Send nothing; print each action with its latency.
        json: Print one JSON line an action on standard output.
        osc: Send OSC to HOST:PORT: /poise/play/PLAYER/ACTION with its value. May be repeated.
        ws: Serve the actions as JSON by WebSocket at this port of this machine; 0 is any that is free.
        sink: Give the actions to MODULE:CLASS, such as a class of yours that presses keys. May be repeated.
        web: Serve the page with the game and the mirror, and open it in a browser.
        port: Port of --web; 0 is any that is free.
        player: Only this player's actions, from 1.
        players: How many may play (as the map says): player 1, 2, ... from the picture's left to its right.
        mirrored: The pictures are mirrored, as a selfie camera gives them.
        model: Body model, a name from 'poise models' or a network file.
        show: Show the frames in a window with the actions on them (q ends, space pauses).
        quiet: Show nothing but results and errors.
        engine: What runs the networks.
    """
    from poise.drawing import WindowClosed
    from poise.play import BodyController, LatencyMeter, bundled_maps, read_map
    from poise.play import play as follow
    from poise.play.painter import PlayPainter

    if list:
        _list([read_map(name) for name in (bundled_maps() if map == _ALL else [map])], json=json)
        return 0
    if web:
        named = {
            "--map": map != _ALL, "--dry-run": dry_run, "--json": json, "--osc": osc, "--ws": ws is not None,
            "--sink": sink, "--player": player is not None, "--players": players is not None, "--show": show,
        }  # fmt: skip
        if given := next((name for name, it in named.items() if it), None):
            raise ValueError(f"--web takes no {given}: the page has its own game; leave one of them out")
        return _serve(source, port, engine or Engine())
    chosen = read_map("runner" if map == _ALL else map)
    if player is not None:
        if player < 1:
            raise ValueError(f"--player must be 1 or more, got {player}")
        players = max(players or chosen.players, player)
    controller = BodyController(chosen, players=players, mirrored=mirrored)
    report, meter, painter = Reporter(quiet=quiet, lines=False), LatencyMeter(), PlayPainter()
    words = ["-" if word == STDIN else "0" if word == "webcam" else word for word in source] or ["0"]
    with suppress(WindowClosed), ExitStack() as stack:
        sinks = _sinks(stack, report, osc or [], ws, sink or []) if not dry_run else []
        if not sinks and not dry_run and not json:
            report.console.print("nothing is sent: name --osc, --ws or --sink for a game to hear of it", soft_wrap=True)
        opened = (engine or Engine()).open(model)
        window = window_for("the actions are printed", show=show)
        if window is not None:
            stack.callback(window.close)
        # However it ends: a camera is ended by Ctrl-C.
        stack.callback(_told, report, meter)
        played = follow(
            words if len(words) > 1 else words[0], controller, model=opened, sinks=sinks, player=player, meter=meter,
            on_error=report.error,
        )  # fmt: skip
        # Closing the generator lets go of what is down, and frees the camera.
        stack.callback(played.close)
        shown: dict[tuple[int, str], float] = {}
        for one in played:
            painter.take(one)
            for action in one.actions:
                if json:
                    sys.stdout.write(plain(_json(action, one.milliseconds if dry_run else None)) + "\n")
                elif (not quiet or dry_run) and _to_be_read(action, shown):
                    say(_line(action, one.milliseconds))
            sys.stdout.flush()
            if window is not None and one.result is not None and not window.show(one.frame, partial(painter.draw, one)):
                raise WindowClosed
    return report.code


def _sinks(
    stack: ExitStack, report: Reporter, osc: Sequence[str], ws: int | None, names: Sequence[str]
) -> Sequence[ActionSink]:
    """Open what actions are sent to."""
    from poise.play import OscSink, load_sink

    sinks: list[ActionSink] = []
    for address in osc:
        sinks.append(OscSink(address))
        stack.callback(sinks[-1].close)
    if ws is not None:
        from poise.play.websocket import WebSocketSink

        served = WebSocketSink(ws)
        stack.callback(served.close)
        report.console.print(f"actions at {served.address}", soft_wrap=True, markup=False)
        sinks.append(served)
    for name in names:
        sinks.append(load_sink(name))
        stack.callback(sinks[-1].close)
    return sinks


def _json(action: Action, milliseconds: float | None) -> str:
    late = {} if milliseconds is None else {"latency_ms": round(milliseconds, 1)}
    return json_.dumps(action.record() | late, ensure_ascii=False)


def _to_be_read(action: Action, shown: dict[tuple[int, str], float]) -> bool:
    """Return whether people want a line of an action: all presses, and an axis where it went far or came to rest."""
    if action.state != "move":
        return True
    key = (action.player, action.name)
    far = abs(action.value - shown.get(key, 0.0)) >= _FAR
    if far or (action.value == 0.0 and shown.get(key, 0.0) != 0.0):
        shown[key] = action.value
        return True
    return False


def _line(action: Action, milliseconds: float) -> str:
    """Return one line that people read."""
    what = f"{round(action.value, 2) + 0.0:+.2f}" if action.state == "move" else action.state
    head = f"{action.time:7.2f} s  player {action.player}  {action.name:<14} {what:<8} {milliseconds:5.0f} ms"
    return f"{head}  {_goes_to(action.key, action.gamepad)}".rstrip()


def _goes_to(key: str, gamepad: str) -> str:
    return ", ".join(word for word in (key and f"key {key}", gamepad and f"pad {gamepad}") if word)


def _told(report: Reporter, meter: LatencyMeter) -> None:
    if meter.count:
        report.console.print(
            f"{meter.count} presses and moves; frame to action {meter.median:.0f} ms (median), {meter.p95:.0f} ms "
            f"(95 of 100); releases are not counted, moves by less than {_FAR:g} not shown",
            soft_wrap=True,
        )
    else:
        report.console.print("no press and no move: nobody did anything that the map knows", soft_wrap=True)


def _list(maps: Sequence[ControlMap], *, json: bool) -> None:
    """Say what can be done with each map."""
    if json:
        say_json([asdict(one) | {"gestures": [gesture.name for gesture in one.gestures]} for one in maps])
        return
    for one in maps:
        say(f"{one.name}: {one.summary}")
        rows = [(it.name, it.summary, _goes_to(it.key, it.gamepad)) for it in one.buttons]
        rows += [(it.name, it.summary, _goes_to("", it.gamepad)) for it in one.axes]
        for name, summary, to in rows:
            say(f"  {name:<14} {summary}{f'  ({to})' if to else ''}")


def _serve(source: Sequence[str], port: int, engine: Engine) -> int:
    """Serve the page of poise serve, opened at the game."""
    if source:
        raise ValueError(f"--web takes no source: the page asks for the camera of its visitor, got {source[0]!r}")
    if not 0 <= port <= 65_535:
        raise ValueError(f"--port must be from 0 to 65535, got {port}")
    from poise.errors import require

    for module in ("fastapi", "uvicorn", "websockets", "python_multipart"):
        require(module, extra="server", feature="poise play --web")
    from poise.server.run import serve
    from poise.server.settings import ServerSettings

    def listening(address: str) -> None:
        say(f"{address}/{_PAGE}", flush=True)
        webbrowser.open(f"{address}/{_PAGE}")

    serve(ServerSettings(device=engine.device, threads=engine.threads), "127.0.0.1", port, ready=listening)
    return 0
