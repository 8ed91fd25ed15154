// ---- errors ----

/** One of the mistakes that an answer tells of. */
export interface ErrorObject {
  readonly status: number;
  readonly code: ErrorCode;
  readonly title: string;
  readonly detail: string;
  /** Where in the document it lies, as in `/data/attributes/title`. */
  readonly pointer?: string;
  /** What is missing, from where the pointer leads, as in `title`. */
  readonly missing?: string;
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
