"""Behaviours of relationships: what counts on a way, how it is cut and sorted, and what a reference holds to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sorbus import exists, join_of, through
from sorbus.errors.access import NotLoaded
from sorbus.errors.database import ForeignKeyViolation
from sorbus.errors.framework import CannotJoin
from sorbus.errors.inputs import InvalidAction, RelatedMissing
from sorbus.testing.conformance.relations_world import (
    Album,
    Band,
    Folder,
    Label,
    Membership,
    Player,
    Shop,
    Song,
)
from sorbus.testing.conformance.world import Behaviour, Tenant, only


@dataclass(frozen=True, slots=True)
class Music:
    """A band with three albums and a shelved one, songs, and players."""

    here: Tenant
    band: Band
    albums: dict[str, Album]

    async def loaded(self, *targets: Any) -> Any:
        """The band with some things loaded."""
        return await Band.query(self.here.scope).where(Band.id == self.band.id).load(*targets).one()

    async def member(self, band: Band, name: str, **inputs: Any) -> Player:
        """A new player in a band."""
        player = await Player.hire(self.here.scope, name=name)
        await Membership.join(self.here.scope, band_id=band.id, player_id=player.id, **inputs)
        return player


async def make_music(here: Tenant) -> Music:
    """One band's work."""
    band = await Band.form(here.scope, name="Reds", town="Oslo", founded=1970)
    albums: dict[str, Album] = {}
    for title, year, sales, shelved in (
        ("a", 1971, 10, False), ("b", 1975, 30, False), ("c", 1980, 20, False), ("d", 1990, 99, True),
    ):  # fmt: skip
        albums[title] = await Album.record(
            here.scope, band_id=band.id, title=title, year=year, sales=sales, shelved=shelved
        )
    for title, album, seconds, secret in (
        ("one", "a", 100, False), ("two", "a", 200, True), ("three", "b", 400, False), ("four", "d", 999, False),
    ):  # fmt: skip
        position = len(title)
        await Song.write(
            here.scope,
            album_id=albums[album].id,
            title=title,
            seconds=seconds,
            secret=secret,
            position=position,
        )
    return Music(here, band, albums)


def titles(rows: Any) -> list[str]:
    """The titles of some rows."""
    return [each.title for each in rows]


def names(rows: Any) -> list[str]:
    """The names of some rows."""
    return [each.name for each in rows]


class WithMusic(Behaviour):
    """What the groups below share."""

    @pytest.fixture
    async def music(self, here: Tenant) -> Music:
        """A band's work."""
        return await make_music(here)


