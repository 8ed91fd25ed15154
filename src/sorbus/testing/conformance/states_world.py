"""The conformance domain, part for state machines: orders on their way."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Attr,
    Domain,
    Identities,
    Policies,
    Postgres,
    Resource,
    Scope,
    action,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)
from sorbus.extensions.state_machine import StateMachine, next_state, transition
from sorbus.resource.actions import Arg


class Phase(StrEnum):
    """The states of an order."""

    CART = "cart"
    QUOTE = "quote"
    PAID = "paid"
    CHECKED = "checked"
    SHIPPED = "shipped"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    FAXED = "faxed"


class Purchase(Resource):
    """Something that is bought."""

    id: Attr[UUID] = uuid_primary_key()
    number: Attr[int] = attribute()
    phase: Attr[Phase] = attribute()
    note: Attr[str] = attribute(default="")

    @action.create
    def open(self, scope: Scope, number: int, phase: Phase = UNCHANGED, note: str = "") -> None:
        """Begin an order; a note may ask for a state that it cannot begin in."""
        if note == "paid":
            self.phase = Phase.PAID

    @action.create
    def register(self, scope: Scope, number: int, phase: Phase) -> None:
        """Begin an order in a given state."""

    @action.transition(Phase.CART, Phase.QUOTE, to=Phase.PAID)
    def pay(self, scope: Scope) -> None:
        """Pay."""

    @action.transition(Phase.PAID, Phase.CHECKED, to=[Phase.CHECKED, Phase.SHIPPED, Phase.CART])
    def look(self, scope: Scope, choice: Arg[str]) -> None:
        """Decide what follows."""
        match choice:
            case "ship":
                next_state(self, Phase.SHIPPED)
            case "check":
                self.phase = Phase.CHECKED
            case "return":
                next_state(self, Phase.RETURNED)
            case _:
                pass

    @action.update
    async def send_back(self, scope: Scope) -> None:
        """Send it back; where it starts is said in the section."""

    @action.transition("*", to=Phase.CANCELLED)
    def cancel(self, scope: Scope) -> None:
        """Forget it."""

    @action.update
    def annotate(self, scope: Scope, note: str) -> None:
        """Write a note; one of them tries to go round the machine."""
        if note == "ship it":
            self.phase = Phase.SHIPPED

    @action.update
    def annotate_late(self, scope: Scope, note: str) -> None:
        """Write a note with a hook that tries to go round the machine."""

    @annotate_late.before_write
    def _sneak(self, scope: Scope) -> None:
        self.phase = Phase.SHIPPED

    @action.update
    def refax(self, scope: Scope) -> None:
        """What became of faxes."""

    @action.create(upsert="number")
    def restart(self, scope: Scope, number: int) -> None:
        """Back into the cart, or a new order."""

    storage = Postgres("suite_purchases")
    identities = Identities(number=[number])
    policies = Policies(policy("any", authorize_if(True)))
    machine = StateMachine(
        phase,
        transition(send_back, Phase.SHIPPED, to=Phase.RETURNED),
        transition(refax, Phase.FAXED, to=Phase.PAID),
        transition(restart, Phase.CART, Phase.PAID, to=Phase.CART),
        initial=[Phase.CART, Phase.QUOTE],
        final=[Phase.RETURNED, Phase.CANCELLED],
        deprecated=[Phase.FAXED],
    )


Trade = Domain("suite_trade", resources=[Purchase])
