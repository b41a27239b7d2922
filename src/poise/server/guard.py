"""Who may ask, and what every answer carries: the first thing that a request meets."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from poise.server.metrics import Metrics
from poise.server.refused import Refused, body, told
from poise.server.settings import ServerSettings

_log = logging.getLogger("poise")

# The page runs scripts and WebAssembly of this server only; cameras and files are shown as blobs. COOP and COEP give it
# threads. Sources: W3C CSP 3; WHATWG HTML, 7.1.3 and 7.1.4.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), display-capture=(self), fullscreen=(self), geolocation=(), microphone=()",
}
_SAFE = ("GET", "HEAD", "OPTIONS")
_METHODS = ("GET", "HEAD", "POST", "DELETE")
# In the query of an address.
_MOST_WORDS = 32


class Guard:
    """Checks host, origin and token, sets headers, counts, and lets no error out but as a sentence.

    Args:
        app: What answers.
        settings: Who may ask.
        metrics: Where requests are counted.
        guarded: First parts of the paths that need a token, such as ``"predict"``.
        closing: Whether the server is being stopped and takes no new work.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        metrics: Metrics,
        guarded: Collection[str],
        closing: Callable[[], bool],
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._guarded = guarded
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request or connection."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope, Headers(scope=scope))
        except Refused as refused:
            response = JSONResponse(body(str(refused)), refused.status, refused.headers)
            socket = WebSocket(scope, receive, send)
            if "websocket.http.response" in scope.get("extensions", {}):
                await socket.send_denial_response(response)
            else:
                await socket.close(1008)
            return
        await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        origin = origin if origin in self._settings.origins else None
        code = 0

        async def answer(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                _add(MutableHeaders(scope=message), origin)
            await send(message)

        response: Response | None = None
        try:
            self._check(scope, headers)
            if scope["method"] == "OPTIONS" and origin and "access-control-request-method" in headers:
                response = Response(status_code=204, headers=_preflight())
            else:
                await self._app(scope, receive, answer)
        except Exception as error:
            if code:  # the answer has begun: nothing can be told any more
                _log.error("an answer broke off", exc_info=error)
                raise
            status, sentence, more = told(error)
            response = JSONResponse(body(sentence), status, more)
        if response is not None:
            await response(scope, receive, answer)
        path = getattr(scope.get("route"), "path", "") or "other"
        method = scope["method"] if scope["method"] in (*_METHODS, "OPTIONS") else "other"
        self._metrics.count("poise_requests_total", path=path, method=method, code=str(code))
        self._metrics.observe("poise_request_seconds", perf_counter() - started, path=path)
        if code >= 400:
            self._metrics.count("poise_errors_total", what="request")

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Raise unless this may be asked by whoever asks."""
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            raise Refused(400, "a request has one Host header")
        if not self._settings.names(_name(hosts[0])):
            raise Refused(
                421, f"this server is not asked for as {_name(hosts[0])[:80]!r}; whoever runs it can allow the name"
            )
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and not self._same(origin, hosts[0], headers.get("sec-fetch-site")):
            raise Refused(403, "a page of another site may not ask this server; whoever runs it can allow its origin")
        part = _path(scope).lstrip("/").partition("/")[0]
        if part in self._guarded and self._settings.token is not None and scope.get("method") != "OPTIONS":
            self._check_token(scope, headers)
        if self._closing() and changes:
            raise Refused(503, "the server is being stopped; try again later", Retry_After="10")

    def _same(self, origin: str | None, host: str, site: str | None) -> bool:
        """Return whether a request is from our own page, from an allowed one, or from no page at all."""
        if origin is None:
            return site in (None, "same-origin", "none")
        try:
            return origin in self._settings.origins or urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # no address, such as "http://["
            return False

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        assert self._settings.token is not None
        kind, _, shown = headers.get("authorization", "").partition(" ")
        given = shown.strip() if kind.lower() == "bearer" else ""
        if scope["type"] == "websocket" and not given:  # a page cannot set headers of a WebSocket
            try:
                query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=_MOST_WORDS)
            except ValueError:
                raise Refused(400, f"the address has more than {_MOST_WORDS} settings") from None
            given = query.get("token", [""])[0]
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._settings.token.encode()):
            what = "the token is wrong" if given else "a token is needed"
            raise Refused(401, f"{what}: send 'Authorization: Bearer TOKEN'", WWW_Authenticate="Bearer")


def _name(host: str) -> str:
    """Return a Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _path(scope: Scope) -> str:
    """Return the path within this application, which may be mounted in another."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    inside = path[len(root) :] if path.startswith(root) else path
    # As the router does it: "/pre" is a part of "/pre/predict", and none of "/predict".
    return inside if inside.startswith("/") or not inside else path


def _preflight() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": ", ".join(_METHODS),
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
    }


def _add(headers: MutableHeaders, origin: Any) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    if origin:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Retry-After"
        headers.add_vary_header("Origin")