class CutAndSorted(WithMusic):
    """Conditions, orders and limits of to-many relationships."""

    async def test_several_terms_sort_related_rows(self, music: Music) -> None:
        await Album.record(music.here.scope, band_id=music.band.id, title="a2", year=1975)
        found = await music.loaded(Band.albums)
        assert titles(found.albums) == ["c", "a2", "b", "a"]

    async def test_a_condition_may_look_at_the_source_row(self, music: Music) -> None:
        younger = await Band.form(music.here.scope, name="Blues", founded=1985)
        for year in (1989, 1991):
            await Album.record(music.here.scope, band_id=younger.id, title=str(year), year=year)
        query = Band.query(music.here.scope).order_by(Band.name).load(Band.early, Band.early_count)
        blues, reds = await query.all()
        assert (titles(blues.early), blues.early_count) == (["1989"], 1)
        assert (titles(reds.early), reds.early_count) == (["a", "b"], 2)
        late = exists(Band.early, lambda album: album.year > 1980)
        assert await Band.query(music.here.scope).where(late).all() == [younger]

    async def test_a_limit_counts_for_each_row_and_what_the_actor_sees_only(self, music: Music) -> None:
        other = await Band.form(music.here.scope, name="Blues")
        await Album.record(music.here.scope, band_id=other.id, title="z", sales=1)
        query = Band.query(music.here.scope).order_by(Band.name).load(Band.best, Band.others)
        blues, reds = await query.all()
        assert (titles(blues.best), titles(blues.others)) == (["z"], [])
        # The shelved album sold most; nobody sees it, so it takes no place.
        assert (titles(reds.best), titles(reds.others)) == (["b", "c"], ["a"])
        (seen,) = await Band.query(music.here.system).where(Band.id == music.band.id).load(Band.best).all()
        assert titles(seen.best) == ["d", "b"]

    async def test_conditions_and_aggregates_keep_to_the_limit(self, music: Music) -> None:
        found = await music.loaded(Band.best_sales)
        assert found.best_sales == 50
        query = Band.query(music.here.scope)
        assert await query.where(exists(Band.best, lambda album: album.title == "a")).count() == 0
        assert await query.where(exists(Band.best, lambda album: album.title == "c")).count() == 1
        assert await query.where(exists(Band.others, lambda album: album.title == "a")).count() == 1

    async def test_a_query_narrows_what_the_limit_has_left(self, music: Music) -> None:
        inner = Album.query().where(Album.sales < 25).order_by(Album.title)
        query = Band.query(music.here.scope).where(Band.id == music.band.id)
        found = await query.load_with(Band.best, inner).one()
        assert titles(found.best) == ["c"]
        found = await query.load_with(Band.best, Album.query().order_by(Album.sales).limit(1)).one()
        assert titles(found.best) == ["c"]

    async def test_the_first_of_many_is_one(self, music: Music) -> None:
        found = await music.loaded(Band.latest, Band.newest)
        assert (found.latest.title, found.newest) == ("c", "c")
        bare = await Band.form(music.here.scope, name="New")
        empty = (
            await Band.query(music.here.scope).where(Band.id == bare.id).load(Band.latest, Band.newest).one()
        )
        assert [empty.latest, empty.newest] == [None, None]
        query = Band.query(music.here.scope)
        assert await query.where(exists(Band.latest, lambda album: album.year == 1980)).count() == 1
        assert await query.where(exists(Band.latest, lambda album: album.year == 1975)).count() == 0

    async def test_a_way_without_keys(self, music: Music) -> None:
        for name, town in (("north", "Oslo"), ("south", "Oslo"), ("far", "Bergen")):
            await Shop.open_in(music.here.scope, name=name, town=town)
        other = await Band.form(music.here.scope, name="Blues", town="Bergen")
        targets = (Band.neighbours, Band.shop, Band.shop_count, Band.one_shop)
        found = await music.loaded(*targets)
        assert (names(found.neighbours), names(found.shop)) == (["north", "south"], ["north"])
        assert (found.shop_count, found.one_shop) == (2, 1)
        query = Band.query(music.here.scope)
        assert await query.where(exists(Band.neighbours, lambda shop: shop.name == "far")).all() == [other]

    async def test_by_an_attribute_that_is_no_key(self, here: Tenant, there: Tenant) -> None:
        for tenant in (here, there):
            await Label.found(tenant.scope, code="EMU")
            await Band.form(tenant.scope, name="Reds", label_code="EMU")
        query = Band.query(here.scope).load(Band.label)
        found = await query.one()
        assert found.label is not None
        assert found.label.code == "EMU"
        label = await Label.query(here.scope).load(Label.bands, Label.band_count).one()
        assert (names(label.bands), label.band_count) == (["Reds"], 1)
        # A code tells labels apart inside one tenant; a scope that sees all of them does not mix them up.
        everywhere = here.app.system_scope()
        for each in await Label.query(everywhere).load(Label.bands, Label.band_count).all():
            assert ([band.org_id for band in each.bands], each.band_count) == ([each.org_id], 1)

    async def test_a_function_finds_the_rows(self, music: Music) -> None:
        scope = music.here.scope
        await Band.form(scope, name="Blues")
        await Band.form(scope, name="Greens", town="Bergen")
        await Player.hire(scope, name="Blues")
        found = await Band.query(scope).order_by(Band.name).load(Band.rivals, Band.namesake).all()
        assert [names(each.rivals) for each in found] == [["Reds"], [], ["Blues"]]
        assert [each.namesake and each.namesake.name for each in found] == ["Blues", None, None]
        with pytest.raises(CannotJoin, match=r"Band\.rivals.*a function finds its rows"):
            await Band.query(scope).where(exists(Band.rivals)).all()


