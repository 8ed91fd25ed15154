"""The tables of functions, by what they work on; `sorbus.expressions.operators` joins them."""
