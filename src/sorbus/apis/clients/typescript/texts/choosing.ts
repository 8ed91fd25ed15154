// ---- choosing: from a selection to parameters, and from a document to records ----

interface AnyRelatedOptions {
  readonly fields: AnySelection;
  readonly filter?: unknown;
  readonly sort?: readonly string[];
  readonly page?: PageOptions;
}
type AnySelection = readonly (string | Readonly<Record<string, AnySelection | AnyRelatedOptions | undefined>>)[];

/** A selection taken apart: the fields of one record, and the choices behind its relationships. */
class ChosenFields {
  readonly fields = new Set<string>();
  readonly ways = new Map<string, { readonly choice: ChosenFields; readonly options?: AnyRelatedOptions }>();

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
      if (target === undefined || this.ways.has(name)) {
        throw new TypeError(`${this.type}: \`${name}\` is no relationship, or is chosen twice.`);
      }
      if (isSelection(value)) this.ways.set(name, { choice: new ChosenFields(target, value) });
      else this.ways.set(name, { choice: new ChosenFields(target, value.fields), options: value });
    }
  }

  addTo(parameters: QueryParts): void {
    const fields = new Map<TypeName, Set<string>>();
    const paths: string[] = [];
    this.gather(fields, paths, parameters, "");
    if (paths.length > 0) parameters.add("include", paths.join(","));
    // Fields are said for each type, whichever way leads to its records; what a way did not ask for is left out later.
    for (const [type, names] of fields) parameters.add(`fields[${type}]`, [...names].join(","));
  }

  private gather(fields: Map<TypeName, Set<string>>, paths: string[], parameters: QueryParts, before: string): void {
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

class QueryParts {
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

function keyOf(identifier: WireIdentifier): string | number {
  return TYPES[identifier.type].whole ? Number(identifier.id) : identifier.id;
}

/** The records of one document, joined: a record that is met twice by equal ways is one object. */
class RecordJoiner {
  private readonly known = new Map<string, WireResource>();
  private readonly made = new Map<ChosenFields | null, Map<string, object>>();

  constructor(answer: WireAnswer) {
    const data = answer.data ?? [];
    for (const each of [...(answer.included ?? []), ...(Array.isArray(data) ? data : [data])]) {
      this.known.set(`${each.type} ${each.id}`, each);
    }
  }

  record(identifier: WireIdentifier, choice: ChosenFields | null): object {
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

  private related(linkage: WireLinkage | undefined, choice: ChosenFields): unknown {
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
