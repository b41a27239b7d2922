"""POST /predict: the records of the library, its settings and its sentences."""

from __future__ import annotations

import io
import threading

import numpy as np
import PIL.Image
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from server_kit import client_of

from poise import Pose, samples
from poise.server import ServerSettings, create_app
from poise.sinks import record


@pytest.fixture(scope="module")
def expected() -> dict:
    with Pose("body-fast", threads=1) as model:
        return record(model.predict(samples.runner, verbose=False)[0]) | {"source": "runner.jpg"}


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    PIL.Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def test_a_picture_gives_the_record_of_the_library(client: TestClient, picture: bytes, expected: dict) -> None:
    answer = client.post("/predict", files={"image": ("runner.jpg", picture)})

    assert answer.status_code == 200
    assert answer.json() == expected
    assert len(expected["instances"]) > 0


def test_a_raw_body_is_a_picture_too(client: TestClient, picture: bytes, expected: dict) -> None:
    answer = client.post("/predict", content=picture, headers={"Content-Type": "image/jpeg"})

    assert answer.json() == expected | {"source": "upload"}


def test_several_pictures_give_a_list_in_their_order(client: TestClient, picture: bytes, expected: dict) -> None:
    files = [("image", ("a.png", png(64, 48))), ("image", ("runner.jpg", picture)), ("image", ("b.png", png(32, 80)))]
    found = client.post("/predict", files=files).json()

    assert [one["source"] for one in found] == ["a.png", "runner.jpg", "b.png"]
    assert [(one["width"], one["height"]) for one in found] == [(64, 48), (840, 560), (32, 80)]
    assert found[1] == expected


@pytest.mark.parametrize("where", ["query", "form", "json"])
def test_settings_are_the_librarys_wherever_they_come_from(client: TestClient, picture: bytes, where: str) -> None:
    wanted = {"conf": "0.6", "max_det": "1", "classes": "0", "model": "body"}
    with Pose("body", threads=1) as model:
        expected = record(model.predict(samples.runner, conf=0.6, max_det=1, classes=[0], verbose=False)[0])
    files = {"image": ("runner.jpg", picture)}
    if where == "query":
        answer = client.post("/predict", files=files, params=wanted)
    elif where == "form":
        answer = client.post("/predict", files=files, data=wanted)
    else:
        text = '{"conf": 0.6, "max_det": 1, "classes": [0], "model": "body"}'
        answer = client.post("/predict", files=files, data={"settings": text})

    assert answer.json()["instances"] == expected["instances"]
    assert len(expected["instances"]) == 1


def test_the_drawn_picture_is_that_of_plot(client: TestClient, picture: bytes) -> None:
    answer = client.post("/predict?annotated=1", files={"image": picture})
    with Pose("body-fast", threads=1) as model:
        drawn = model.predict(samples.runner, verbose=False)[0].plot()

    assert answer.headers["content-type"] == "image/jpeg"
    found = np.asarray(PIL.Image.open(io.BytesIO(answer.content)).convert("RGB"))[..., ::-1].astype(int)
    assert found.shape == drawn.shape
    assert np.abs(found - drawn).mean() < 3  # JPEG's own loss


def test_an_upright_picture_of_a_turned_phone(client: TestClient) -> None:
    out = io.BytesIO()
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.new("RGB", (60, 40)).save(out, "JPEG", exif=exif)
    found = client.post("/predict", content=out.getvalue()).json()

    assert (found["width"], found["height"]) == (40, 60)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("conf=2", "conf must be from 0 to 1, got 2"),
        ("conf=x", "conf must be from 0 to 1, got 'x'"),
        ("confi=0.5", "no setting 'confi'; did you mean 'conf'?"),
        ("max_det=0", "max_det must be a whole number from 1, got 0"),
        ("imgsz=1e999", "imgsz must be from 32 to 8192 pixels, got inf"),
        ("imgsz=4096", "imgsz must be at most 1920 pixels on this server, got 4096"),
        ("classes=a,b", "classes must be class numbers from 0, such as 0 or [0, 2], got ['a', 'b']"),
        ("annotated=perhaps", "annotated must be true or false, got 'perhaps'"),
        ("model=bodi", "no model named 'bodi' is offered here; did you mean 'body'?"),
        ("save=true", "no setting 'save'; did you mean 'max_det'?"),
        ("settings=[1]", "settings must be a JSON object, got '[1]'"),
        ("settings={", "settings must be JSON, got '{'"),
    ],
)
def test_wrong_settings_are_told_in_one_sentence(client: TestClient, picture: bytes, query: str, said: str) -> None:
    answer = client.post(f"/predict?{query}", content=picture)

    assert answer.status_code == 422
    if "save" not in query:
        assert answer.json() == {"error": said}
    else:
        assert answer.json()["error"].startswith("no setting 'save'")


