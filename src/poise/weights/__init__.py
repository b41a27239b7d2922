"""The networks and the models made of them, bundled or fetched by name, with origin, licence and checksum."""

from poise.weights._cache import home
from poise.weights._fetch import download
from poise.weights._pack import bring, pack
from poise.weights._provide import fetch, prepare, provide, remove, wanted
from poise.weights._registry import Card, Network, load, model, models, network, networks, zoo_models
from poise.weights._store import ENDINGS, Release, cached, find, put, releases

__all__ = [
    "ENDINGS",
    "Card",
    "Network",
    "Release",
    "bring",
    "cached",
    "download",
    "fetch",
    "find",
    "home",
    "load",
    "model",
    "models",
    "network",
    "networks",
    "pack",
    "prepare",
    "provide",
    "put",
    "releases",
    "remove",
    "wanted",
    "zoo_models",
]
