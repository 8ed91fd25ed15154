"""The declaration language."""