class OverARowBetween(WithMusic):
    """many_to_many with conditions, orders and values of the rows between."""

    @pytest.fixture
    async def staffed(self, music: Music) -> Music:
        """The band with players."""
        for name, position, role, retired, anonymous in (
            ("Cyd", 1, "drums", False, False), ("Ann", 3, "voice", False, False), ("Bob", 2, "drums", True, False),
            ("Eve", 0, "voice", False, True),
        ):  # fmt: skip
            await music.member(
                music.band, name, position=position, role=role, retired=retired, anonymous=anonymous
            )
        return music

    async def test_sorted_by_the_row_between(self, staffed: Music) -> None:
        found = await staffed.loaded(Band.members)
        assert names(found.members) == ["Cyd", "Bob", "Ann"]

    async def test_a_row_between_that_nobody_sees_leads_nowhere(self, staffed: Music) -> None:
        found = await staffed.loaded(Band.members, Band.member_count, Band.core, Band.core_count)
        assert (found.member_count, found.core_count) == (3, 2)
        query = Band.query(staffed.here.scope)
        assert await query.where(exists(Band.members, lambda each: each.name == "Eve")).count() == 0
        system = Band.query(staffed.here.system).load(Band.members, Band.member_count, Band.core)
        seen = await system.one()
        assert (names(seen.members), seen.member_count) == (["Eve", "Cyd", "Bob", "Ann"], 4)
        assert names(seen.core) == ["Eve", "Cyd"]

    async def test_conditions_on_the_row_between(self, staffed: Music) -> None:
        found = await staffed.loaded(Band.active, Band.active_count, Band.drummers, Band.drummer_count)
        assert (names(found.active), found.active_count) == (["Ann", "Cyd"], 2)
        assert (names(found.drummers), found.drummer_count) == (["Bob", "Cyd"], 2)
        await staffed.member(staffed.band, "Reds", role="drums")
        found = await staffed.loaded(Band.drummers, Band.drummer_count)
        assert (names(found.drummers), found.drummer_count) == (["Bob", "Cyd"], 2)

    async def test_loaded_rows_carry_the_row_between(self, staffed: Music) -> None:
        found = await staffed.loaded(Band.members, Band.core, Band.active)
        assert [join_of(each, Membership).position for each in found.members] == [1, 2, 3]
        assert [join_of(each, Membership).role for each in found.core] == ["drums", "drums"]
        with pytest.raises(NotLoaded, match="join_of"):
            join_of(found.active[0], Membership)

    async def test_the_rows_between_are_a_relationship_of_their_own(self, staffed: Music) -> None:
        inner = Membership.query().load(Membership.player)
        query = Band.query(staffed.here.scope).load_with(Band.memberships, inner)
        found = await query.one()
        assert [(each.player.name, each.role) for each in found.memberships] == [
            ("Cyd", "drums"), ("Bob", "drums"), ("Ann", "voice"),
        ]  # fmt: skip

    async def test_who_is_there_twice_counts_once(self, staffed: Music) -> None:
        player = await Player.query(staffed.here.scope).where(Player.name == "Ann").one()
        band = staffed.band
        await Membership.join(staffed.here.scope, band_id=band.id, player_id=player.id, position=9)
        targets = (Band.members, Band.member_count, Band.active, Band.active_count, Band.core)
        found = await staffed.loaded(*targets)
        assert names(found.members) == ["Cyd", "Bob", "Ann"]
        assert (names(found.active), names(found.core)) == (["Ann", "Cyd"], ["Cyd", "Bob"])
        assert (found.member_count, found.active_count) == (3, 2)

    async def test_limits_hold_for_each_source_row(self, staffed: Music) -> None:
        other = await Band.form(staffed.here.scope, name="Blues")
        for name, position in (("Fay", 2), ("Gus", 1), ("Hal", 3)):
            await staffed.member(other, name, position=position)
        query = Band.query(staffed.here.scope).order_by(Band.name)
        blues, reds = await query.load(Band.core, Band.core_count).all()
        assert (names(blues.core), names(reds.core)) == (["Gus", "Fay"], ["Cyd", "Bob"])
        assert (blues.core_count, reds.core_count) == (2, 2)
        assert await query.where(exists(Band.core, lambda each: each.name == "Hal")).count() == 0


