"""Arguments of calculations: `fields[books]=shortened&field_inputs[books][shortened][words]=5`."""

from __future__ import annotations

from collections.abc import Mapping

from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.apis.json_api.texts import input_value
from sorbus.apis.json_api.views import Arguments, FieldInputs, FieldSets
from sorbus.engine.casting import InputCaster
from sorbus.errors.base import Invalid
from sorbus.errors.http import InvalidParameter
from sorbus.errors.inputs import InvalidAction, NoSuchInput
from sorbus.schema.fields import CalculationSpec

Texts = Mapping[str, list[str]]
"""The texts of each argument of a calculation, by its name as it was written."""


class FieldInputReader:
    """Reads the arguments of the calculations that sparse fieldsets name."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._casters: dict[str, InputCaster] = {}

    def read(self, written: Mapping[tuple[str, str], Texts], sets: FieldSets) -> FieldInputs:
        """The arguments of every calculation that cannot do without, or was given some.

        Args:
            written: the texts by type and calculation, as they were written.

        Raises:
            InvalidAction: the arguments of a calculation do not fit.
            InvalidParameter: there are some for what is not shown, or takes none.
        """
        made: dict[str, dict[str, Arguments]] = {}
        left = dict(written)
        for kind, fields in sets.items():
            exposed = self.surface.by_type[kind]
            for name, spec in exposed.calls.items():
                if name not in fields:
                    continue
                texts = left.pop((kind, exposed.names.wire(name)), {})
                if texts or not spec.plain:
                    made.setdefault(kind, {})[name] = self._arguments(exposed, spec, texts)
        for (kind, name), texts in left.items():
            problem = f"`fields[{kind[:100]}]` names no calculation `{name[:100]}` that takes arguments"
            raise InvalidParameter(_parameter(kind, name, next(iter(texts))), problem=problem)
        return made

    def _arguments(self, exposed: Exposed, spec: CalculationSpec, texts: Texts) -> Arguments:
        """The arguments of one calculation, which the engine will be able to cast."""
        wire = exposed.names.wire
        known = {wire(each.name): each for each in spec.arguments}
        given = {
            known[name].name: input_value(known[name].type, each)
            for name, each in texts.items()
            if name in known
        }
        caster = self._casters.get(spec.label)
        if caster is None:
            caster = self._casters[spec.label] = InputCaster(spec)
        _, errors = caster.cast(given)
        found: list[tuple[Invalid, str]] = [(error, wire(str(error.path[1]))) for error in errors]
        unknown = [name for name in texts if name not in known]
        found += [(NoSuchInput(spec.label, name[:100], allowed=known), name) for name in unknown]
        for error, argument in found:
            error.path = ("query", _parameter(exposed.type, wire(spec.name), argument))
        if found:
            raise InvalidAction(spec.label, [error for error, _ in found])
        return given


def _parameter(kind: str, name: str, argument: str) -> str:
    return f"field_inputs[{kind[:100]}][{name[:100]}][{argument[:100]}]"
