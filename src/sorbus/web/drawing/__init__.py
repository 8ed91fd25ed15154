"""Graphs of stages as pictures: places for the nodes, ways for the edges."""