class Paths(WithMusic):
    """`through`: a path of relationships as one."""

    async def test_a_path_loads_each_far_row_once(self, music: Music) -> None:
        found = await music.loaded(Band.songs)
        assert titles(found.songs) == ["one", "three"]
        other = await Band.form(music.here.scope, name="Blues")
        album = await Album.record(music.here.scope, band_id=other.id, title="z")
        await Song.write(music.here.scope, album_id=album.id, title="last")
        query = Band.query(music.here.scope).order_by(Band.name).load(Band.songs)
        assert [titles(each.songs) for each in await query.all()] == [["last"], ["one", "three"]]

    async def test_every_hop_counts_what_the_actor_sees(self, music: Music) -> None:
        found = await music.loaded(Band.songs, Band.seconds, Band.song_count)
        # "two" is secret, and "four" is on a shelved album.
        assert (titles(found.songs), found.seconds, found.song_count) == (["one", "three"], 500, 2)
        query = Band.query(music.here.scope)
        assert await query.where(exists(Band.songs, lambda song: song.title == "four")).count() == 0
        system = Band.query(music.here.system).load(Band.songs, Band.seconds, Band.song_count)
        seen = await system.one()
        assert (titles(seen.songs), seen.seconds, seen.song_count) == (
            ["four", "one", "three", "two"], 1699, 4,
        )  # fmt: skip

    async def test_no_hop_leaves_the_tenant(self, here: Tenant, there: Tenant) -> None:
        mine, theirs = await make_music(here), await make_music(there)
        for music in (mine, theirs):
            found = await music.loaded(Band.songs, Band.song_count)
            assert ({each.org_id for each in found.songs}, found.song_count) == ({music.here.org.id}, 2)

    async def test_a_path_can_be_asked_and_aggregated(self, music: Music) -> None:
        await Band.form(music.here.scope, name="Blues")
        query = Band.query(music.here.scope)
        assert await query.where(exists(Band.songs, lambda song: song.seconds > 300)).all() == [music.band]
        found = await query.order_by(Band.seconds.desc()).load(Band.seconds, Band.has_long_song).all()
        assert [(each.name, each.seconds, each.has_long_song) for each in found] == [
            ("Reds", 500, True), ("Blues", 0, False),
        ]  # fmt: skip

    async def test_a_path_needs_no_name(self, music: Music) -> None:
        long = exists(through(Band.albums, lambda album: album.songs), lambda song: song.seconds > 300)
        assert await Band.query(music.here.scope).where(long).all() == [music.band]
        long = exists(through(Band.albums, lambda album: album.songs), lambda song: song.seconds > 500)
        assert await Band.query(music.here.scope).where(long).all() == []

    async def test_a_path_over_a_limited_hop(self, music: Music) -> None:
        found = await music.loaded(Band.best_songs, Band.best_song_count, Band.openers, Band.opener_count)
        assert (titles(found.best_songs), found.best_song_count) == (["three"], 1)
        # "two" comes before "one" on its album in no order, and is secret besides.
        assert (titles(found.openers), found.opener_count) == (["one", "three"], 2)

    async def test_a_path_over_rows_between_and_paths(self, music: Music) -> None:
        other = await Band.form(music.here.scope, name="Blues")
        album = await Album.record(music.here.scope, band_id=other.id, title="z")
        await Song.write(music.here.scope, album_id=album.id, title="last")
        for name in ("Ann", "Bob"):
            player = await music.member(music.band, name)
            await Membership.join(music.here.scope, band_id=other.id, player_id=player.id)
        found = await music.loaded(Band.bandmates, Band.player_songs)
        assert (names(found.bandmates), found.player_songs) == (["Blues", "Reds"], 3)

    async def test_a_path_to_one(self, music: Music) -> None:
        query = Song.query(music.here.scope).order_by(Song.title).load(Song.band, Song.band_name)
        found = await query.all()
        assert [(each.title, each.band and each.band.name, each.band_name) for each in found] == [
            ("four", None, None), ("one", "Reds", "Reds"), ("three", "Reds", "Reds"),
        ]  # fmt: skip

    async def test_a_path_through_the_same_resource(self, here: Tenant) -> None:
        top = await Folder.make(here.scope, name="top")
        for name in ("left", "right"):
            middle = await Folder.make(here.scope, name=name, parent_id=top.id)
            for number in (1, 2):
                await Folder.make(here.scope, name=f"{name}{number}", parent_id=middle.id)
        query = Folder.query(here.scope).where(Folder.name.is_in(["top", "left1"])).order_by(Folder.name)
        targets = (Folder.children, Folder.grandchildren, Folder.grandparent, Folder.grandchild_count)
        leaf, found = await query.load(*targets).all()
        assert names(found.children) == ["left", "right"]
        assert (names(found.grandchildren), found.grandchild_count) == (
            ["left1", "left2", "right1", "right2"], 4,
        )  # fmt: skip
        assert leaf.grandparent is not None
        assert (leaf.grandparent.name, found.grandparent) == ("top", None)

    async def test_a_condition_steps_out_to_a_row_of_the_same_resource(self, here: Tenant) -> None:
        top = await Folder.make(here.scope, name="top")
        for name in ("a", "b", "c"):
            middle = await Folder.make(here.scope, name=name, parent_id=top.id)
            for number in (1, 2):
                await Folder.make(here.scope, name=f"{name}{number}", parent_id=middle.id)
        query = Folder.query(here.scope).where(Folder.name.is_in(["b", "c1", "top"])).order_by(Folder.name)
        found = await query.load(Folder.siblings, Folder.sibling_count, Folder.has_many_below).all()
        assert [(names(each.siblings), each.sibling_count, each.has_many_below) for each in found] == [
            (["a", "c"], 2, False), (["c2"], 1, False), ([], 0, True),
        ]  # fmt: skip
        other = exists(Folder.siblings, lambda each: each.name == "c2")
        assert names(await Folder.query(here.scope).where(other).all()) == ["c1"]

    async def test_further_loads_and_limits_of_a_path(self, music: Music) -> None:
        inner = Song.query().order_by(Song.seconds.desc()).limit(1).load(Song.album)
        found = await Band.query(music.here.scope).load_with(Band.songs, inner).one()
        assert [(each.title, each.album.title) for each in found.songs] == [("three", "b")]


