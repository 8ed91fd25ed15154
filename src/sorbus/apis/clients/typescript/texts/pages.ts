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
