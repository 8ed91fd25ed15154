// ---- what fields are chosen, and what that makes of an answer ----

/** The types of the API's resource objects. */
export type TypeName = keyof Resources;

type FieldsOf<T extends TypeName> = Resources[T]["fields"];
type WaysOf<T extends TypeName> = Resources[T]["ways"];
type FilterOf<T extends TypeName> = Resources[T]["filter"];
type SortOf<T extends TypeName> = Resources[T]["sort"];
type TargetOf<T extends TypeName, K> = K extends keyof WaysOf<T>
  ? WaysOf<T>[K] extends { readonly to: infer D extends TypeName }
    ? D
    : never
  : never;
type IsMany<T extends TypeName, K> = K extends keyof WaysOf<T>
  ? WaysOf<T>[K] extends { readonly many: true }
    ? true
    : false
  : false;

/** What can be said about the related records of a list: which, in what order, and how many. */
export interface RelatedOptions<T extends TypeName, I> {
  readonly fields: Selection<T, I>;
  readonly filter?: FilterOf<T> | undefined;
  readonly sort?: readonly SortOf<T>[] | undefined;
  readonly page?: PageOptions | undefined;
}

// Without relationships there is nothing to say; an empty object type would take anything.
type RelatedSelection<T extends TypeName, I> = [keyof I] extends [never]
  ? never
  : {
      readonly [K in keyof I]?:
        | Selection<TargetOf<T, K>, I[K]>
        | (IsMany<T, K> extends true ? RelatedOptions<TargetOf<T, K>, I[K]> : never);
    };

/** Fields by name, and related records by the fields chosen of them: `["title", { author: ["name"] }]`. */
export type Selection<T extends TypeName, I = Resources[T]["includes"]> = readonly (
  | (keyof FieldsOf<T> & string)
  | RelatedSelection<T, I>
)[];

type Objects<S> = S extends readonly unknown[] ? Exclude<S[number], string> : never;
type KeysOf<O> = O extends unknown ? keyof O : never;
type At<O, K> = O extends unknown ? (K extends keyof O ? O[K] : never) : never;
type Inner<V> = V extends readonly unknown[] ? V : V extends { readonly fields: infer F } ? F : never;

/** Members that no resource has make a selection wrong, beside right ones too. */
type Checked<T extends TypeName, I, S> = S extends readonly unknown[]
  ? {
      readonly [N in keyof S]: S[N] extends string
        ? S[N]
        : { readonly [K in keyof S[N]]: K extends keyof I ? CheckedWay<TargetOf<T, K>, I[K], S[N][K]> : never };
    }
  : S;
type CheckedWay<T extends TypeName, I, V> = V extends readonly unknown[]
  ? Checked<T, I, V>
  : { readonly [P in keyof V]: P extends "fields" ? Checked<T, I, V[P]> : P extends keyof RelatedOptions<T, I> ? V[P] : never };

type Chosen<T extends TypeName, I, S extends readonly unknown[]> = {
  [F in Extract<S[number], keyof FieldsOf<T>>]: FieldsOf<T>[F];
} & {
  [K in KeysOf<Objects<S>> & keyof I]: RelatedValue<T, K, I[K], Inner<At<Objects<S>, K>>>;
};
type RelatedValue<T extends TypeName, K, I, S> =
  IsMany<T, K> extends true ? Result<TargetOf<T, K>, S, I>[] : Result<TargetOf<T, K>, S, I> | null;
type Flat<O> = { -readonly [K in keyof O]: O[K] };

/** A record with the fields that were chosen; without a choice those that come unasked. */
export type Result<T extends TypeName, S, I = Resources[T]["includes"]> = S extends readonly unknown[]
  ? number extends S["length"]
    ? Flat<Partial<Chosen<T, I, S>>>
    : Flat<Chosen<T, I, S>>
  : Flat<Pick<FieldsOf<T>, Resources[T]["unasked"] & keyof FieldsOf<T>>>;

