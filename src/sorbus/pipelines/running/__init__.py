"""What carries runs: attempts at stages, the conductor of a graph, checkpoints, events."""
