"""Movements that are taught from videos: a set, how it is learned, and how it is spotted in a stream."""