/** What a write answers with: null when more was chosen than the record's own values, and the caller may not read it. */
export type Written<T extends TypeName, S> = S extends readonly unknown[]
  ? Exclude<S[number], Resources[T]["unasked"]> extends never
    ? Result<T, S>
    : Result<T, S> | null
  : Result<T, S>;

// ---- what a call takes ----

/** Where a list begins and how much of it comes; cursors are those of a page. */
export interface UncountedPageOptions {
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly offset?: number | undefined;
}

/** The same, where all records may be counted. */
export interface PageOptions extends UncountedPageOptions {
  readonly count?: boolean | undefined;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, as in `new AbortController().signal`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for each attempt; the client's own by default. */
  readonly timeout?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What a call takes that answers with one record. */
export interface RecordOptions<T extends TypeName, S> extends CallOptions {
  readonly fields?: (S & Checked<T, Resources[T]["includes"], S>) | undefined;
}

/** What a call takes that answers with pages. */
export interface ListOptions<T extends TypeName, S, P = PageOptions> extends RecordOptions<T, S> {
  readonly filter?: FilterOf<T> | undefined;
  readonly sort?: readonly SortOf<T>[] | undefined;
  readonly page?: P | undefined;
}

/** What a call takes that answers with the keys of related records. */
export interface KeysOptions<T extends TypeName, P = PageOptions> extends CallOptions {
  readonly filter?: FilterOf<T> | undefined;
  readonly sort?: readonly SortOf<T>[] | undefined;
  readonly page?: P | undefined;
}

/** What a client is made from. */
export interface ClientOptions {
  /** Where the application is served, as in `https://shop.example`; without it, where the page comes from. */
  readonly baseUrl?: string | undefined;
  /** Sent with every request; a function is asked each time, so that a token may change. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>)
    | undefined;
  /** Sends requests instead of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Milliseconds for each attempt; 0 waits for ever. 30 000 by default. */
  readonly timeout?: number | undefined;
  /** How often a GET is tried again when no answer came or the server is busy (429, 503). 2 by default. */
  readonly retries?: number | undefined;
}

// ---- errors ----

/** One of the mistakes that an answer tells of. */
export interface ErrorObject {
  readonly status: number;
  readonly code: ErrorCode;
  readonly title: string;
  readonly detail: string;
  /** Where in the document it lies, as in `/data/attributes/title`. */
  readonly pointer?: string;
  /** The parameter that it is about, as in `filter[title]`. */
  readonly parameter?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** What the server's log calls it, when the server failed. */
  readonly id?: string;
}

/**
 * A call that was refused or failed: the first mistake's code, and all of them in `errors`.
 *
 * `no-answer`, `timed-out` and `unreadable-answer` are the client's own codes, with the status 0 where no answer came.
 */
export class SorbusError extends Error {
  override readonly name = "SorbusError";
  readonly status: number;
  readonly code: ErrorCode;
  readonly pointer: string | undefined;
  readonly parameter: string | undefined;
  readonly hint: string | undefined;
  readonly errors: readonly ErrorObject[];

