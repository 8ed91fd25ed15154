// Walks through the server at the URL that is the argument; prints what it saw as JSON.
import { createClient, relatedMeta, SorbusError } from "./client.js";

declare const process: { readonly argv: readonly string[] };

const url = process.argv[2] ?? "";
const client = createClient({ baseUrl: `${url}/` });
const seen: Record<string, unknown> = {};
const mark = crypto.randomUUID();

async function refused(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof SorbusError)) return String(error);
    const { code, status, pointer, parameter, hint } = error;
    return { code, status, pointer, parameter, hinted: hint !== undefined, all: error.errors.length };
  }
}

// records
const ada = await client.writers.create({ name: "Ada" });
const maths = await client.tags.create({ id: crypto.randomUUID(), name: "maths" });
const engines = await client.tags.create({ id: crypto.randomUUID(), name: "engines" });
const first = await client.articles.create({ title: `${mark} 1`, author_id: ada.id, tags: [maths.id, engines.id], rating: 1 });
const second = await client.articles.create({ title: `${mark} 2`, author_id: ada.id });
seen["created"] = { ...first, id: typeof first.id, author_id: first.author_id === ada.id, title: first.title === `${mark} 1` };
seen["chosen"] = await client.articles.get(first.id, { fields: ["rating", "title_length"] });
seen["written"] = await client.articles.update(second.id, { rating: 2 }, { fields: ["rating", { author: ["name"] }] });

// related
const { items } = await client.articles.list({
  fields: ["rating", { author: ["name", { articles: ["rating"] }], tags: { fields: ["name"], sort: ["-name"], page: { limit: 1, count: true } } }],
  filter: { title: { starts_with: mark }, author: { name: { eq: "Ada" } } },
  sort: ["author.name", "-rating"],
});
seen["joined"] = items;
seen["shared"] = items[0]?.author === items[1]?.author;
seen["meta"] = { ...relatedMeta(items[1]?.tags ?? []), page: relatedMeta(items[1]?.tags ?? [])?.page?.total };
const { tags, author } = client.articles.related;
seen["author"] = [await author.get(first.id, { fields: ["name"] }), (await author.id(first.id)) === ada.id];
await author.replace(first.id, null);
seen["nobody"] = [await author.get(first.id), await author.id(first.id)];
await tags.remove(first.id, [maths.id]);
await tags.add(first.id, [maths.id]);
await tags.replace(first.id, [engines.id]);
seen["linked"] = [(await tags.ids(first.id)).items.length, (await tags.list(first.id, { fields: ["name"] })).items];

// pages
for (const rating of [3, 4, 5]) await client.articles.create({ title: `${mark} ${rating}`, rating });
const page = await client.articles.list({
  fields: ["rating"],
  filter: { title: { starts_with: mark } },
  sort: ["rating"],
  page: { limit: 2, count: true },
});
const next = await page.next();
const all: unknown[] = [];
for await (const each of page) all.push(each.rating);
const later = await client.articles.list({
  fields: ["rating"], filter: { title: { starts_with: mark } }, sort: ["rating"], page: { after: page.after ?? "" },
});
seen["pages"] = {
  count: page.count, first: page.items, next: next?.items, back: (await next?.previous())?.items, all,
  ends: [page.hasPrevious, page.hasNext, await page.previous()], later: later.items.length,
};
seen["sorted"] = (
  await client.articles.list({ fields: ["rating"], filter: { or: [{ id: { in: [first.id] } }, { title: { eq: `${mark} 3` } }] }, sort: ["-rating"] })
).items;

// values
const label = await client.labels.create({ word: "one" });
const thing = await client.things.create({
  anything: { a: [1, null] }, text: "all", price: 12.3, at: new Date("2030-01-31T12:00:00Z"), mood: "so bad", level: 3, engine: { power: 9 },
  fate: { how: "rented", days: 3 }, span: { lower: 1, upper: 5 }, labels: [label.id], blob: "AP8=", count: 41,
});
const { price, at, mood, level, engine, fate, span, anything, blob } = thing;
seen["values"] = { price, at, mood, level, power: engine?.power, fate, span, anything, blob };
seen["numbers"] = [typeof label.id, (await client.things.get(thing.id, { fields: [{ labels: ["id"] }] })).labels[0]?.id === label.id];
seen["around"] = (
  await client.things.around({ count: 42, moods: ["so bad", "good"], since: new Date(0) }, { fields: ["text"] })
).items.length > 0;
seen["hidden"] = (({ fileName, hiddenWord }) => ({ fileName, hiddenWord }))(await client.papers.create({ fileName: "a.txt" }));

