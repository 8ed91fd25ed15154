"""Hypothesis strategies for schemas that PostgreSQL accepts, with many overlaps between two of them."""

from __future__ import annotations

from hypothesis import strategies as st

from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    Expression,
    ForeignKey,
    Index,
    OnDelete,
    Schema,
    Table,
    Unique,
)

_DEFAULTS = {
    "uuid": ["gen_random_uuid()"],
    "text": ["'a'", "'it''s'"],
    "varchar(20)": ["'a'"],
    "integer": ["0", "1 + 1"],
    "bigint": ["0"],
    "numeric(10,2)": ["0.5"],
    "boolean": ["true"],
    "timestamptz": ["now()"],
    "timestamp": ["now()"],
    "date": ["CURRENT_DATE"],
    "jsonb": ["'{}'"],
    "text[]": ["'{}'"],
}
_CHECKS = {
    "integer": "{0} > 0",
    "bigint": "{0} > 0",
    "text": "length({0}) < 9 AND {0} <> 'c1'",
    "varchar(20)": "length({0}) < 9",
    "jsonb": "jsonb_typeof({0}) = 'object'",
    "boolean": "{0} IS TRUE",
}
_KEYS = {
    "text": "lower({0})",
    "varchar(20)": "lower({0})",
    "timestamptz": "{0} DESC",
    "integer": "({0} + 1) DESC",
}
_KEYS["jsonb"] = "({0} ->> 'a')"
_TABLES = ["runs", "stages", "Results", "users"]
_COLUMNS = ["c1", "c2", "c3", "c4", "Order", "user"]


def _name(column: Column) -> str:
    return f'"{column.name}"'


@st.composite
def _columns(draw: st.DrawFn) -> tuple[Column, ...]:
    made = [Column("id", draw(st.sampled_from(["uuid", "bigint"])), nullable=False)]
    if made[0].type == "bigint" and draw(st.booleans()):
        made = [Column("id", "bigint", nullable=False, identity=True)]
    for name in draw(st.lists(st.sampled_from(_COLUMNS), unique=True, max_size=5)):
        kind = draw(st.sampled_from(sorted(_DEFAULTS)))
        default = draw(st.none() | st.sampled_from(_DEFAULTS[kind]))
        comment = draw(st.none() | st.sampled_from(["one", "it's\nhere", "back\\slash"]))
        made.append(Column(name, kind, nullable=draw(st.booleans()), default=default, comment=comment))
    numbers = [each for each in made if each.type in {"integer", "bigint"}]
    if numbers and draw(st.booleans()):
        source = draw(st.sampled_from(numbers))
        kind = draw(st.sampled_from(["bigint", "numeric(10,2)"]))
        made.append(Column("made", kind, generated=f"{_name(source)} * {draw(st.sampled_from([2, 3]))}"))
    elif draw(st.booleans()):
        made.append(Column("made", "bigint", default="1"))
    return tuple(made)


@st.composite
def _tables(draw: st.DrawFn, name: str, index_names: list[str]) -> Table:
    columns = draw(_columns())
    some = st.lists(st.sampled_from(columns), min_size=1, max_size=2, unique=True)
    plain = tuple(each.name for each in columns)

    def names(chosen: list[Column]) -> tuple[str, ...]:
        return tuple(each.name for each in chosen)

    primary_key = draw(st.sampled_from([("id",), ("id",), ()]))
    if draw(st.integers(0, 5)) == 5:
        primary_key = names(draw(some))
    where = draw(st.none() | st.sampled_from(plain).map(lambda each: f'"{each}" IS NOT NULL'))
    uniques = [Unique(index_names.pop(), ("id",))] if primary_key != ("id",) or draw(st.booleans()) else []
    if draw(st.booleans()):
        uniques.append(
            Unique(index_names.pop(), names(draw(some)), nulls_distinct=draw(st.booleans()), where=where)
        )
    indexes: list[Index] = []
    if draw(st.booleans()):
        indexes.append(Index(index_names.pop(), names(draw(some)), unique=draw(st.booleans()), where=where))
    keyed = [each for each in columns if each.type in _KEYS]
    if keyed and draw(st.booleans()):
        column = draw(st.sampled_from(keyed))
        key = Expression(_KEYS[column.type].format(_name(column)))
        indexes.append(Index(index_names.pop(), ("id", key), include=(column.name,)))
    checked = [each for each in columns if each.type in _CHECKS]
    checks = ()
    if checked and draw(st.booleans()):
        column = draw(st.sampled_from(checked))
        name_of = draw(st.sampled_from(["rule", f"{name}_rule"]))
        checks = (Check(name_of, _CHECKS[column.type].format(_name(column))),)
    return Table(
        name,
        columns=columns,
        primary_key=primary_key,
        uniques=tuple(uniques),
        indexes=tuple(indexes),
        checks=checks,
        comment=draw(st.none() | st.just("a table")),
    )


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """A schema of up to four tables; references may be circular."""
    index_names = draw(st.permutations([f"index_{each}" for each in range(20)]))
    names = draw(st.lists(st.sampled_from(_TABLES), unique=True, max_size=4))
    tables = [draw(_tables(name, index_names)) for name in names]
    finished: list[Table] = []
    for table in tables:
        targets = [
            (mine, other)
            for other in tables
            for mine in table.columns
            if mine.type == other.column("id").type and mine.generated is None
        ]
        keys: list[ForeignKey] = []
        if targets and draw(st.booleans()):
            mine, other = draw(st.sampled_from(targets))
            keys.append(
                ForeignKey(
                    draw(st.sampled_from(["link", f"{table.name}_link"])),
                    (mine.name,),
                    other.name,
                    ("id",),
                    on_delete=draw(st.sampled_from(OnDelete)),
                    on_update=draw(st.sampled_from(OnDelete)),
                    deferrable=draw(st.booleans()),
                )
            )
        finished.append(
            Table(
                table.name,
                columns=table.columns,
                primary_key=table.primary_key,
                uniques=table.uniques,
                indexes=table.indexes,
                checks=table.checks,
                comment=table.comment,
                foreign_keys=tuple(keys),
            )
        )
    return Schema(tuple(finished))
