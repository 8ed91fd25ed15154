// ---- documents, as they come ----

interface WireIdentifier {
  readonly type: TypeName;
  readonly id: string;
}
interface WireLinkage {
  readonly data?: WireIdentifier | readonly WireIdentifier[] | null;
  readonly meta?: RelatedMeta;
}
interface WireResource extends WireIdentifier {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly relationships?: Readonly<Record<string, WireLinkage>>;
}
interface WireAnswer {
  readonly data?: WireResource | readonly WireResource[] | null;
  readonly included?: readonly WireResource[];
  readonly links?: { readonly next?: string | null; readonly prev?: string | null };
  readonly meta?: { readonly page?: { readonly total?: number }; readonly result?: unknown };
}

interface TypeTable {
  /** The key is a whole number, which documents have as a text. */
  readonly whole: boolean;
  readonly unasked: readonly string[];
  readonly ways: Readonly<Record<string, TypeName>>;
}
interface CallEntry {
  readonly kind: "list" | "get" | "write" | "destroy" | "run" | "ids" | "id" | "link";
  readonly method: string;
  readonly path: string;
  readonly type: TypeName;
  readonly about: TypeName;
  readonly input?: true;
  readonly id?: true;
  readonly files?: readonly string[];
}