// calls
const upload = new File(["12345"], "a.txt", { type: "text/plain" });
seen["measured"] = await client.articles.measure({ upload, note: "n" });
seen["files"] = await client.articles.countFiles({ files: [upload, new Blob(["1"])] });
seen["sum"] = await client.things.sumUp({ numbers: [1, 2], fate: { how: "sold", to: "Ada" } });
seen["gone"] = [await client.articles.destroy(second.id), await refused(client.articles.get(second.id))];

// names that would break out
const key = crypto.randomUUID();
const strange = await client.clientRecords.create({
  id: key, str: "`${1}`", "delete-at-once": 1, quote: "`${1}`", odd: { "a-b": 1, '*/"': "x" },
});
seen["strange"] = [
  strange.id === key, strange.str, strange["delete-at-once"], strange.quote, strange.odd, strange.constructor, strange.then,
  (await client.clientRecords.listAction({ quote: "`${1}`" }, { fields: ["id"] })).items.map((each) => each.id === key),
  await client.clientRecords.thenAction({ mixed: "word", fields: ["x"] }),
  (await client["2Then"].create({ "client-id": key }, { fields: [{ client: ["quote"] }] }))?.client,
];

// errors
seen["refused"] = await refused(client.articles.create({ title: "x".repeat(300), rating: "many" as unknown as number }));
const nothing: Promise<unknown> = client.articles.create({ rating: 1 } as never);
seen["missing"] = await nothing.catch((error: unknown) => error instanceof SorbusError && error.errors.map((each) => each.missing));
seen["parameter"] = await refused(client.articles.list({ page: { limit: 100_000 } }));
seen["unknown"] = await refused(client.articles.list({ fields: ["titel" as "title"] }));
seen["paths"] = [await refused(client.articles.get("..")), await refused(client.articles.get("../writers?x=1#y"))];
seen["nobody there"] = await refused(createClient({ baseUrl: "http://127.0.0.1:1", retries: 1 }).articles.list());
const aborted = new AbortController();
const reason = new Error("enough");
const waiting = client.articles.list({ signal: aborted.signal }).catch((error: unknown) => error === reason);
aborted.abort(reason);
seen["aborted"] = await waiting;
const never: typeof fetch = (_, init) => new Promise((_resolve, reject) => {
  init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error));
});
// Node does not stay for a signal that will come, and here is no connection for which it would.
const staying = setInterval(() => {}, 1000);
seen["late"] = await refused(createClient({ fetch: never, timeout: 20 }).articles.list());
clearInterval(staying);

// what is sent
const asked: string[] = [];
const busy: typeof fetch = async (input, init) => {
  const headers = init?.headers as Record<string, string>;
  asked.push(`${init?.method} ${headers["x-a"]} ${headers["x-b"]}`);
  if (asked.length === 1) return new Response('{"errors": [{"code": "unavailable"}]}', { status: 503 });
  return fetch(input, init);
};
const custom = createClient({ baseUrl: url, fetch: busy, headers: async () => ({ "x-a": String(asked.length), "x-b": "own" }) });
await custom.tags.list({ headers: { "x-b": "call" }, page: { limit: 1 } });
asked.length = 0;
seen["busy"] = [await refused(custom.tags.create({ id: crypto.randomUUID(), name: "x" })), asked];
let times = 0;
const later429: typeof fetch = async () => {
  times += 1;
  return new Response('{"errors": [{"code": "backlog-full"}]}', { status: 429, headers: { "retry-after": "60" } });
};
seen["later"] = [await refused(createClient({ fetch: later429 }).articles.list()), times];
const tokens = (): never => {
  throw new Error("no token");
};
seen["token"] = await refused(createClient({ headers: tokens }).articles.list());
const html: typeof fetch = async () => new Response("<html>", { status: 502 });
seen["proxy"] = await refused(createClient({ fetch: html, retries: 0 }).articles.list());

const wrong: readonly (readonly [number, string])[] = [
  [200, "[]"],
  [200, "null"],
  [200, '{"data": {"type": "strangers", "id": "x", "attributes": {}}}'],
  [200, '{"data": 7}'],
  [502, '{"errors": 7}'],
  [502, '{"errors": [7]}'],
];
seen["wrong"] = await Promise.all(
  wrong.map(async ([status, body]) => {
    const answers: typeof fetch = async () => new Response(body, { status });
    const answer = await refused(createClient({ fetch: answers }).articles.list());
    return (answer as { readonly code?: unknown }).code;
  }),
);
seen["twice"] = await refused(client.articles.list({ fields: [{ author: ["id"] }, { author: ["name"] }] }));
const merged = await client.clientRecords.merge(key, { key: ada.id, filter: "f" });
seen["far"] = (await client.clientRecords.create({ quote: "😀\u2028" })).quote === "😀\u2028";
seen["merged"] = merged.str === `${ada.id} f`;

console.log(JSON.stringify(seen));
