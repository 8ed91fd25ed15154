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
type GivenInputs = Readonly<Record<string, unknown>>;

class CallSender {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Calls as the generated types say: the key, the inputs and the options, as far as a call has them. */
  async call(call: CallEntry, given: readonly unknown[]): Promise<unknown> {
    const left = [...given];
    let path = call.path;
    if (call.path.includes("{id}")) path = path.replace("{id}", () => segment(left.shift()));
    const inputs = (call.input ? left.shift() : undefined) as unknown;
    const options = (left.shift() ?? {}) as AnyOptions;
    const choice = options.fields === undefined ? null : new ChosenFields(call.about, options.fields);
    const parameters = new QueryParts();
    choice?.addTo(parameters);
    if (call.kind === "list" || call.kind === "ids") {
      parameters.addJson("filter", options.filter);
      if (options.sort?.length) parameters.add("sort", options.sort.join(","));
      parameters.addPage("page", options.page);
    }
    const reads = call.method === "GET";
    if (reads) parameters.addInputs((inputs ?? {}) as GivenInputs);
    const body = reads ? undefined : bodyOf(call, inputs);
    return this.ask(call, path, parameters.toString(), body, choice, options);
  }

  private async ask(
    call: CallEntry, path: string, query: string, body: string | FormData | undefined, choice: ChosenFields | null, options: AnyOptions,
  ): Promise<unknown> {
    const answer = await this.send(call.method, path, query, body, options);
    const to = (link: string | null | undefined): (() => Promise<Page<unknown>>) | null =>
      link ? () => this.ask(call, path, queryOf(link), undefined, choice, options) as Promise<Page<unknown>> : null;
    try {
      return read(call, answer, choice, to);
    } catch (error) {
      if (error instanceof SorbusError) throw error;
      throw failed(200, "unreadable-answer", "The answer is another than this client knows; make the client again.", error);
    }
  }

  private async send(
    method: string, path: string, query: string, body: string | FormData | undefined, options: CallOptions,
  ): Promise<WireAnswer> {
    const url = `${(this.options.baseUrl ?? "").replace(/\/+$/, "")}${PREFIX}${path}${query ? `?${query}` : ""}`;
    const most = method === "GET" ? (this.options.retries ?? 2) : 0;
    for (let attempt = 0; ; attempt++) {
      let pause = 100 * 2 ** attempt * (0.5 + Math.random());
      const headers = await this.headersFor(body, options);
      try {
        const response = await this.fetch(method, url, headers, body, options);
        pause = Math.max(pause, 1000 * (Number(response.headers.get("retry-after")) || 0));
        const final = attempt >= most || !TRIED_AGAIN.has(response.status) || pause > LONGEST_PAUSE;
        if (final) return await answerOf(response);
        await response.body?.cancel();
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof SorbusError) throw error;
        const late = (error as { readonly name?: unknown } | null)?.name === "TimeoutError";
        if (late) throw failed(0, "timed-out", `No answer to ${method} ${path} came in time.`, error);
        if (attempt >= most) throw failed(0, "no-answer", `${method} ${path} got no answer.`, error);
      }
      await wait(pause, options.signal);
    }
  }

  private async headersFor(
    body: string | FormData | undefined, options: CallOptions,
  ): Promise<Readonly<Record<string, string>>> {
    const { headers } = this.options;
    const own = typeof headers === "function" ? await headers() : headers;
    const type: Record<string, string> = typeof body === "string" ? { "content-type": MEDIA_TYPE } : {};
    return { accept: MEDIA_TYPE, ...type, ...own, ...options.headers };
  }

  private async fetch(
    method: string, url: string, headers: Readonly<Record<string, string>>, body: string | FormData | undefined,
    options: CallOptions,
  ): Promise<Response> {
    const timeout = options.timeout ?? this.options.timeout ?? 30_000;
    const signals = [options.signal, timeout > 0 ? AbortSignal.timeout(timeout) : undefined].filter((each) => !!each);
    const signal = signals.length > 0 ? AbortSignal.any(signals) : null;
    return (this.options.fetch ?? fetch)(url, { method, headers, body: body ?? null, signal });
  }
}

/** What an answer holds. */
function read(
  call: CallEntry, answer: WireAnswer, choice: ChosenFields | null,
  to: (link: string | null | undefined) => (() => Promise<Page<unknown>>) | null,
): unknown {
  const data = answer.data ?? null;
  switch (call.kind) {
    case "destroy":
    case "link":
      return undefined;
    case "run":
      return answer.meta?.result ?? null;
    case "id":
      return data === null ? null : keyOf(data as WireIdentifier);
    case "get":
    case "write":
      return data === null ? null : new RecordJoiner(answer).record(data as WireIdentifier, choice);
    case "list":
    case "ids": {
      const joiner = call.kind === "list" ? new RecordJoiner(answer) : null;
      const one = (each: WireIdentifier): unknown => (joiner === null ? keyOf(each) : joiner.record(each, choice));
      const { next, prev } = answer.links ?? {};
      return new Page(
        (data as readonly WireIdentifier[]).map(one), answer.meta?.page?.total ?? null,
        cursorIn(next, "page[after]"), cursorIn(prev, "page[before]"), to(next), to(prev),
      );
    }
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

function bodyOf(call: CallEntry, inputs: unknown): string | FormData | undefined {
  if (call.kind === "link") {
    const one = (key: unknown): WireIdentifier => ({ type: call.about, id: String(key) });
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

async function answerOf(response: Response): Promise<WireAnswer> {
  if (response.status === 204) return {};
  const text = await response.text();
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw failed(response.status, "unreadable-answer", `The answer with the status ${response.status} is no JSON.`, error);
  }
  if (response.ok && typeof document === "object" && document !== null) return document;
  throw new SorbusError(response.status, errorsIn(document, response.status));
}

interface WireError {
  readonly status?: string;
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly id?: string;
  readonly source?: { readonly pointer?: string; readonly parameter?: string };
  readonly meta?: { readonly hint?: string; readonly missing?: string };
}

function errorsIn(document: unknown, status: number): readonly ErrorObject[] {
  const { errors } = (document ?? {}) as { readonly errors?: unknown };
  const given = (Array.isArray(errors) ? errors : []).filter((each) => typeof each === "object" && each !== null);
  return (given as readonly WireError[]).map((each) => ({
    status: Number(each.status ?? status),
    code: (each.code ?? "unreadable-answer") as ErrorCode,
    title: each.title ?? "",
    detail: each.detail ?? each.title ?? "",
    ...(each.source?.pointer === undefined ? {} : { pointer: each.source.pointer }),
    ...(each.source?.parameter === undefined ? {} : { parameter: each.source.parameter }),
    ...(each.meta?.hint === undefined ? {} : { hint: each.meta.hint }),
    ...(each.meta?.missing === undefined ? {} : { missing: each.meta.missing }),
    ...(each.id === undefined ? {} : { id: each.id }),
  }));
}

interface CallTree {
  readonly [name: string]: CallEntry | CallTree;
}

function bound(calls: CallTree, sender: CallSender): unknown {
  const made: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(calls)) {
    made[name] = isCall(each) ? (...given: unknown[]) => sender.call(each, given) : bound(each, sender);
  }
  return made;
}

function isCall(each: CallEntry | CallTree): each is CallEntry {
  return typeof each.kind === "string";
}

/** A client of the application. */
export function createClient(options: ClientOptions = {}): Client {
  return bound(CALLS, new CallSender(options)) as Client;
}
