"""Where gestures meet models and streams: hands found and followed, frames said and painted, folders of examples."""
