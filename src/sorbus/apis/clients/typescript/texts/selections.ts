// ---- what fields are chosen, and what that makes of an answer ----

/** The types of the API's resource objects. */
export type TypeName = keyof Resources;

type FieldsOf<T extends TypeName> = Resources[T]["fields"];
type WaysOf<T extends TypeName> = Resources[T]["ways"];
type FilterOf<T extends TypeName> = Resources[T]["filter"];
type SortOf<T extends TypeName> = Resources[T]["sort"];
type PageOf<T extends TypeName> = Resources[T]["page"];
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
  readonly page?: PageOf<T> | undefined;
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

type ObjectsIn<S> = S extends readonly unknown[] ? Exclude<S[number], string> : never;
type KeysOf<O> = O extends unknown ? keyof O : never;
type MemberAt<O, K> = O extends unknown ? (K extends keyof O ? O[K] : never) : never;
type InnerSelection<V> = V extends readonly unknown[] ? V : V extends { readonly fields: infer F } ? F : never;

/** Members that no resource has make a selection wrong, beside right ones too. */
type CheckedSelection<T extends TypeName, I, S> = S extends readonly unknown[]
  ? {
      readonly [N in keyof S]: S[N] extends string
        ? S[N]
        : { readonly [K in keyof S[N]]: K extends keyof I ? CheckedWay<TargetOf<T, K>, I[K], S[N][K]> : never };
    }
  : S;
type CheckedWay<T extends TypeName, I, V> = V extends readonly unknown[]
  ? CheckedSelection<T, I, V>
  : { readonly [P in keyof V]: P extends "fields" ? CheckedSelection<T, I, V[P]> : P extends keyof RelatedOptions<T, I> ? V[P] : never };

type ChosenRecord<T extends TypeName, I, S extends readonly unknown[]> = {
  [F in Extract<S[number], keyof FieldsOf<T>>]: FieldsOf<T>[F];
} & {
  [K in KeysOf<ObjectsIn<S>> & keyof I]: RelatedValue<T, K, I[K], InnerSelection<MemberAt<ObjectsIn<S>, K>>>;
};
type RelatedValue<T extends TypeName, K, I, S> =
  IsMany<T, K> extends true ? Result<TargetOf<T, K>, S, I>[] : Result<TargetOf<T, K>, S, I> | null;
type FlatType<O> = { -readonly [K in keyof O]: O[K] };

/** A record with the fields that were chosen; without a choice those that come unasked. */
export type Result<T extends TypeName, S, I = Resources[T]["includes"]> = S extends readonly unknown[]
  ? number extends S["length"]
    ? FlatType<Partial<ChosenRecord<T, I, S>>>
    : FlatType<ChosenRecord<T, I, S>>
  : FlatType<Pick<FieldsOf<T>, Resources[T]["unasked"] & keyof FieldsOf<T>>>;

/** What a write answers with: null when more was chosen than the record's own values, and the caller may not read it. */
export type Written<T extends TypeName, S> = S extends readonly unknown[]
  ? Exclude<S[number], Resources[T]["unasked"]> extends never
    ? Result<T, S>
    : Result<T, S> | null
  : Result<T, S>;
