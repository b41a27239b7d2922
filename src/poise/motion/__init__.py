"""Points over time."""
