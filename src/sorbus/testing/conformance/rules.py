"""Behaviours of policies, tenancy and generic actions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sorbus.data_layers.base import Bindings
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.inputs import InvalidAction, InvalidAnswer, InvalidInput, NotFound
from sorbus.expressions.nodes import FALSE, TRUE, Call, Const, InputRef, Node, Ref
from sorbus.policies.fold import PolicyProgram
from sorbus.query.statements import Output, Select
from sorbus.schema.policies import Access, CheckSpec, Effect, PolicySpec
from sorbus.testing.conformance.people import Door, Gate, Note, Org, Person, Role, Setting, Vault
from sorbus.testing.conformance.press import Article, Author
from sorbus.testing.conformance.world import Behaviour, Tenant, only

TRUTHS = (True, False, None)
FACTS = tuple(itertools.product(TRUTHS, TRUTHS, TRUTHS))
"""Every combination of three truth values, as the rows and as the inputs of the truth table."""

_FIELDS: list[Node] = [Ref("a"), Ref("b"), Ref("c")]
_INPUTS: list[Node] = [InputRef("x"), InputRef("y"), InputRef("z")]
_atoms = st.sampled_from([*_FIELDS, *_INPUTS, TRUE, FALSE])


def _extended(conditions: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    pairs = st.tuples(conditions, conditions)
    return st.one_of(
        st.builds(Call, st.sampled_from(["and", "or"]), pairs),
        st.builds(Call, st.just("not"), st.tuples(conditions)),
    )


_conditions = st.recursive(_atoms, _extended, max_leaves=5)
_checks = st.builds(CheckSpec, effect=st.sampled_from(Effect), condition=_conditions)


def _grouped(drawn: tuple[Node | None, list[PolicySpec]]) -> list[PolicySpec]:
    """Policies with the condition of a group around them."""
    condition, policies = drawn
    if condition is None:
        return policies
    return [replace(each, when=Call("and", (condition, each.when))) for each in policies]


one_policy = st.builds(
    PolicySpec,
    actions=st.just(frozenset({"read"})),
    checks=st.lists(_checks, min_size=1, max_size=3).map(tuple),
    when=st.just(TRUE) | _conditions,
    bypass=st.booleans(),
    access=st.sampled_from([Access.FILTER, Access.FILTER, Access.STRICT]),
)
policy_sets = (
    st.lists(
        st.tuples(st.none() | _conditions, st.lists(one_policy, min_size=1, max_size=2)).map(_grouped),
        max_size=2,
    )
    .map(itertools.chain.from_iterable)
    .map(list)
)
"""Up to four policies, some in groups, with bypasses, conditions, every effect, and strict ones among them."""


def truth(node: Node, row: dict[str, bool | None], inputs: dict[str, bool | None]) -> bool | None:
    """SQL's truth value of a condition, written down anew as a reference."""
    match node:
        case Const(value):
            return cast("bool", value)
        case Ref(name):
            return row[name]
        case InputRef(name):
            return inputs[name]
        case Call("not", (inner,)):
            value = truth(inner, row, inputs)
            return None if value is None else not value
        case Call(operator, args):
            values = {truth(each, row, inputs) for each in args}
            decisive = operator == "or"
            return decisive if decisive in values else None if None in values else not decisive
        case _:
            raise NotImplementedError(node)