  constructor(status: number, errors: readonly ErrorObject[], options?: { readonly cause?: unknown }) {
    const first = errors[0];
    super(first?.detail ?? `The server answered with ${status}.`, options);
    this.status = status;
    this.code = first?.code ?? "unreadable-answer";
    this.pointer = first?.pointer;
    this.parameter = first?.parameter;
    this.hint = first?.hint;
    this.errors = errors;
  }
}

function failed(status: number, code: ErrorCode, detail: string, cause?: unknown): SorbusError {
  return new SorbusError(status, [{ status, code, title: detail, detail }], { cause });
}

// ---- documents, as they come ----

interface Identifier {
  readonly type: TypeName;
  readonly id: string;
}
interface Linkage {
  readonly data?: Identifier | readonly Identifier[] | null;
  readonly meta?: RelatedMeta;
}
interface ResourceObject extends Identifier {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly relationships?: Readonly<Record<string, Linkage>>;
}
interface Answer {
  readonly data?: ResourceObject | readonly ResourceObject[] | null;
  readonly included?: readonly ResourceObject[];
  readonly links?: { readonly next?: string | null; readonly prev?: string | null };
  readonly meta?: { readonly page?: { readonly total?: number }; readonly result?: unknown };
}

interface TypeTable {
  /** The key is a whole number, which documents have as a text. */
  readonly whole: boolean;
  readonly unasked: readonly string[];
  readonly ways: Readonly<Record<string, TypeName>>;
}
interface Call {
  readonly kind: "list" | "get" | "write" | "destroy" | "run" | "ids" | "id" | "link";
  readonly method: string;
  readonly path: string;
  readonly type: TypeName;
  readonly about: TypeName;
  readonly input?: true;
  readonly id?: true;
  readonly files?: readonly string[];
}

// ---- choosing: from a selection to parameters, and from a document to records ----

interface AnyRelatedOptions {
  readonly fields: AnySelection;
  readonly filter?: unknown;
  readonly sort?: readonly string[];
  readonly page?: PageOptions;
}
type AnySelection = readonly (string | Readonly<Record<string, AnySelection | AnyRelatedOptions | undefined>>)[];

/** A selection taken apart: the fields of one record, and the choices behind its relationships. */
class Choice {
  readonly fields = new Set<string>();
  readonly ways = new Map<string, { readonly choice: Choice; readonly options?: AnyRelatedOptions }>();

  constructor(
    readonly type: TypeName,
    selection: AnySelection,
  ) {
    for (const part of selection) {
      if (typeof part === "string") this.fields.add(part);
      else this.addWays(part);
    }
  }

  private addWays(part: Readonly<Record<string, AnySelection | AnyRelatedOptions | undefined>>): void {
    for (const [name, value] of Object.entries(part)) {
      if (value === undefined) continue;
      const target = TYPES[this.type].ways[name];
      if (target === undefined) throw new TypeError(`${this.type} has no relationship \`${name}\`.`);
      if (isSelection(value)) this.ways.set(name, { choice: new Choice(target, value) });
      else this.ways.set(name, { choice: new Choice(target, value.fields), options: value });
    }
  }

  addTo(parameters: Parameters): void {
    const fields = new Map<TypeName, Set<string>>();
    const paths: string[] = [];
    this.gather(fields, paths, parameters, "");
    if (paths.length > 0) parameters.add("include", paths.join(","));
    // Fields are said for each type, whichever way leads to its records; what a way did not ask for is left out later.
    for (const [type, names] of fields) parameters.add(`fields[${type}]`, [...names].join(","));
  }

  private gather(fields: Map<TypeName, Set<string>>, paths: string[], parameters: Parameters, before: string): void {
    const known = fields.get(this.type) ?? new Set<string>();
    fields.set(this.type, known);
    for (const each of this.fields) if (each !== "id") known.add(each);
    for (const [name, { choice, options }] of this.ways) {
      known.add(name);
      const path = before + name;
      paths.push(path);
      if (options) {
        parameters.addJson(`filter_included[${path}]`, options.filter);
        if (options.sort?.length) parameters.add(`sort_included[${path}]`, options.sort.join(","));
        parameters.addPage(`page_included[${path}]`, options.page);
      }
      choice.gather(fields, paths, parameters, `${path}.`);
    }
  }
}

function isSelection(value: AnySelection | AnyRelatedOptions): value is AnySelection {
  return Array.isArray(value);
}

class Parameters {
  private readonly pairs: string[] = [];

  add(name: string, value: string): void {
    this.pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }

  addJson(name: string, value: unknown): void {
    if (value !== undefined && value !== null && Object.keys(value).length > 0) this.add(name, JSON.stringify(value));
  }

  addPage(name: string, page: PageOptions | undefined): void {
    for (const [member, value] of Object.entries(page ?? {})) {
      if (value !== undefined) this.add(`${name}[${member}]`, String(value));
    }
  }

  /** The inputs of a read: a list is a parameter for each item. */
  addInputs(inputs: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(inputs)) {
      if (value === undefined) continue;
      for (const each of Array.isArray(value) ? value : [value]) this.add(name, textOf(each));
    }
  }

