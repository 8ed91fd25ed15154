"""A walk through the studio: `python -m examples.studio.tour`."""

from __future__ import annotations

import asyncio

from examples.studio.app import Article, Author, State, app

from sorbus import Sorbus
from sorbus.errors import Invalid


async def tour(studio: Sorbus) -> list[str]:
    """What happens to an article, told line by line."""
    told: list[str] = []
    anybody = studio.scope()
    ada = await Author.join(anybody, name="Ada")
    bob = await Author.join(anybody, name="Bob")
    mine = studio.scope(actor=ada)

    draft = await Article.write(mine, author_id=ada.id, title="Engines", body="They weave patterns.")
    told.append(
        f"{draft.title} is a {draft.state}; others see {await Article.query(anybody).count()} articles"
    )

    try:
        await draft.publish(studio.scope(actor=bob))
    except Invalid as error:
        told.append(f"For Bob there is no such article: {error.code}")

    published = await draft.publish(mine)
    told.append(
        f"{published.title} is {published.state}; others see {await Article.query(anybody).count()} article"
    )

    try:
        await published.publish(mine)
    except Invalid as error:
        told.append(f"Twice is once too often: {error.code}")

    newest = (
        Article.query(anybody).where(Article.state == State.PUBLISHED).order_by(Article.inserted_at.desc())
    )
    articles = await newest.load(Article.author).all()
    authors = await Author.query(anybody).load(Author.published).order_by(Author.name).all()
    told += [f"{article.title} by {article.author.name}" for article in articles]
    told += [f"{author.name} has published {author.published}" for author in authors]
    return told


async def main() -> None:
    """The walk, on the database of the application."""
    async with app:
        print("\n".join(await tour(app)))


if __name__ == "__main__":
    asyncio.run(main())
