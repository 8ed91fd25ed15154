"""State machines: states, transitions that the database guards, and their charts."""

from sorbus.extensions.state_machine.charts import dot, mermaid
from sorbus.extensions.state_machine.graph import Edge, Graph, graph_of
from sorbus.extensions.state_machine.section import StateMachine, Transition, next_state, transition
from sorbus.extensions.state_machine.svg import svg

__all__ = [
    "Edge",
    "Graph",
    "StateMachine",
    "Transition",
    "dot",
    "graph_of",
    "mermaid",
    "next_state",
    "svg",
    "transition",
]
