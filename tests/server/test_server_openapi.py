"""What /openapi.json promises holds for whatever can be made of it; and the framework reports to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from server_kit import client_of

from poise.server import create_app

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")

APP = create_app(threads=1, max_jobs=2, max_frames=2)


async def kept(scope: Any, receive: Any, send: Any) -> None:
    """Ask the application, which does not end with each case that is tried."""
    if scope["type"] != "lifespan":
        await APP(scope, receive, send)
        return
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


schema = schemathesis.openapi.from_asgi("/openapi.json", kept, headers={"Host": "127.0.0.1"})


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    APP.state.service.close()


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_answers_are_what_is_promised(case: Any) -> None:
    case.headers = {**(case.headers or {}), "Host": "127.0.0.1"}
    answer = case.call(base_url="http://127.0.0.1")

    assert answer.status_code != 500
    if answer.status_code >= 400 and case.method != "HEAD":
        assert set(answer.json()) >= {"error"}
    case.validate_response(
        answer, excluded_checks=[schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    )  # binary strings of a schema are no pictures


def test_the_framework_reports_to_nobody(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """FastAPI would export to whom the environment names, and warn here, where the exporter is not installed."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    with client_of(create_app(threads=1)) as client:
        assert client.get("/health").status_code == 200

    assert "telemetry" not in caplog.text.lower()
