"""What the zoo's registry says: every entry whole, every model made of networks that there are."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from poise import skeletons, weights
from poise.errors import ModelError
from poise.estimators.spec import Spec

ZOO = weights.networks()


@pytest.mark.parametrize("entry", ZOO, ids=lambda entry: entry.name)
def test_every_network_says_what_it_is_and_where_it_is_from(entry: weights.Network) -> None:
    spec = Spec.of(dict(entry.spec), name=entry.name)

    families = {"detector": ("yolox", "rtmdet"), "refiner": ("simcc", "heatmap"), "one-stage": ("rtmo",)}
    assert spec.family in families[entry.kind]
    assert all(urlsplit(a).scheme == "https" and "{" not in a for a in entry.addresses)
    assert re.fullmatch(r"([0-9a-f]{64})?", entry.sha256)
    assert entry.licence == "Apache-2.0"
    assert entry.maker
    assert entry.terms
    assert entry.training
    assert entry.evidence
    assert entry.score is not None
    assert 20 < entry.score < 100
    assert bool(entry.skeleton) == (entry.kind != "detector")
    assert entry.member == ("end2end.onnx" if entry.addresses[0].endswith(".zip") else "")


def test_a_network_has_its_own_address() -> None:
    addresses = [address for entry in ZOO for address in entry.addresses]

    assert len(set(addresses)) == len(addresses)


def test_openmmlab_networks_have_the_mirror_that_rtmlib_names() -> None:
    """rtmlib 0.0.16, tools/file.py: the prefix of the maker's addresses is replaced by the mirror's."""
    maker, mirror = (
        "https://download.openmmlab.com/mmpose/v1/projects/",
        "https://huggingface.co/Tau-J/RTMPose/resolve/main/",
    )

    pairs = [entry.addresses for entry in ZOO if entry.addresses[0].startswith(maker)]

    assert len(pairs) == 32
    assert all(second == first.replace(maker, mirror) for first, second in pairs)


@pytest.mark.parametrize(
    ("name", "size", "colour", "points"),
    [
        ("rtmpose-t", (192, 256), "rgb", 17),
        ("rtmpose-x", (288, 384), "rgb", 17),
        ("rtmpose-m-26", (192, 256), "rgb", 26),
        ("rtmpose-m-hand", (256, 256), "rgb", 21),
        ("rtmpose-m-animal", (256, 256), "rgb", 17),
        ("dwpose-l-384x288", (288, 384), "rgb", 133),
        ("rtmo-s", (640, 640), "bgr", 17),
        ("tinypose-256x192", (192, 256), "rgb", 17),
    ],
)
def test_a_model_s_input_and_points(name: str, size: tuple[int, int], colour: str, points: int) -> None:
    entry = weights.network(name)

    assert (tuple(entry.spec["size"]), entry.spec["colour"]) == (size, colour)
    assert len(skeletons.get(weights.model(name).skeleton)) == points


@pytest.mark.parametrize("card", weights.zoo_models(), ids=lambda card: card.name)
def test_every_model_runs_networks_that_there_are(card: weights.Card) -> None:
    parts = [weights.network(name) for name in card.networks]

    assert card.estimator == "top-down"
    assert [d["network"] for d in card.settings["detectors"]] == list(card.networks[:1])
    if len(parts) == 2:
        assert card.settings["refiner"] == card.networks[1]
        assert parts[0].bundled or parts[0].kind == "detector"
        assert parts[1].kind == "refiner"
        assert parts[1].skeleton == card.skeleton
    else:
        assert "refiner" not in card.settings
        assert parts[0].kind == "one-stage"


def test_ready_pairs() -> None:
    assert weights.model("rtmpose-t").settings == {"detectors": [{"network": "nanodet-416"}], "refiner": "rtmpose-t"}
    assert weights.model("rtmo-s").settings == {"detectors": [{"network": "rtmo-s"}]}
    assert weights.model("rtmpose-m-hand").networks == ("rtmdet-nano-hand", "rtmpose-m-hand")
    assert {name: weights.model(name).skeleton for name in ("body-best", "wholebody", "feet", "animal")} == {
        "body-best": "coco17",
        "wholebody": "coco-wholebody133",
        "feet": "halpe26",
        "animal": "ap10k17",
    }
    # cat (15) to giraffe (23) of COCO's classes
    assert weights.model("animal").settings["detectors"][0]["classes"] == list(range(15, 24))


def test_the_list_of_bundled_models_has_no_model_of_the_zoo() -> None:
    assert weights.models()[0].name == "body"
    assert {c.name for c in weights.models()}.isdisjoint(c.name for c in weights.zoo_models())


@pytest.mark.parametrize(
    ("call", "name", "message"),
    [
        (weights.model, "rtmpos-t", "did you mean 'rtmpose-t'"),
        (weights.model, "bdy", "did you mean 'body'"),
        (weights.model, "zzzz", "known: body, .*poise models --zoo"),
        (weights.model, "yolox-tiny", "detector"),
        (weights.network, "rtmpose-mm", "did you mean 'rtmpose-m'"),
        (weights.wanted, "body-bets", "did you mean 'body-best'"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(call: object, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        call(name)  # type: ignore[operator]


def test_what_a_name_needs_fetched() -> None:
    def needed(name: str) -> list[str]:
        return [entry.name for entry in weights.wanted(name)]

    assert needed("best") == needed("body-best") == [weights.model("body-best").networks[1]]
    assert needed("rtmpose-m-hand") == ["rtmdet-nano-hand", "rtmpose-m-hand"]
    assert needed("yolox-tiny") == ["yolox-tiny"]
    assert needed("body") == []
