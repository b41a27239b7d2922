"""Movements as files, one file a format."""
