"""The apis room."""
