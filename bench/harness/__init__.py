"""The benches of Sorbus: what drives them, measures and reports."""
