"""What a pipeline is: its stages and edges, checked, drawn, written as data."""