@pytest.mark.parametrize("model", ["/etc/passwd", "../net.onnx", "yolo26n-pose.pt", "rtmpose-m", "body.onnx", "0"])
def test_a_client_names_no_file_and_fetches_nothing(client: TestClient, picture: bytes, model: str) -> None:
    answer = client.post("/predict", params={"model": model}, content=picture)

    assert answer.status_code == 422
    assert "is offered here" in answer.json()["error"]


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", 400, "the request has no body"),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", 422, "not a picture"),
        (b"hello", 422, "upload: not a picture"),
        (b"\xff\xd8\xff\xe0", 422, "JPEG"),
        (png(20, 20)[:48], 422, "truncated PNG"),
        (png(9000, 9000), 422, "9000 x 9000 is 81,000,000 pixels, the limit is 50,000,000"),
    ],
)
def test_what_is_no_picture_is_told(client: TestClient, data: bytes, code: int, said: str) -> None:
    answer = client.post("/predict", content=data)

    assert (answer.status_code, set(answer.json())) == (code, {"error"})
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("files", "data", "code", "said"),
    [
        ([("pic", b"x")], {}, 422, "no file is expected as 'pic'"),
        ([("image", b"x")] * 17, {}, 422, "more than 16 files"),
        ([("image", b"x")], {f"a{i}": "1" for i in range(40)}, 400, "more than 32 settings"),
        ([("image", b"x")], {"conf": "1" * 40_000}, 413, "'conf' is longer than 32768 bytes"),
        ([("image", b"x")] * 2, {"annotated": "1"}, 422, "send one at a time"),
    ],
)
def test_forms_that_are_not_what_is_asked_for(
    client: TestClient, files: list, data: dict, code: int, said: str
) -> None:
    answer = client.post("/predict", files=files, data=data)

    assert answer.status_code == code
    assert said in answer.json()["error"]


def test_a_name_from_a_client_is_text(client: TestClient, picture: bytes) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="../../a\x1b[31m/../b\x07.jpg"\r\n\r\n'
        + picture
        + b"\r\n--x--\r\n"
    )
    answer = client.post("/predict", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.json()["source"] == "b\\x07.jpg"


def test_large_bodies_are_refused_before_and_while_they_come(picture: bytes) -> None:
    with client_of(create_app(max_body=10_000)) as client:
        stated = client.post("/predict", content=picture)
        streamed = client.post("/predict", content=iter([picture[:8000]] * 3))

    for answer in (stated, streamed):
        assert answer.status_code == 413
        assert answer.json()["error"].startswith("the body is larger than this server takes (10,000 bytes)")


def test_a_full_queue_says_when_to_come_again(picture: bytes) -> None:
    app = create_app(workers=1, queue=2, threads=1)
    pool = app.state.service.pool
    begun, end = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        end.wait(30)

    with client_of(app) as client:
        pool.submit("another", wait)
        assert begun.wait(10)
        for _ in range(2):
            pool.submit("another", wait)
        refused = client.post("/predict", content=picture)
        end.set()
        taken = client.post("/predict", content=picture)

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"].startswith("the server is busy: 2 pictures wait already; try again in")
    assert taken.status_code == 200


def test_an_error_of_the_server_tells_nothing_of_it(picture: bytes, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(threads=1)

    def broken(*_: object) -> None:
        raise KeyError("/secret/path")

    app.state.service.predict = broken
    with client_of(app) as client:
        answer = client.post("/predict", content=picture)

    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed at this; its log says why"}
    assert "/secret/path" in caplog.text


def test_it_can_be_mounted_in_an_application_of_ones_own(picture: bytes, expected: dict) -> None:
    own = FastAPI()
    inner = create_app(ServerSettings(token="a-long-token", threads=1))
    own.mount("/pose", inner)
    headers = {"Authorization": "Bearer a-long-token"}
    with client_of(own) as client:
        answer = client.post("/pose/predict", files={"image": ("runner.jpg", picture)}, headers=headers)
        refused = client.post("/pose/predict", files={"image": ("runner.jpg", picture)})
    inner.state.service.close()

    assert answer.json() == expected
    assert refused.status_code == 401


def test_only_named_models_are_offered(photo: object, picture: bytes) -> None:
    with client_of(create_app(models=("hands", "body-fast"), threads=1)) as client:
        names = [row["name"] for row in client.get("/models").json()]
        answer = client.post("/predict?model=body", content=picture)

    assert names == ["hands", "body-fast"]
    assert answer.json() == {"error": "no model named 'body' is offered here; did you mean 'body-fast'?"}


def test_requests_together_hold_no_more_memory_than_allowed(picture: bytes) -> None:
    app = create_app(max_bodies=len(picture) + 1000, threads=1)
    service = app.state.service
    with client_of(app) as client:
        with service.held() as hold:
            hold(2000)
            refused = client.post("/predict", content=picture)
        taken = [client.post("/predict", content=picture).status_code for _ in range(3)]

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "2"
    assert taken == [200, 200, 200]
