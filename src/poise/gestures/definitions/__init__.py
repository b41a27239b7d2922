"""Gestures that are defined: what a definition says, the past that it looks at, and how well a body or hand fits it."""
