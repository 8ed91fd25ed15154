"""The data_layers room."""
