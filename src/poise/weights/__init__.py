"""The bundled networks and the models made of them, with origin, licence and checksum; and other weight files."""

from poise.weights._registry import Card, Network, load, model, models, network
from poise.weights._store import ENDINGS, Release, cached, download, find, home, put, releases

__all__ = [
    "ENDINGS",
    "Card",
    "Network",
    "Release",
    "cached",
    "download",
    "find",
    "home",
    "load",
    "model",
    "models",
    "network",
    "put",
    "releases",
]