def _authorised(checks: tuple[CheckSpec, ...], row: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Whether a policy authorises: the first check whose effect applies decides, none means no."""
    for check in checks:
        value = truth(check.condition, row, inputs)
        if check.effect is Effect.AUTHORIZE_IF and value is True:
            return True
        if check.effect is Effect.AUTHORIZE_UNLESS and value is False:
            return True
        if check.effect is Effect.FORBID_IF and value is True:
            return False
        if check.effect is Effect.FORBID_UNLESS and value is not True:
            return False
    return False


def allowed(policies: list[PolicySpec], row: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Whether a row is allowed, by walking through the policies one by one."""
    applies = False
    for each in policies:
        when = truth(each.when, row, inputs)
        authorised = _authorised(each.checks, row, inputs)
        if each.bypass:
            if when is True and authorised:
                return True
            continue
        applies = applies or when is True
        if when is not False and not authorised:
            return False
    return applies


ROW = "row"
"""The truth value of what is not known before the row is."""

Four = bool | str | None


def _either(values: list[Four]) -> Four:
    return next((each for each in (True, ROW, None) if each in values), False)


def _both(values: list[Four]) -> Four:
    return next((each for each in (False, ROW, None) if any(each is value for value in values)), True)


def _opposite(value: Four) -> Four:
    return (not value) if isinstance(value, bool) else value


def before_the_row(node: Node, inputs: dict[str, Any]) -> Four:
    """What is known of a condition while no row is."""
    match node:
        case Ref():
            return ROW
        case Call("not", (inner,)):
            return _opposite(before_the_row(inner, inputs))
        case Call(operator, args):
            values = [before_the_row(each, inputs) for each in args]
            return _either(values) if operator == "or" else _both(values)
        case _:
            return truth(node, {}, inputs)


def needs_row(policy: PolicySpec, inputs: dict[str, Any]) -> bool:
    """Whether what a policy says is not known before the row is."""
    said: Four = False
    for check in reversed(policy.checks):
        value = before_the_row(check.condition, inputs)
        known: Four = False if value is None else value
        match check.effect:
            case Effect.AUTHORIZE_IF:
                said = _either([known, said])
            case Effect.FORBID_IF:
                said = _both([_opposite(known), said])
            case Effect.AUTHORIZE_UNLESS:
                said = _either([False if value is None else _opposite(value), said])
            case Effect.FORBID_UNLESS:
                said = _both([known, said])
    when = before_the_row(policy.when, inputs)
    if policy.bypass:
        return _both([when, said]) == ROW
    return _either([False if when is None else _opposite(when), said]) == ROW


def strictly(policies: list[PolicySpec], inputs: dict[str, Any]) -> list[PolicySpec]:
    """The policies, with refusals in place of strict ones that need the row."""
    no = (CheckSpec(effect=Effect.FORBID_IF, condition=TRUE),)
    return [
        replace(each, checks=no, when=TRUE)
        if each.access is Access.STRICT and needs_row(each, inputs)
        else each
        for each in policies
    ]


class Policies(Behaviour):
    """Who may do what."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(policies=policy_sets, facts=st.sampled_from(FACTS))
    async def test_the_rows_that_policies_let_through_are_those_of_the_truth_table(
        self, here: Tenant, policies: list[PolicySpec], facts: tuple[bool | None, ...]
    ) -> None:
        engine = here.app.engine
        spec = engine.spec_of(Gate)
        layer = engine.layer_of(spec)
        if not await Gate.query(here.system).count():
            for a, b, c in FACTS:
                await Gate.place(here.system, a=a, b=b, c=c)
        inputs = dict(zip("xyz", facts, strict=True))
        program = PolicyProgram(replace(spec, policies=tuple(policies)), "read")
        condition = program.fold(program.variant(here.scope, inputs))
        outputs = tuple(
            Output(name=name, node=Ref(name), type=spec.attributes[name].type) for name in ("a", "b", "c")
        )
        select = layer.compile(Select(resource=spec, outputs=outputs, where=condition))
        rows = await engine.fetch(layer, select, Bindings((), inputs=inputs))
        reference = strictly(policies, inputs)
        wanted = [row for row in FACTS if allowed(reference, dict(zip("abc", row, strict=True)), inputs)]
        assert sorted(map(repr, map(tuple, rows))) == sorted(map(repr, wanted))

    async def test_no_policies_section_forbids_everything(self, here: Tenant) -> None:
        calls: list[Any] = [
            Vault.fill(here.scope, name="x"),
            Vault.peek(here.scope),
            Vault.query(here.scope).all(),
            Vault.query(here.scope).count(),
            Vault.query(here.scope).page(),
            Vault.get(here.scope, uuid4()),
        ]
        for call in calls:
            with pytest.raises(ActionForbidden, match="no policies section"):
                await call
        assert here.visits.names == []

    async def test_no_policy_for_an_action_forbids_it(self, here: Tenant) -> None:
        with pytest.raises(ActionForbidden, match="no policy applies"):
            await Org.found(here.scope, name="x", slug="y")

    async def test_a_refusal_explains_itself_as_data(self, here: Tenant) -> None:
        nobody = here.as_(None)
        with pytest.raises(ActionForbidden) as caught:
            await Door.build(nobody, name="x")
        told = caught.value.breakdown.to_dict()
        assert (told["resource"], told["action"], told["allowed"]) == ("Door", "build", False)
        assert told["policies"][0]["outcome"] == "false"
        assert told["policies"][0]["checks"][0] == {
            "effect": "forbid_unless",
            "condition": "actor is present",
            "outcome": "false",
        }
        assert here.app.explain(Door.build, here.scope).allowed is True
        assert here.app.explain(Note.edit, here.scope).allowed is None
        assert "owner_id == actor.id" in str(here.app.explain(Note.edit, here.scope))

    async def test_a_refusal_comes_before_any_hook_and_body(self, here: Tenant) -> None:
        banned = here.as_(await here.person("Bob", banned=True))
        for scope in (banned, here.as_(None)):
            with pytest.raises(ActionForbidden):
                await Door.build(scope, name="x")
            with pytest.raises(ActionForbidden):
                await Door.knock(scope, times=1)
        assert here.visits.names == []
        assert await Door.query(here.scope).count() == 0
        await Door.build(here.scope, name="x")
        assert here.visits.names == [
            "build.before_transaction",
            "build.body",
            "build.before_write",
            "build.after_write",
            "build.after_commit",
        ]

    async def test_a_policy_over_the_inputs(self, here: Tenant) -> None:
        assert await Door.named(here.scope, name="front").all() == []
        with pytest.raises(ActionForbidden):
            await Door.named(here.scope, name="secret").all()

    async def test_reads_show_the_rows_that_are_allowed(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        own = await Note.write(here.scope, owner_id=here.ada.id, text="own")
        shared = await Note.write(here.as_(bob), owner_id=bob.id, text="shared", shared=True)
        hidden = await Note.write(here.as_(bob), owner_id=bob.id, text="hidden")
        query = Note.query()
        assert await query.all(here.scope) == [own, shared]
        assert await query.count(here.scope) == 2
        assert list(await query.page(scope=here.scope)) == [own, shared]
        assert await query.all(here.as_(bob)) == [shared, hidden]
        with pytest.raises(NotFound):
            await Note.get(here.scope, hidden.id)
        with pytest.raises(ActionForbidden):
            await query.all(here.as_(None))

    async def test_a_bypass_opens_what_later_policies_close(self, here: Tenant) -> None:
        root = here.as_(await here.person("Root", role=Role.ADMIN, banned=True))
        note = await Note.write(here.scope, owner_id=here.ada.id, text="own")
        assert await Note.query(root).all() == [note]
        assert (await Note.edit.by_key(note.id, root, text="seen")).text == "seen"
        banned = here.as_(await here.person("Bob", banned=True))
        with pytest.raises(ActionForbidden):
            await Note.query(banned).all()

    async def test_writes_change_the_rows_that_are_allowed(self, here: Tenant) -> None:
        bob = here.as_(await here.person("Bob"))
        note = await Note.write(here.scope, owner_id=here.ada.id, text="own", shared=True)
        with pytest.raises(ActionForbidden):
            await note.edit(bob, text="bad")
        with pytest.raises(ActionForbidden):
            await Note.edit.by_key(note.id, bob, text="bad")
        with pytest.raises(ActionForbidden):
            await note.tear_up(bob)
        assert await Note.get(here.scope, note.id) == note
        assert (await note.edit(here.scope, text="good")).text == "good"
        await note.tear_up(here.scope)

    async def test_what_the_actor_may_not_see_is_not_there_for_a_write(self, here: Tenant) -> None:
        bob = here.as_(await here.person("Bob"))
        note = await Note.write(here.scope, owner_id=here.ada.id, text="own")
        with pytest.raises(NotFound):
            await Note.edit.by_key(note.id, bob, text="bad")
        with pytest.raises(NotFound):
            await Note.tear_up.by_key(note.id, bob)

    async def test_a_body_before_the_transaction_does_not_run_for_a_forbidden_row(self, here: Tenant) -> None:
        bob = here.as_(await here.person("Bob"))
        note = await Note.write(here.scope, owner_id=here.ada.id, text="own", shared=True)
        with pytest.raises(ActionForbidden):
            await note.edit_slowly(bob, text="bad")
        with pytest.raises(ActionForbidden):
            await Note.edit_slowly.by_key(note.id, bob, text="bad")
        assert here.visits.names == []
        assert (await note.edit_slowly(here.scope, text="good")).text == "good"
        assert here.visits.names == ["edit_slowly"]

    async def test_a_hook_does_not_run_for_a_row_that_cannot_be_written(
        self, here: Tenant, there: Tenant
    ) -> None:
        bob = here.as_(await here.person("Bob"))
        note = await Note.write(here.scope, owner_id=here.ada.id, text="own", shared=True)
        with pytest.raises(ActionForbidden):
            await note.sign(bob)
        for scope in (there.scope, there.system):
            with pytest.raises(NotFound):
                await Note.sign.by_key(note.id, scope)
        assert here.visits.names == []
        assert (await note.sign(here.scope)).text == "own (signed)"

    async def test_a_stale_record_gives_no_right_to_write(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        stale = await Note.write(here.scope, owner_id=here.ada.id, text="own", shared=True)
        await stale.hand_over(here.scope, owner_id=bob.id)
        with pytest.raises(ActionForbidden):
            await stale.edit(here.scope, text="bad")
        assert (await stale.edit(here.as_(bob), text="good")).text == "good"

    async def test_creates_make_the_rows_that_are_allowed(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        for refused in (
            Note.write(here.scope, owner_id=bob.id, text="bad"),
            Note.write_as(here.scope, owner_id=bob.id, text="bad"),
            Note.write_now(here.scope, text="bad", on_behalf=bob.id),
            Note.forge(here.scope, owner_id=here.ada.id, text=str(bob.id)),
        ):
            with pytest.raises(ActionForbidden):
                await refused
        assert await Note.query(here.system).count() == 0
        assert (await Note.write_as(here.scope, owner_id=here.ada.id, text="a")).text == "a"
        made = await Note.write_now(here.scope, text="b", on_behalf=here.ada.id)
        assert await Note.get(here.scope, made.id) == made
        assert await Note.query(here.system).count() == 2

    async def test_an_update_without_changes_is_authorised_too(self, here: Tenant) -> None:
        made = await here.article()
        with pytest.raises(ActionForbidden):
            await made.nothing(here.as_(None))


class Upserts(Behaviour):
    """Creates that fall back on an update."""

    async def test_a_second_upsert_updates_the_row(self, here: Tenant) -> None:
        first = await Setting.put(here.scope, key="color", value="red")
        second = await Setting.put(here.scope, key="color", value="blue")
        assert (second.id, second.value) == (first.id, "blue")
        assert await Setting.query(here.scope).all() == [second]

    async def test_an_upsert_authorises_the_row_that_is_there(self, here: Tenant) -> None:
        fixed = await Setting.fix(here.scope, key="color", value="red")
        with pytest.raises(ActionForbidden):
            await Setting.put(here.scope, key="color", value="blue")
        assert await Setting.query(here.scope).all() == [fixed]

    async def test_an_upsert_does_not_reach_into_another_tenant(self, here: Tenant, there: Tenant) -> None:
        kept = await Setting.put(there.scope, key="color", value="red")
        made = await Setting.put(here.scope, key="color", value="blue")
        assert await Setting.query(there.scope).all() == [kept]
        assert await Setting.query(here.scope).all() == [made]


class Tenancy(Behaviour):
    """Rows belong to one tenant."""

    async def test_a_create_belongs_to_the_tenant_of_its_scope(self, here: Tenant) -> None:
        assert (await here.article()).org_id == here.org.id

    async def test_nothing_is_read_across(self, here: Tenant, there: Tenant) -> None:
        article = await there.article()
        await there.comment(article)
        for scope in (here.scope, here.system):
            assert await Article.query(scope).all() == []
            assert await Article.query(scope).count() == 0
            assert list(await Article.query(scope).page()) == []
            with pytest.raises(NotFound):
                await Article.get(scope, article.id)
            assert await Article.query(scope).where(Article.comment_count > 0).all() == []
        assert await Article.query(there.scope).all() == [article]
        assert await Article.query(there.app.system_scope()).where(Article.id == article.id).count() == 1

    async def test_related_rows_are_not_read_across(self, here: Tenant, there: Tenant) -> None:
        stranger = await there.author("Stranger")
        made = await here.article(author_id=stranger.id)
        query = Article.query(here.scope).load(Article.author, Article.author_name)
        found = await query.one()
        assert [found.author, found.author_name] == [None, None]
        (author,) = await Author.query(there.scope).load(Author.article_count, Author.articles).all()
        assert (author.article_count, author.articles) == (0, [])
        assert made.author_id == stranger.id

    async def test_nothing_is_written_across(self, here: Tenant, there: Tenant) -> None:
        article = await there.article()
        for call in (
            article.revise(here.scope, title="bad"),
            article.nothing(here.scope),
            article.publish(here.scope),
            article.remove(here.scope),
            Article.revise.by_key(article.id, here.scope, title="bad"),
            Article.remove.by_key(article.id, here.system),
        ):
            with pytest.raises(NotFound):
                await call
        assert await Article.get(there.scope, article.id) == article

    async def test_a_body_cannot_choose_the_tenant(self, here: Tenant, there: Tenant) -> None:
        author = await here.author()
        with pytest.raises(ActionForbidden, match="another tenant"):
            await Article.smuggle(here.scope, author_id=author.id, title="x", org=there.org.id)
        made = await here.article()
        with pytest.raises(ActionForbidden, match="another tenant"):
            await made.adopt(here.scope, org=there.org.id)
        assert (await made.adopt(here.scope, org=here.org.id)).org_id == here.org.id
        assert await Article.query(there.scope).count() == 0

    async def test_an_input_cannot_choose_the_tenant(self, here: Tenant, there: Tenant) -> None:
        with pytest.raises(ActionForbidden, match="another tenant"):
            await here.ada.move(here.scope, org_id=there.org.id)
        assert (await Person.get(here.scope, here.ada.id)).org_id == here.org.id

    async def test_a_scope_without_tenant_is_refused(self, here: Tenant) -> None:
        nowhere = here.app.scope(actor=here.ada)
        made = await here.article()
        calls: list[Any] = [
            Article.query(nowhere).all(),
            Article.query(nowhere).count(),
            Article.query(nowhere).page(),
            Article.get(nowhere, made.id),
            Author.enrol(nowhere, name="x"),
            made.revise(nowhere, title="x"),
            made.remove(nowhere),
        ]
        for call in calls:
            with pytest.raises(TenantRequired):
                await call

    async def test_work_of_the_system_without_tenant_sees_all(self, here: Tenant, there: Tenant) -> None:
        mine, other = await here.article("a"), await there.article("b")
        everywhere = here.app.system_scope()
        assert await Article.query(everywhere).all() == [mine, other]
        assert (await other.revise(everywhere, title="c")).org_id == there.org.id


class Generic(Behaviour):
    """Generic actions."""

    async def test_it_answers_what_it_declares(self, here: Tenant) -> None:
        assert await Door.knock(here.scope, times=2) == "knock knock"
        assert await Door.knock(here.scope, 1) == "knock"

    async def test_its_inputs_are_checked(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction) as caught:
            await Door.knock(here.scope, **cast("Any", {"times": "often"}))
        assert isinstance(only(caught.value), InvalidInput)
        with pytest.raises(InvalidAction) as caught:
            await Door.knock(here.scope, **cast("Any", {"tims": 1}))
        assert sorted(each.code for each in caught.value.errors) == ["no-such-input", "required"]
        assert here.visits.names == []

    async def test_an_answer_that_is_not_declared_is_refused(self, here: Tenant) -> None:
        with pytest.raises(InvalidAnswer, match="int"):
            await Door.lie(here.scope)


class Rules(Policies, Upserts, Tenancy, Generic):
    """Everything that decides who may do what."""
