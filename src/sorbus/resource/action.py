"""The decorators of the five kinds of actions, to be used as `@action.create`, `@action.read`…"""

from sorbus.resource.actions import create, destroy, generic, read, transition, update

__all__ = ["create", "destroy", "generic", "read", "transition", "update"]
