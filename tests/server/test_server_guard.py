"""Who may ask: hosts, origins, tokens; and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from server_kit import LOCAL, client_of, running
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from poise import weights
from poise.errors import PoiseError
from poise.reps import exercise_names
from poise.server import ServerSettings, create_app
from poise.server.guard import HEADERS

connect = pytest.importorskip("websockets.sync.client").connect
InvalidStatus = pytest.importorskip("websockets.exceptions").InvalidStatus

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outer") / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Poise</title>")
    (folder / "app.js").write_text("export {};")
    (folder / "net.wasm").write_bytes(b"\0asm")
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def guarded(page: Path) -> Iterator[TestClient]:
    app = create_app(ServerSettings(token=TOKEN, origins=("https://example.org",), threads=1), page=page)
    with client_of(app) as client:
        yield client


PATHS = ["/models", "/exercises", "/metrics", "/openapi.json", "/video/x", "/video/x/results.csv"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer " + TOKEN[:-1], 401),
        ("Basic " + TOKEN, 401),
        ("bearer " + TOKEN, None),
        ("Bearer é", 401),
    ],
)
def test_every_path_but_health_and_page_needs_the_token(
    guarded: TestClient, path: str, header: str | None, code: int | None
) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = guarded.get(path, headers=headers)

    if code is None:
        assert answer.status_code in (200, 404)
    else:
        assert answer.status_code == code
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"].endswith("send 'Authorization: Bearer TOKEN'")


def test_a_token_in_the_address_is_for_websockets_only(guarded: TestClient) -> None:
    assert guarded.get(f"/models?token={TOKEN}").status_code == 401
    with guarded.websocket_connect(f"/stream?token={TOKEN}") as socket:
        socket.send_json({"type": "settings"})
        assert socket.receive_json()["type"] == "ready"
    for query in ("", "?token=", "?token=wrong"):
        with (
            pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)),
            guarded.websocket_connect(f"/stream{query}"),
        ):
            pass


def test_health_and_page_are_open(guarded: TestClient) -> None:
    assert guarded.get("/health").json()["status"] == "ok"
    assert "<title>Poise" in guarded.get("/").text
    assert guarded.get("/app.js").headers["content-type"].startswith("text/javascript")
    assert guarded.get("/net.wasm").headers["content-type"] == "application/wasm"


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/link.txt", "//etc/passwd", "/x/../../secret.txt"],
)
def test_the_page_gives_no_file_outside_its_folder(guarded: TestClient, path: str) -> None:
    answer = guarded.get(path)

    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/models", "/nothing", "/health", "/predict"])
def test_every_answer_carries_the_headers(guarded: TestClient, path: str) -> None:
    answer = guarded.get(path)

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8000", True),
        ("localhost:8000", True),
        ("LOCALHOST.", True),
        ("[::1]:8000", True),
        ("192.168.1.7:8000", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_without_a_token_only_addresses_and_localhost_are_answered(client: TestClient, host: str, known: bool) -> None:
    answer = client.get("/models", headers={"Host": host})

    assert answer.status_code == (200 if known else 421)


def test_allowed_names_are_answered() -> None:
    with client_of(create_app(hosts=("pose.example.org",)), "http://pose.example.org") as client:
        assert client.get("/models").status_code == 200
        assert client.get("/models", headers={"Host": "other.example.org"}).status_code == 421


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 400),
        ({"Origin": "http://127.0.0.1"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 400),
    ],
)
def test_pages_of_other_sites_may_not_post(client: TestClient, headers: dict, code: int) -> None:
    assert client.post("/predict", headers=headers).status_code == code  # 400: it has no body


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_pages_of_other_sites_may_not_connect(client: TestClient, origin: str) -> None:
    with (
        pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)),
        client.websocket_connect("/stream", headers={"Origin": origin, "Host": "127.0.0.1"}),
    ):
        pass
    with client.websocket_connect("/stream", headers={"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}):
        pass


def test_an_allowed_site_may_ask_and_no_other(guarded: TestClient) -> None:
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = guarded.options("/predict", headers={"Origin": "https://example.org", **ask})
    other = guarded.options("/predict", headers={"Origin": "https://evil.example", **ask})
    key = {"Authorization": f"Bearer {TOKEN}"}
    post = guarded.post("/predict", headers={"Origin": "https://example.org", **key})
    read = guarded.get("/models", headers={"Origin": "https://evil.example", **key})

    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://example.org"
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    assert allowed.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in other.headers
    assert post.status_code == 400
    assert post.headers["access-control-allow-origin"] == "https://example.org"
    assert "access-control-allow-origin" not in read.headers


def test_without_sites_there_is_no_cors(client: TestClient) -> None:
    answer = client.get("/models", headers={"Origin": "http://127.0.0.1"})

    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"token": "short"}, "8 characters or more"),
        ({"token": "with\nline-break"}, "plain letters"),
        ({"origins": ("example.org",)}, "'example.org' is no origin of a site"),
        ({"origins": ("https://example.org/path",)}, "is no origin"),
        ({"origins": ("*",)}, "is no origin"),
        ({"workers": 0}, "workers must be a whole number from 1, got 0"),
        ({"max_body": 1.5}, "max_body must be a whole number"),
        ({"keep_s": 0}, "keep_s must be seconds, more than 0"),
    ],
)
def test_wrong_settings_of_a_server_are_told(fields: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        ServerSettings(**fields)


def test_metrics_are_prometheus_text(client: TestClient, picture: bytes) -> None:
    client.post("/predict", content=picture)
    client.post("/predict", content=b"x")
    client.get("/nothing")
    client.request("BREW", "/health")
    text = client.get("/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    assert values['poise_requests_total{code="200",method="POST",path="/predict"}'] >= 1
    assert values['poise_requests_total{code="422",method="POST",path="/predict"}'] >= 1
    assert values['poise_requests_total{code="405",method="other",path="/health"}'] == 1
    assert (
        values['poise_request_seconds_bucket{path="/predict",le="+Inf"}']
        == (values['poise_request_seconds_count{path="/predict"}'])
    )
    assert values["poise_clients"] == 0
    assert values['poise_jobs{state="running"}'] == 0
    for name in ("poise_queue", "poise_inference_seconds_count", 'poise_errors_total{what="request"}'):
        assert name in values
    assert text.count("# TYPE") == text.count("# HELP")


def test_the_description_names_every_path_and_no_other_host(client: TestClient) -> None:
    found = client.get("/openapi.json").json()

    assert set(found["paths"]) == {
        "/predict", "/video", "/video/{id}", "/video/{id}/{name}", "/models", "/exercises", "/health", "/metrics",
    }  # fmt: skip
    assert found["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    for path in ("/docs", "/redoc"):
        assert client.get(path).status_code == 404


def test_exercises_and_models_are_those_of_the_library(client: TestClient) -> None:
    rows = client.get("/models").json()

    assert client.get("/exercises").json() == exercise_names()
    assert rows[0]["name"] == "body-fast"
    assert {row["name"] for row in rows} == {card.name for card in weights.models()}
    assert {row["skeleton"] for row in rows} >= {"coco17", "hand21"}
    assert all(row["title"] for row in rows)


def test_what_is_not_there_is_told_as_json(client: TestClient) -> None:
    missing, wrong = client.get("/nothing"), client.put("/predict")

    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert missing.json() == {"error": "nothing is here; what this server answers: /openapi.json"}
    assert wrong.json() == {"error": "this is not asked with PUT"}


def test_what_only_takes_a_post_says_so(client: TestClient) -> None:
    opened, page = client.get("/predict"), client.post("/")

    assert (opened.status_code, opened.headers["allow"]) == (405, "POST")
    assert opened.json() == {"error": "this is not asked with GET"}
    assert (page.status_code, page.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("root", "path"), [("/pre", "/predict"), ("/mod", "/models")])
def test_a_prefix_that_begins_like_a_path_does_not_open_it(root: str, path: str) -> None:
    app = create_app(token=TOKEN, threads=1)
    with TestClient(app, base_url=LOCAL, root_path=root) as client:
        # Proxies that cut the prefix off before they ask.
        answers = [client.post(path, content=b"x"), client.get(path)]

    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize(
    ("query", "origin", "code"),
    [("&".join("a=1" for _ in range(40)), None, 400), ("", "http://[", 403), ("", "http://[zz]", 403)],
)
def test_connections_that_make_no_sense_are_refused_in_a_sentence(query: str, origin: str | None, code: int) -> None:
    headers = {} if origin is None else {"Origin": origin}
    with running(token=TOKEN) as (address, _), pytest.raises(InvalidStatus) as caught:
        connect(f"ws://{address}/stream?{query}", additional_headers=headers).__enter__()
    response = caught.value.response

    assert response.status_code == code
    assert set(json.loads(response.body)) == {"error"}


def test_a_page_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match="nowhere: no such folder; expected one with the files of a page"):
        create_app(page=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("GET", "/video", "POST"),
        ("PUT", "/video/x", "DELETE, GET"),
        ("POST", "/health", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_know_is_told_with_those_it_does(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"error": f"this is not asked with {method}"}