class References(WithMusic):
    """What the store holds references to."""

    async def test_no_reference_leaves_its_tenant(self, here: Tenant, there: Tenant) -> None:
        band = await Band.form(there.scope, name="Theirs")
        with pytest.raises(InvalidAction) as caught:
            await Album.record(here.scope, band_id=band.id, title="stolen")
        error = only(caught.value)
        assert isinstance(error, RelatedMissing)
        assert error.path == ("input", "band_id")
        assert await Album.query(here.system).count() == 0

    async def test_a_reference_to_an_identity(self, here: Tenant) -> None:
        with pytest.raises(InvalidAction, match="label_code"):
            await Band.form(here.scope, name="Reds", label_code="NONE")
        label = await Label.found(here.scope, code="EMU")
        band = await Band.form(here.scope, name="Reds", label_code="EMU")
        await label.rename(here.scope, code="EMU2")
        assert (await Band.get(here.scope, band.id)).label_code == "EMU2"

    async def test_deletes_cascade_inside_the_tenant(self, music: Music) -> None:
        await music.band.split(music.here.scope)
        assert await Album.query(music.here.system).count() == 0
        assert await Song.query(music.here.system).count() == 0

    async def test_a_deferred_reference_is_looked_at_when_everything_is_written(self, here: Tenant) -> None:
        top = await Folder.make(here.scope, name="top")
        leaf = await Folder.make(here.scope, name="leaf", parent_id=top.id)
        async with here.app.transaction():
            await top.remove(here.scope)
            await leaf.remove(here.scope)
        assert await Folder.query(here.scope).count() == 0
        top = await Folder.make(here.scope, name="top")
        await Folder.make(here.scope, name="leaf", parent_id=top.id)
        with pytest.raises(ForeignKeyViolation):
            async with here.app.transaction():
                await top.remove(here.scope)
        assert await Folder.query(here.scope).count() == 2
        assert await Folder.query(here.scope).where(agg_is(1)).count() == 1


def agg_is(count: int) -> Any:
    """The folders with so many children, by an aggregate that has a name."""
    return Folder.child_count == count


class Relationships(CutAndSorted, OverARowBetween, Paths, References):
    """Everything about ways to other rows."""
