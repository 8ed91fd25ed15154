"""The conformance domain for relationships: bands, their records and players, and everything between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    Many,
    One,
    Policies,
    Postgres,
    Scope,
    action,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    exists,
    has_many,
    has_one,
    manual,
    manual_one,
    many_to_many,
    parent,
    policy,
    related,
    through,
    unrelated,
)
from sorbus.testing.conformance.of_org import OfOrg


async def rivals_of(bands: Sequence[Band], scope: Scope) -> Mapping[UUID, list[Band]]:
    """The other bands of each band's town, by one query for all of them."""
    towns = {band.town for band in bands}
    others = await Band.query(scope).where(Band.town.is_in(sorted(towns))).order_by(Band.name).all()
    return {
        band.id: [each for each in others if each.town == band.town and each.id != band.id] for band in bands
    }


async def namesake_of(bands: Sequence[Band], scope: Scope) -> Mapping[UUID, Player]:
    """The player whose name a band bears."""
    players = await Player.query(scope).where(Player.name.is_in([band.name for band in bands])).all()
    by_name = {player.name: player for player in players}
    return {band.id: by_name[band.name] for band in bands if band.name in by_name}


class Band(OfOrg):
    """Some players with a name."""

    name: Attr[str] = attribute(public=True)
    town: Attr[str] = attribute(default="Oslo")
    founded: Attr[int] = attribute(default=1970)
    label_code: Attr[str | None] = attribute(default=None)

    label: One[Label | None] = belongs_to(via=label_code, destination="code", on_update="cascade")
    albums: Many[Album] = has_many(order_by=lambda album: [album.year.desc(), album.title])
    latest: One[Album | None] = has_one(via="band_id", order_by=lambda album: album.year.desc())
    best: Many[Album] = has_many(via="band_id", order_by=lambda album: album.sales.desc(), limit=2)
    others: Many[Album] = has_many(via="band_id", order_by=lambda album: album.sales.desc(), offset=2)
    early: Many[Album] = has_many(
        via="band_id", where=lambda album: album.year <= Band.founded + 5, order_by=lambda album: album.year
    )
    memberships: Many[Membership] = has_many(order_by=lambda each: each.position)
    members: Many[Player] = many_to_many(
        "Membership", order_by=lambda player: Membership.position, carries_join=True
    )
    active: Many[Player] = many_to_many(
        "Membership",
        join_where=lambda each: each.retired == False,  # noqa: E712
        order_by=lambda player: player.name,
    )
    drummers: Many[Player] = many_to_many(
        "Membership",
        where=lambda player: (Membership.role == "drums") & (player.name != Band.name),
        order_by=lambda player: player.name,
    )
    core: Many[Player] = many_to_many(
        "Membership", order_by=lambda player: Membership.position, limit=2, carries_join=True
    )
    songs: Many[Song] = through(albums, lambda album: album.songs, order_by=lambda song: song.title)
    best_songs: Many[Song] = through(best, lambda album: album.songs, order_by=lambda song: song.title)
    openers: Many[Song] = through(albums, lambda album: album.opener, order_by=lambda song: song.title)
    bandmates: Many[Band] = through(members, lambda player: player.bands, order_by=lambda band: band.name)
    neighbours: Many[Shop] = unrelated(
        where=lambda shop: shop.town == Band.town, order_by=lambda shop: shop.name
    )
    shop: Many[Shop] = unrelated(
        where=lambda shop: shop.town == Band.town, order_by=lambda shop: shop.name, limit=1
    )
    rivals: Many[Band] = manual(rivals_of)
    namesake: One[Player | None] = manual_one(namesake_of)

    seconds = agg.sum(songs, lambda song: song.seconds)
    song_count = agg.count(through(albums, lambda album: album.songs))
    player_songs = agg.count(through(members, lambda player: player.bands, lambda band: band.songs))
    best_sales = agg.sum(best, lambda album: album.sales)
    early_count = agg.count(early)
    member_count = agg.count(members)
    active_count = agg.count(active)
    drummer_count = agg.count(drummers)
    core_count = agg.count(core)
    opener_count = agg.count(openers)
    best_song_count = agg.count(best_songs)
    shop_count = agg.count(neighbours)
    one_shop = agg.count(shop)
    newest = calculate(related(latest, lambda album: album.title))
    has_long_song = calculate(exists(songs, lambda song: song.seconds > 300))

    @action.create
    def form(
        self,
        scope: Scope,
        name: str,
        town: str = "Oslo",
        founded: int = 1970,
        label_code: str | None = None,
    ) -> None:
        """Form a band."""

    @action.destroy
    def split(self, scope: Scope) -> None:
        """Split up."""

    storage = Postgres("suite_bands")


