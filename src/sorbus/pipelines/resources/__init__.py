"""The resources of the pipelines domain."""
