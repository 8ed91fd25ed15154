// Walks through an application with kitsu; prints what it saw as JSON. The argument is the URL of the API.
import Kitsu from 'kitsu'

// The server's paths and types are those of the declaration; nothing is to be guessed.
const api = new Kitsu({ baseURL: process.argv[2], camelCaseTypes: false, resourceCase: 'none', pluralize: false })
const seen = {}

const writer = (await api.create('writers', { name: 'Ada' })).data
seen.writer = { type: writer.type, name: writer.name }
const tags = []
for (const [id, name] of [[crypto.randomUUID(), 'maths'], [crypto.randomUUID(), 'engines']]) {
  tags.push((await api.create('tags', { id, name })).data)
}
const article = (await api.create('articles', {
  title: 'Notes',
  rating: 3,
  author: { data: { id: writer.id, type: 'writers' } },
  tags: { data: tags.map(({ id }) => ({ id, type: 'tags' })) }
})).data
seen.created = { title: article.title, rating: article.rating }

const read = await api.get(`articles/${article.id}`, { params: { include: 'author,tags', fields: { articles: 'title,author,tags' } } })
seen.read = {
  title: read.data.title,
  author: read.data.author.data.name,
  tags: read.data.tags.data.map(each => each.name).sort(),
  rating: read.data.rating ?? 'not asked for'
}

await api.update('articles', { id: article.id, rating: 5 })
seen.updated = (await api.get(`articles/${article.id}`)).data.rating

const list = await api.get('articles', { params: { filter: { title: 'Notes', rating: { greater_than: 4 } }, sort: '-rating', page: { limit: 1, count: true } } })
seen.list = { titles: list.data.map(each => each.title), total: list.meta.page.total, next: list.links.next }
const either = await api.get('articles', { params: { filter: { id: article.id, or: { 0: { rating: 5 }, 1: { title: 'nothing' } } } } })
seen.either = either.data.length

seen.related = (await api.get(`articles/${article.id}/tags`, { params: { sort: 'name' } })).data.map(each => each.name)
seen.linkage = (await api.get(`articles/${article.id}/relationships/author`)).data.id === writer.id

try {
  await api.create('articles', { titel: 'x' })
} catch (error) {
  seen.refused = error.errors.map(each => each.source.pointer).sort()
}
await api.delete('articles', article.id)
try {
  await api.get(`articles/${article.id}`)
} catch (error) {
  seen.gone = error.errors[0].status
}
console.log(JSON.stringify(seen))
