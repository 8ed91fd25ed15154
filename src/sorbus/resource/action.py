"""The decorators of the five kinds of actions, to be used as `@action.create`, `@action.read`…"""

from sorbus.resource.actions import create as create
from sorbus.resource.actions import destroy as destroy
from sorbus.resource.actions import generic as generic
from sorbus.resource.actions import read as read
from sorbus.resource.actions import transition as transition
from sorbus.resource.actions import update as update