  toString(): string {
    return this.pairs.join("&");
  }
}

function textOf(value: unknown): string {
  if (value === null) return "";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What is known about the related records of a list: whether there are more, and the cursors that lead to them. */
export interface RelatedMeta {
  readonly truncated?: true;
  readonly filtered?: true;
  readonly page?: {
    readonly limit: number;
    readonly offset?: number;
    readonly total?: number;
    readonly after?: string;
    readonly before?: string;
  };
}

const metas = new WeakMap<object, RelatedMeta>();

/** What the server said about a list of related records; undefined when it sent all of them. */
export function relatedMeta(related: readonly unknown[]): RelatedMeta | undefined {
  return metas.get(related);
}

function keyOf(identifier: Identifier): string | number {
  return TYPES[identifier.type].whole ? Number(identifier.id) : identifier.id;
}

/** The records of one document, joined: a record that is met twice by equal ways is one object. */
class Joiner {
  private readonly known = new Map<string, ResourceObject>();
  private readonly made = new Map<Choice | null, Map<string, object>>();

  constructor(answer: Answer) {
    const data = answer.data ?? [];
    for (const each of [...(answer.included ?? []), ...(Array.isArray(data) ? data : [data])]) {
      this.known.set(`${each.type} ${each.id}`, each);
    }
  }

  record(identifier: Identifier, choice: Choice | null): object {
    const place = `${identifier.type} ${identifier.id}`;
    const made = this.made.get(choice) ?? new Map<string, object>();
    this.made.set(choice, made);
    const found = made.get(place);
    if (found !== undefined) return found;
    const source = this.known.get(place);
    if (source === undefined) throw failed(200, "unreadable-answer", `The answer lacks ${place}, to which it refers.`);
    const record: Record<string, unknown> = {};
    made.set(place, record);
    for (const name of choice?.fields ?? TYPES[source.type].unasked) {
      record[name] = name === "id" ? keyOf(source) : source.attributes[name];
    }
    for (const [name, way] of choice?.ways ?? []) record[name] = this.related(source.relationships?.[name], way.choice);
    return record;
  }

  private related(linkage: Linkage | undefined, choice: Choice): unknown {
    const data = linkage?.data ?? null;
    if (data === null) return null;
    if (!isList(data)) return this.record(data, choice);
    const records = data.map((each) => this.record(each, choice));
    if (linkage?.meta !== undefined) metas.set(records, linkage.meta);
    return records;
  }
}

function isList<T>(data: T | readonly T[]): data is readonly T[] {
  return Array.isArray(data);
}

// ---- pages ----

/** One page of a list. `for await (const each of page)` goes over its items and those of all pages after it. */
export class Page<T> implements AsyncIterable<T> {
  constructor(
    readonly items: readonly T[],
    /** The number of all records, when it was asked for. */
    readonly count: number | null,
    /** The cursor for `page.after` that leads on; null on the last page, and where pages go by position. */
    readonly after: string | null,
    /** The cursor for `page.before` that leads back. */
    readonly before: string | null,
    private readonly onward: (() => Promise<Page<T>>) | null,
    private readonly back: (() => Promise<Page<T>>) | null,
  ) {}

  /** Whether there is a page after this one. */
  get hasNext(): boolean {
    return this.onward !== null;
  }

  /** Whether there is a page before this one. */
  get hasPrevious(): boolean {
    return this.back !== null;
  }

  /** The page after this one, or null. */
  async next(): Promise<Page<T> | null> {
    return this.onward === null ? null : await this.onward();
  }

  /** The page before this one, or null. */
  async previous(): Promise<Page<T> | null> {
    return this.back === null ? null : await this.back();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let page: Page<T> | null = this; page !== null; page = await page.next()) yield* page.items;
  }
}

// ---- sending ----

const MEDIA_TYPE = "application/vnd.api+json";
const TRIED_AGAIN = new Set([429, 503]);
const LONGEST_PAUSE = 10_000;

type AnyOptions = CallOptions & {
  readonly fields?: AnySelection;
  readonly filter?: unknown;
  readonly sort?: readonly string[];
  readonly page?: PageOptions;
};
type Inputs = Readonly<Record<string, unknown>>;

