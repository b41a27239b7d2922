"""The networks and the models made of them, bundled or fetched by name, with origin, licence and checksum."""

from typing import TYPE_CHECKING

from poise.extras.lazy import lazy_names
from poise.weights._cache import digest, home
from poise.weights._faster import faster
from poise.weights._graphs import NAME as GRAPH_NAME
from poise.weights._graphs import ORIGIN as GRAPH_ORIGIN
from poise.weights._graphs import graphs, kept_graph, remove_graphs
from poise.weights._provide import fetch, prepare, provide, remove, wanted
from poise.weights._registry import Card, Network, load, model, models, network, networks, zoo_models
from poise.weights._store import ENDINGS, Release, cached, find, put, releases

if TYPE_CHECKING:
    from poise.weights._fetch import download
    from poise.weights._pack import bring, pack

__all__ = [
    "ENDINGS",
    "GRAPH_NAME",
    "GRAPH_ORIGIN",
    "Card",
    "Network",
    "Release",
    "bring",
    "cached",
    "digest",
    "download",
    "faster",
    "fetch",
    "find",
    "graphs",
    "home",
    "kept_graph",
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
    "remove_graphs",
    "wanted",
    "zoo_models",
]

__getattr__ = lazy_names(__name__, {"bring": "_pack", "download": "_fetch", "pack": "_pack"})
