"""Rows in this process."""