class Sender {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Calls as the generated types say: the key, the inputs and the options, as far as a call has them. */
  async call(call: Call, given: readonly unknown[]): Promise<unknown> {
    const left = [...given];
    let path = call.path;
    if (call.path.includes("{id}")) path = path.replace("{id}", () => segment(left.shift()));
    const inputs = (call.input ? left.shift() : undefined) as unknown;
    const options = (left.shift() ?? {}) as AnyOptions;
    const choice = options.fields === undefined ? null : new Choice(call.about, options.fields);
    const parameters = new Parameters();
    choice?.addTo(parameters);
    if (call.kind === "list" || call.kind === "ids") {
      parameters.addJson("filter", options.filter);
      if (options.sort?.length) parameters.add("sort", options.sort.join(","));
      parameters.addPage("page", options.page);
    }
    const reads = call.method === "GET";
    if (reads) parameters.addInputs((inputs ?? {}) as Inputs);
    const body = reads ? undefined : bodyOf(call, inputs);
    return this.ask(call, path, parameters.toString(), body, choice, options);
  }

  private async ask(
    call: Call, path: string, query: string, body: string | FormData | undefined, choice: Choice | null, options: AnyOptions,
  ): Promise<unknown> {
    const answer = await this.send(call.method, path, query, body, options);
    const joiner = new Joiner(call.kind === "list" || call.kind === "get" || call.kind === "write" ? answer : {});
    const data = answer.data ?? null;
    switch (call.kind) {
      case "destroy":
      case "link":
        return undefined;
      case "run":
        return answer.meta?.result ?? null;
      case "id":
        return data === null ? null : keyOf(data as Identifier);
      case "get":
      case "write":
        return data === null ? null : joiner.record(data as Identifier, choice);
      case "list":
      case "ids": {
        const one = (each: Identifier): unknown => (call.kind === "ids" ? keyOf(each) : joiner.record(each, choice));
        const to = (link: string | null | undefined): (() => Promise<Page<unknown>>) | null =>
          link ? () => this.ask(call, path, queryOf(link), undefined, choice, options) as Promise<Page<unknown>> : null;
        const { next, prev } = answer.links ?? {};
        return new Page(
          ((data ?? []) as readonly Identifier[]).map(one), answer.meta?.page?.total ?? null,
          cursorIn(next, "page[after]"), cursorIn(prev, "page[before]"), to(next), to(prev),
        );
      }
    }
  }

  private async send(
    method: string, path: string, query: string, body: string | FormData | undefined, options: CallOptions,
  ): Promise<Answer> {
    const url = `${(this.options.baseUrl ?? "").replace(/\/+$/, "")}${PREFIX}${path}${query ? `?${query}` : ""}`;
    const most = method === "GET" ? (this.options.retries ?? 2) : 0;
    for (let attempt = 0; ; attempt++) {
      let pause = 100 * 2 ** attempt * (0.5 + Math.random());
      try {
        const response = await this.fetch(method, url, body, options);
        if (attempt >= most || !TRIED_AGAIN.has(response.status)) return await answerOf(response);
        pause = Math.max(pause, 1000 * (Number(response.headers.get("retry-after")) || 0));
        await response.body?.cancel();
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof SorbusError) throw error;
        const late = error instanceof DOMException && error.name === "TimeoutError";
        if (late) throw failed(0, "timed-out", `No answer to ${method} ${path} came in time.`, error);
        if (attempt >= most) throw failed(0, "no-answer", `${method} ${path} got no answer.`, error);
      }
      await wait(Math.min(pause, LONGEST_PAUSE), options.signal);
    }
  }

  private async fetch(
    method: string, url: string, body: string | FormData | undefined, options: CallOptions,
  ): Promise<Response> {
    const { headers } = this.options;
    const sent: Record<string, string> = { accept: MEDIA_TYPE };
    if (typeof body === "string") sent["content-type"] = MEDIA_TYPE;
    const own = typeof headers === "function" ? await headers() : headers;
    const timeout = options.timeout ?? this.options.timeout ?? 30_000;
    const signals = [options.signal, timeout > 0 ? AbortSignal.timeout(timeout) : undefined].filter((each) => !!each);
    const ask = this.options.fetch ?? fetch;
    return ask(url, {
      method,
      headers: { ...sent, ...own, ...options.headers },
      body: body ?? null,
      signal: signals.length > 0 ? AbortSignal.any(signals) : null,
    });
  }
}

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    }
    signal?.addEventListener("abort", done);
  });
}