class Album(OfOrg):
    """A collection of songs; a shelved one is nobody's business."""

    band_id: Attr[UUID] = attribute()
    title: Attr[str] = attribute()
    year: Attr[int] = attribute(default=1971)
    sales: Attr[int] = attribute(default=0)
    shelved: Attr[bool] = attribute(default=False)

    band: One[Band] = belongs_to(via=band_id, on_delete="cascade")
    songs: Many[Song] = has_many()
    opener: One[Song | None] = has_one(order_by=lambda song: song.position)
    label: One[Label | None] = through(band, lambda band: band.label)

    @action.create
    def record(
        self, scope: Scope, band_id: UUID, title: str, year: int = 1971, sales: int = 0, shelved: bool = False
    ) -> None:
        """Record an album."""

    storage = Postgres("suite_albums")
    policies = Policies(
        policy("read", authorize_if(shelved == False)),  # noqa: E712
        policy("create", authorize_if(actor_present())),
    )


class Song(OfOrg):
    """A song of an album; a secret one is nobody's business either."""

    album_id: Attr[UUID] = attribute()
    title: Attr[str] = attribute()
    seconds: Attr[int] = attribute(default=180)
    position: Attr[int] = attribute(default=0)
    secret: Attr[bool] = attribute(default=False)

    album: One[Album] = belongs_to(via=album_id, on_delete="cascade")
    band: One[Band | None] = through(album, lambda album: album.band)
    band_name = calculate(related(band, lambda band: band.name))

    @action.create
    def write(
        self,
        scope: Scope,
        album_id: UUID,
        title: str,
        seconds: int = 180,
        position: int = 0,
        secret: bool = False,
    ) -> None:
        """Write a song."""

    storage = Postgres("suite_songs")
    policies = Policies(
        policy("read", authorize_if(secret == False)),  # noqa: E712
        policy("create", authorize_if(actor_present())),
    )


class Player(OfOrg):
    """Somebody who plays."""

    name: Attr[str] = attribute()

    bands: Many[Band] = many_to_many("Membership", order_by=lambda band: band.name)

    @action.create
    def hire(self, scope: Scope, name: str) -> None:
        """Hire a player."""

    storage = Postgres("suite_players")
    identities = Identities(name=[name])


class Membership(OfOrg):
    """That a player plays in a band; one may have joined several times, and an anonymous one is not seen."""

    band_id: Attr[UUID] = attribute()
    player_id: Attr[UUID] = attribute()
    role: Attr[str] = attribute(default="voice")
    position: Attr[int] = attribute(default=0)
    retired: Attr[bool] = attribute(default=False)
    anonymous: Attr[bool] = attribute(default=False)

    band: One[Band] = belongs_to(via=band_id, on_delete="cascade")
    player: One[Player] = belongs_to(via=player_id, on_delete="cascade")

    @action.create
    def join(
        self,
        scope: Scope,
        band_id: UUID,
        player_id: UUID,
        role: str = "voice",
        position: int = 0,
        retired: bool = False,
        anonymous: bool = False,
    ) -> None:
        """Join a band."""

    storage = Postgres("suite_memberships")
    policies = Policies(
        policy("read", authorize_if(anonymous == False)),  # noqa: E712
        policy("create", authorize_if(actor_present())),
    )


class Shop(OfOrg):
    """A shop in a town."""

    name: Attr[str] = attribute()
    town: Attr[str] = attribute()

    @action.create
    def open_in(self, scope: Scope, name: str, town: str) -> None:
        """Open a shop."""

    storage = Postgres("suite_shops")


class Label(OfOrg):
    """A company with a short code, which others refer to."""

    code: Attr[str] = attribute()

    bands: Many[Band] = has_many(via=lambda band: band.label_code, source=code)
    band_count = agg.count(bands)

    @action.create
    def found(self, scope: Scope, code: str) -> None:
        """Found a label."""

    @action.update
    def rename(self, scope: Scope, code: str) -> None:
        """Give it another code."""

    storage = Postgres("suite_labels")
    identities = Identities(code=[code])


class Folder(OfOrg):
    """A folder in another one."""

    name: Attr[str] = attribute()
    parent_id: Attr[UUID | None] = attribute(default=None)

    above: One[Folder | None] = belongs_to(via=parent_id, on_delete="nothing", deferrable=True)
    children: Many[Folder] = has_many(via="parent_id", order_by=lambda each: each.name)
    grandchildren: Many[Folder] = through(
        children, lambda each: each.children, order_by=lambda each: each.name
    )
    grandparent: One[Folder | None] = through(above, lambda each: each.above)
    siblings: Many[Folder] = unrelated(
        where=lambda each: (each.parent_id == parent(Folder.parent_id)) & (each.id != parent(Folder.id)),
        order_by=lambda each: each.name,
    )
    sibling_count = agg.count(siblings)
    child_count = agg.count(children)
    has_many_below = calculate(agg.count(through(children, lambda each: each.children)) > 3)
    grandchild_count = agg.count(grandchildren)

    @action.create
    def make(self, scope: Scope, name: str, parent_id: UUID | None = None) -> None:
        """Make a folder."""

    @action.destroy
    def remove(self, scope: Scope) -> None:
        """Remove it."""

    storage = Postgres("suite_folders")


Music = Domain("suite_music", resources=[Band, Album, Song, Player, Membership, Shop, Label, Folder])
