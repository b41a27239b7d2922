"""Shapes that are taught from pictures: a set, how it is learned, and the examples that it is learned from."""
