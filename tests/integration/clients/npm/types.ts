// What the types of the client allow and refuse. Each line below a mark must be refused; nothing else may be.
import { createClient, SorbusError, type Decimal, type Moment, type Uuid } from "./client.js";

const client = createClient({ baseUrl: "http://127.0.0.1:1" });

/** Two types are the same, in both directions. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function selections(): Promise<void> {
  const { items } = await client.articles.list({
    fields: ["title", "rating", { author: ["name"], tags: { fields: ["name"], sort: ["-name"], page: { limit: 2 } } }],
  });
  same<
    (typeof items)[number],
    { title: string; rating: number | null; author: { name: string } | null; tags: { name: string }[] }
  >(true);
  // @ts-expect-error: not chosen
  items[0]?.published_at;
  // @ts-expect-error: not chosen of the author
  items[0]?.author?.id;

  const deep = await client.writers.get("x", { fields: ["name", { articles: ["id", { tags: ["name"] }] }] });
  same<typeof deep, { name: string; articles: { id: Uuid; tags: { name: string }[] }[] }>(true);

  const unasked = await client.writers.get("x");
  same<typeof unasked, { id: Uuid; name: string }>(true);
  // @ts-expect-error: comes only when it is asked for
  unasked.article_count;

  const nothing = await client.writers.get("x", { fields: [] });
  same<typeof nothing, {}>(true);

  const some: ("title" | "rating")[] = ["title"];
  const perhaps = await client.articles.get("x", { fields: some });
  same<typeof perhaps, { title?: string; rating?: number | null }>(true);

  // @ts-expect-error: misspelt
  await client.articles.list({ fields: ["titel"] });
  // @ts-expect-error: a misspelt relationship
  await client.articles.list({ fields: ["title", { auther: ["name"] }] });
  // @ts-expect-error: a misspelt relationship beside a right one
  await client.articles.list({ fields: ["title", { author: ["name"], auther: ["name"] }] });
  // @ts-expect-error: misspelt where nothing can be included
  await client.labels.list({ fields: ["wrd"] });
  // @ts-expect-error: misspelt further in
  await client.articles.list({ fields: ["title", { author: ["nam"] }] });
  // @ts-expect-error: misspelt in a list with options
  await client.articles.list({ fields: [{ tags: { fields: ["nam"] } }] });
  // @ts-expect-error: a misspelt relationship two steps away, beside a right one
  await client.writers.get("x", { fields: [{ articles: [{ tags: ["name"], tagz: ["name"] }] }] });
  // @ts-expect-error: this deep nothing may be included
  await client.articles.list({ fields: [{ tags: [{ articles: ["title"] }] }] });
  // @ts-expect-error: no such option of a list of related records
  await client.articles.list({ fields: [{ tags: { fields: ["name"], sorted: ["-name"] } }] });
  // @ts-expect-error: one related record has no options
  await client.articles.list({ fields: [{ author: { fields: ["name"], sort: ["name"] } }] });
  // @ts-expect-error: relationships are chosen by the fields behind them
  await client.articles.list({ fields: ["author"] });
}

export async function lists(): Promise<void> {
  await client.articles.list({
    filter: {
      title: { contains: "x", not_eq: "y" },
      author: { name: { in: ["Ada"] } },
      published_at: { less_than: new Date() },
      or: [{ rating: { greater_than: 3 } }, { not: { rating: { is_nil: true } } }],
    },
    sort: ["-rating", "++title", "author.name", "--author.name"],
    page: { limit: 10, count: true },
    timeout: 1000,
    headers: { "x-a": "b" },
    signal: new AbortController().signal,
  });
  // @ts-expect-error: no such operator
  await client.articles.list({ filter: { title: { contain: "x" } } });
  // @ts-expect-error: a number has no such operator
  await client.articles.list({ filter: { rating: { contains: 1 } } });
  // @ts-expect-error: a value of another type
  await client.articles.list({ filter: { rating: { eq: "1" } } });
  // @ts-expect-error: no such field
  await client.articles.list({ filter: { titel: { eq: "x" } } });
  // @ts-expect-error: no such field of what is related
  await client.articles.list({ filter: { author: { nam: { eq: "x" } } } });
  // @ts-expect-error: a value is no condition
  await client.articles.list({ filter: { title: "x" } });
  // @ts-expect-error: no such sort
  await client.articles.list({ sort: ["titel"] });
  // @ts-expect-error: no such sign
  await client.articles.list({ sort: ["~title"] });
  // @ts-expect-error: nothing is sorted by a list
  await client.articles.list({ sort: ["tags.name"] });
  // @ts-expect-error: the size of a page is its limit
  await client.articles.list({ page: { size: 10 } });
  // @ts-expect-error: these are not counted
  await client.things.around({ count: 1 }, { page: { count: true } });
  // @ts-expect-error: no such option
  await client.articles.list({ filters: {} });
  // @ts-expect-error: not a value of the enumeration
  await client.things.list({ filter: { mood: { eq: "awful" } } });

  const page = await client.articles.list({ fields: ["title"], page: { count: true } });
  same<typeof page.count, number | null>(true);
  const next = await page.next();
  same<typeof next, typeof page | null>(true);
  for await (const each of page) {
    // @ts-expect-error: not chosen
    each.rating;
    same<typeof each, { title: string }>(true);
  }
}

export async function writes(): Promise<void> {
  const made = await client.articles.create({ title: "x", rating: null });
  same<typeof made.rating, number | null>(true);
  const own = await client.articles.create({ title: "x" }, { fields: ["title"] });
  same<typeof own, { title: string }>(true);
  const more = await client.articles.create({ title: "x" }, { fields: ["title", "title_length"] });
  same<typeof more, { title: string; title_length: number } | null>(true);
  // @ts-expect-error: the caller may not be allowed to read it
  more.title;
  // @ts-expect-error: misspelt
  await client.articles.create({ titel: "x" });
  // @ts-expect-error: a misspelt input beside the right one
  await client.articles.create({ title: "x", ratng: 1 });
  // @ts-expect-error: it needs a title
  await client.articles.create({});
  // @ts-expect-error: it needs inputs
  await client.articles.create();
  // @ts-expect-error: of another type
  await client.articles.create({ title: 1 });
  // @ts-expect-error: null is no title
  await client.articles.create({ title: null });
  // @ts-expect-error: no client chooses this key
  await client.articles.create({ title: "x", id: "y" });
  await client.tags.create({ id: "y", name: "x" });
  // @ts-expect-error: nothing lists this action
  await client.articles.weigh("x", {});
  // @ts-expect-error: it takes no inputs
  await client.articles.destroy("x", { title: "x" });
  await client.articles.update("x", {});
  // @ts-expect-error: a key that is a number
  await client.labels.get("1");
  const label = await client.labels.get(1);
  same<typeof label, { id: number; word: string }>(true);
}

export async function values(): Promise<void> {
  const thing = await client.things.get("x", { fields: ["price", "inserted_at", "mood", "level", "size", "fate", "engine"] });
  same<typeof thing.price, Decimal>(true);
  same<typeof thing.inserted_at, Moment>(true);
  same<typeof thing.mood, "good" | "so bad">(true);
  same<typeof thing.level, 1 | 3 | null>(true);
  same<typeof thing.size, "s" | "m">(true);
  if (thing.fate?.how === "sold") {
    const to: string = thing.fate.to;
    same<typeof to, string>(true);
    // @ts-expect-error: of the other member of the union
    thing.fate.days;
  }
  same<NonNullable<typeof thing.engine>["power"], number>(true);
  // @ts-expect-error: no field is left out silently
  thing.engine?.serial;
  await client.things.create({ text: "x", price: 1.5, at: new Date(), fate: { how: "rented", days: 1 }, engine: { power: 1 } });
  // @ts-expect-error: a new one gets its key when it is made
  await client.things.create({ text: "x", engine: { id: "x", power: 1 } });
  // @ts-expect-error: it has no power
  await client.things.create({ text: "x", engine: {} });
  await client.things.update("x", { engine: { power: 2 } });
  // @ts-expect-error: no member of the union
  await client.things.create({ text: "x", fate: { how: "lent" } });
  // @ts-expect-error: a member of the union with a field of another
  await client.things.create({ text: "x", fate: { how: "rented", to: "Ada" } });
  // @ts-expect-error: no such size
  await client.things.create({ text: "x", size: "l" });
  // What the actor may not see is null.
  const paper = await client.papers.get("x");
  same<typeof paper, { id: Uuid; fileName: string | null; hiddenWord: number | null }>(true);
  const measured = await client.articles.measure({ upload: new Blob(["x"]) });
  same<typeof measured, { readonly [name: string]: string | number }>(true);
  // @ts-expect-error: a text is no file
  await client.articles.measure({ upload: "x" });
}

export async function related(): Promise<void> {
  const author = await client.articles.related.author.get("x", { fields: ["name"] });
  same<typeof author, { name: string } | null>(true);
  const keys = await client.articles.related.tags.ids("x");
  same<(typeof keys.items)[number], Uuid>(true);
  await client.articles.related.author.replace("x", null);
  await client.articles.related.tags.add("x", ["y"]);
  // @ts-expect-error: a list of keys
  await client.articles.related.tags.add("x", "y");
  // @ts-expect-error: nothing adds seals
  await client.articles.related.seals.add("x", ["y"]);
}

export function errors(error: unknown): string {
  if (!(error instanceof SorbusError)) return "";
  switch (error.code) {
    case "not-found":
      return error.pointer ?? "";
    default:
      return error.code;
  }
}
