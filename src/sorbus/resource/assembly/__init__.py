"""From declarations to frozen specs."""

from sorbus.resource.assembly.assemble import assemble

__all__ = ["assemble"]
