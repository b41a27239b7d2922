"""The application: its paths, each a few lines that ask :class:`~poise.server.service.Service`."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Match

from poise.errors import PoiseError
from poise.extras.version import __version__
from poise.image import encode
from poise.reps import exercise_names
from poise.results import Results
from poise.server import openapi
from poise.server.asked import of_pictures, of_video
from poise.server.guard import Guard
from poise.server.refused import Refused, body
from poise.server.service import Service
from poise.server.sessions import Session
from poise.server.settings import ServerSettings
from poise.server.uploads import Limits, kept_bytes, private_file, read_form
from poise.server.videos import FILES, Job
from poise.sinks import record

_IMAGES = ("image", "images", "file", "files")
_VIDEOS = ("video", "file")
PAGE = Path(__file__).resolve().parents[1] / "web" / "page"

# What systems' tables of file types know differently, or not at all.
for _ending, _type in ((".js", "text/javascript"), (".mjs", "text/javascript"), (".wasm", "application/wasm")):
    mimetypes.add_type(_type, _ending)


def build(settings: ServerSettings, *, page: str | Path | None = None) -> FastAPI:
    """Return the application.

    Args:
        settings: What it offers, to whom, and how much.
        page: A folder that is served at ``/``; None: the page that comes with Poise.

    Raises:
        ModelError: A model of ``settings.models`` is not known.
        PoiseError: There is no such folder.
    """
    folder = PAGE if page is None else Path(page)
    if page is not None and not folder.is_dir():
        raise PoiseError(f"{page}: no such folder; expected one with the files of a page, index.html among them")
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="Poise",
        version=__version__,
        summary="Keypoints in pictures, videos and live streams.",
        description=openapi.STREAM,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI reports to whoever the environment names, unless this says otherwise; older releases ignore it.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.service = service
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    _pictures(app, service)
    _videos(app, service)
    _facts(app, service)

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await Session(service, socket).run()

    paths = [str(getattr(route, "path", "")) for route in app.routes]
    guarded = {path.lstrip("/").partition("/")[0] for path in paths} - {"health"}
    if folder.is_dir():
        app.mount("/", _Page(directory=folder, html=True), name="page")
    app.add_middleware(
        Guard, settings=settings, metrics=service.metrics, guarded=guarded, closing=lambda: service.closing
    )
    return app


class _Page(StaticFiles):
    """The static page; a browser asks each time whether a file has changed."""

    async def get_response(self, path: str, scope: Any) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _pictures(app: FastAPI, service: Service) -> None:
    settings = service.settings
    extra = openapi.pictures(settings, service.shelf.names)

    @app.post(
        "/predict",
        summary="Find keypoints in one or several pictures",
        openapi_extra=extra,
        responses=openapi.responses(408, 413, 422, 429, 503, ok=openapi.predicted()),
    )
    async def predict(request: Request) -> Response:
        with service.held() as hold:
            limits = Limits(settings.max_body, settings.max_images, settings.body_s, hold)
            form = await read_form(request, _IMAGES, limits)
            given = [*request.query_params.multi_items(), *form.fields]
            asked = of_pictures(given, model=service.shelf.default, most_imgsz=settings.max_imgsz)
            service.shelf.check(asked.model)
            if not form.uploads:
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no picture; send one as 'image'")
            if asked.annotated and len(form.uploads) > 1:
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "annotated answers with one picture; send one at a time")

            def work(data: bytes, name: str) -> bytes | dict[str, Any]:
                result = service.predict(data, name, asked)
                return encode(_drawn(result), ".jpg") if asked.annotated else record(result)

            works = [partial(work, kept_bytes(upload), upload.name) for upload in form.uploads]
            futures = service.pool.submit_all(("address", request.client and request.client.host), works)
            found = await asyncio.gather(*map(asyncio.wrap_future, futures))
            if asked.annotated:
                return Response(cast(bytes, found[0]), media_type="image/jpeg")
            return JSONResponse(found if len(found) > 1 else found[0])


def _drawn(result: Results) -> Any:
    return result.plot()


def _videos(app: FastAPI, service: Service) -> None:
    settings, videos = service.settings, service.videos

    def found(key: str) -> Job:
        job = videos.get(key)
        if job is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such video; its time may be over")
        return job

    @app.post(
        "/video",
        summary="Have a video looked at; answers at once with its id",
        openapi_extra=openapi.videos(service.shelf.names),
        status_code=HTTPStatus.ACCEPTED,
        responses={**openapi.responses(408, 413, 422, 429, 501, 503), 202: openapi.job()},
    )
    async def begin(request: Request) -> Response:
        # Wrong settings in the query are told before gigabytes have come.
        query = request.query_params.multi_items()
        of_video(query, model=service.shelf.default, most_imgsz=settings.max_imgsz)
        job = videos.prepare()
        try:
            make = partial(private_file, job.upload)
            form = await read_form(request, _VIDEOS, Limits(settings.max_video, 1, settings.body_s), make)
            if not form.uploads:
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no video; send one as 'video'")
            form.uploads[0].file.close()
            given = [*query, *form.fields]
            job.settings, job.annotated = of_video(given, model=service.shelf.default, most_imgsz=settings.max_imgsz)
            service.shelf.check(job.settings.model)
            job.name = form.uploads[0].name
            videos.start(job)
        except BaseException:
            videos.discard(job)
            raise
        return JSONResponse(videos.record(job), HTTPStatus.ACCEPTED, {"Location": f"video/{job.id}"})

    @app.get("/video/{id}", summary="How far a video is", responses=openapi.responses(404, ok=openapi.job()))
    async def state(id: str) -> Response:
        return JSONResponse(videos.record(found(id)))

    @app.get(
        "/video/{id}/{name}",
        summary="A file of results: results.jsonl, results.csv, events.jsonl or annotated.mp4",
        response_class=FileResponse,
        responses={
            **openapi.responses(404),
            200: {"description": "The file.", "content": {kind: {} for kind in FILES.values()}},
        },
    )
    async def file(id: str, name: str) -> Response:
        job = found(id)
        ready = {one["name"] for one in videos.record(job)["files"]}
        if name not in ready:
            raise Refused(HTTPStatus.NOT_FOUND, f"no such file; this video is {job.state} and has: {sorted(ready)}")
        return FileResponse(job.folder / name, media_type=FILES[name], filename=name)

    @app.delete(
        "/video/{id}",
        summary="Stop a video and remove its files",
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        responses=openapi.responses(404, 503),
    )
    async def remove(id: str) -> Response:
        await asyncio.to_thread(videos.remove, found(id))
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _facts(app: FastAPI, service: Service) -> None:
    @app.get(
        "/models",
        summary="The models that may be asked for, the default first",
        responses=openapi.responses(
            ok=openapi.answer(
                {"type": "array", "items": {"type": "object"}},
                [{"name": "body-fast", "title": "…", "notes": "", "skeleton": "coco17"}],
                "A row a model.",
            )
        ),
    )
    async def models() -> Response:
        return JSONResponse(service.shelf.describe())

    @app.get(
        "/exercises",
        summary="The exercises whose repetitions can be counted",
        responses=openapi.responses(
            ok=openapi.answer(
                {"type": "array", "items": {"type": "string"}}, ["push_up", "squat"], "Names for the setting 'reps'."
            )
        ),
    )
    async def exercises() -> Response:
        return JSONResponse(exercise_names())

    @app.get(
        "/health",
        summary="Whether the server takes work; needs no token",
        responses=openapi.responses(
            503, ok=openapi.answer({"type": "object"}, {"status": "ok", "version": __version__}, "It does.")
        ),
    )
    async def health() -> Response:
        facts = {"version": __version__, "up_s": round(perf_counter() - service.began, 1)}
        if service.closing:
            return JSONResponse(body("the server is being stopped", status="stopping", **facts), 503)
        return JSONResponse({"status": "ok", **facts})

    @app.get(
        "/metrics",
        summary="Requests, errors, latencies, queue, clients: as text that Prometheus reads",
        response_class=PlainTextResponse,
        responses=openapi.responses(),
    )
    async def metrics() -> Response:
        return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4")


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: paths that are not there, methods that a path does not know."""
    assert isinstance(error, HTTPException)
    code, headers = error.status_code, dict(error.headers or {})
    if code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        # The page takes every path: where it has no such file, the path may be one that is asked with another method.
        # Where it has none either, the framework names the methods of the first of several routes only.
        routes = [one for one in request.app.router.routes if one.matches(request.scope)[0] is Match.PARTIAL]
        if routes:
            code = HTTPStatus.METHOD_NOT_ALLOWED
            headers["Allow"] = ", ".join(sorted({method for one in routes for method in one.methods or ()}))
            request.scope["route"] = routes[0]  # by which requests are counted
        elif code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.setdefault("Allow", "GET, HEAD")  # of the page
    words = {
        404: f"nothing is here; what this server answers: {request.scope.get('root_path', '')}/openapi.json",
        405: f"this is not asked with {request.method[:16]}",
    }
    return JSONResponse(body(words.get(code, str(error.detail))), code, headers)


async def _wrong_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse(body(f"{'.'.join(map(str, first['loc']))[:80]}: {first['msg']}"), 422)