/** A key as a part of a path; one that a browser would take for a way through folders cannot be sent. */
function segment(key: unknown): string {
  const text = String(key);
  if (text === "" || text === "." || text === "..") throw new RangeError(`\`${text}\` cannot be a key in a path.`);
  return encodeURIComponent(text);
}

/** The query of a link: the rest of it is known, and the client may see another address than the server. */
function queryOf(link: string): string {
  const [, query = ""] = link.split(/\?(.*)/s);
  return query;
}

function cursorIn(link: string | null | undefined, name: string): string | null {
  return link ? new URLSearchParams(queryOf(link)).get(name) : null;
}

function bodyOf(call: Call, inputs: unknown): string | FormData | undefined {
  if (call.kind === "link") {
    const one = (key: unknown): Identifier => ({ type: call.about, id: String(key) });
    return JSON.stringify({ data: Array.isArray(inputs) ? inputs.map(one) : inputs === null ? null : one(inputs) });
  }
  if (inputs === undefined) return undefined;
  const { ...attributes } = inputs as Record<string, unknown>;
  const data: Record<string, unknown> = { type: call.type, attributes };
  if (call.id) {
    if (attributes["id"] !== undefined) data["id"] = String(attributes["id"]);
    delete attributes["id"];
  }
  const files = (call.files ?? []).filter((name) => attributes[name] !== undefined && attributes[name] !== null);
  if (files.length === 0) return JSON.stringify({ data });
  const form = new FormData();
  for (const name of files) {
    const value = attributes[name];
    delete attributes[name];
    for (const each of (Array.isArray(value) ? value : [value]) as readonly Blob[]) form.append(name, each);
  }
  form.append("data", JSON.stringify({ data }));
  return form;
}

async function answerOf(response: Response): Promise<Answer> {
  if (response.status === 204) return {};
  const text = await response.text();
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw failed(response.status, "unreadable-answer", `The answer with the status ${response.status} is no JSON.`, error);
  }
  if (response.ok) return document as Answer;
  throw new SorbusError(response.status, errorsIn(document, response.status));
}

interface RawError {
  readonly status?: string;
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly id?: string;
  readonly source?: { readonly pointer?: string; readonly parameter?: string };
  readonly meta?: { readonly hint?: string };
}

function errorsIn(document: unknown, status: number): readonly ErrorObject[] {
  const { errors = [] } = (document ?? {}) as { readonly errors?: readonly RawError[] };
  return errors.map((each) => ({
    status: Number(each.status ?? status),
    code: (each.code ?? "unreadable-answer") as ErrorCode,
    title: each.title ?? "",
    detail: each.detail ?? each.title ?? "",
    ...(each.source?.pointer === undefined ? {} : { pointer: each.source.pointer }),
    ...(each.source?.parameter === undefined ? {} : { parameter: each.source.parameter }),
    ...(each.meta?.hint === undefined ? {} : { hint: each.meta.hint }),
    ...(each.id === undefined ? {} : { id: each.id }),
  }));
}

interface Calls {
  readonly [name: string]: Call | Calls;
}

function bound(calls: Calls, sender: Sender): unknown {
  const made: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(calls)) {
    made[name] = isCall(each) ? (...given: unknown[]) => sender.call(each, given) : bound(each, sender);
  }
  return made;
}

function isCall(each: Call | Calls): each is Call {
  return typeof each.kind === "string";
}

/** A client of the application. */
export function createClient(options: ClientOptions = {}): Client {
  return bound(CALLS, new Sender(options)) as Client;
}
