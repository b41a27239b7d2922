"""Points over time: repetitions of exercises."""
