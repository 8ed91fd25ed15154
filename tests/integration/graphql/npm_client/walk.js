// Speaks with servers as a web application does; prints what it saw as JSON. The arguments are the URL of a GraphQL
// with subscriptions, the URL of one that takes files, and the value of the header that says who calls.
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

const [url, filesUrl, person] = process.argv.slice(2)
const seen = { closed: [] }

// graphql-ws alone

let online = Promise.resolve()
let socket
const wire = createClient({
  url: url.replace('http', 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ headers: { 'x-person': person } }),
  lazyCloseTimeout: 60_000,
  retryWait: () => online,
  on: {
    opened: opened => { socket = opened },
    closed: event => seen.closed.push(event.code)
  }
})

const ask = payload => new Promise((resolve, reject) => {
  let found
  wire.subscribe(payload, { next: result => { found = result }, error: reject, complete: () => resolve(found) })
})

// Whoever has the answer to a ping misses nothing of what was subscribed to before.
const listening = async () => {
  await new Promise(setImmediate)
  const answered = new Promise(resolve => wire.on('pong', received => received && resolve()))
  socket.send('{"type":"ping"}')
  await answered
}

const open = name => ask({ query: 'mutation ($name: String!) { openFolder(input: {name: $name}) { errors { code } } }', variables: { name } })

seen.query = (await ask({ query: '{ folders { name } }' })).data
seen.refused = (await ask({ query: '{ nothing }' }).catch(errors => errors))[0].extensions.code

const events = []
let told = () => {}
const payload = { query: 'subscription { foldersChanged { kind record { name } } }', extensions: {} }
const stop = wire.subscribe(payload, {
  next: ({ data, extensions }) => {
    payload.extensions.lastEventId = extensions.eventId
    events.push(data.foldersChanged.record.name)
    told()
  },
  error: error => events.push(error),
  complete: () => {}
})
const until = count => new Promise(resolve => {
  told = () => events.length >= count && resolve()
  told()
})

await listening()
await open('first')
await until(1)
// The connection is lost; what happens in between is told afterwards.
let again
online = new Promise(resolve => { again = resolve })
wire.terminate()
await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-person': person },
  body: JSON.stringify({ query: 'mutation { openFolder(input: {name: "second"}) { errors { code } } }' })
})
again()
await until(2)
seen.events = events
stop()

// urql over it, and its files

const urql = new Client({
  url,
  exchanges: [
    subscriptionExchange({
      forwardSubscription: request => ({
        subscribe: sink => ({ unsubscribe: wire.subscribe({ ...request, query: request.query ?? '' }, sink) })
      })
    })
  ]
})
const first = new Promise(resolve => {
  const { unsubscribe } = urql.subscription('subscription { foldersChanged { kind } }', {}).subscribe(result => {
    unsubscribe()
    resolve(result.data)
  })
})
await listening()
await open('third')
seen.urql = (await first).foldersChanged.kind

const files = new Client({
  url: filesUrl,
  exchanges: [fetchExchange],
  preferGetMethod: false,
  fetchOptions: { headers: { 'apollo-require-preflight': 'true' } }
})
const upload = 'mutation ($one: Upload, $several: [Upload!]) { lookParcel(input: {one: $one, several: $several}) { result } }'
const file = (name, text) => new File([text], name, { type: 'text/plain' })
const answer = await files.mutation(upload, { one: file('a.txt', 'A'), several: [file('b.txt', 'B')] })
seen.files = answer.error?.message ?? answer.data.lookParcel.result

wire.dispose()
console.log(JSON.stringify(seen))
process.exit()
