"""The bundled networks and the models made of them, with origin, licence and checksum."""

from poise.weights._registry import Card, Network, load, model, models, network

__all__ = ["Card", "Network", "load", "model", "models", "network"]
