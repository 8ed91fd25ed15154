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
  readonly fields?: (S & CheckedSelection<T, Resources[T]["includes"], S>) | undefined;
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
