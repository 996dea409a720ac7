// What can go wrong: the server refuses (RFC 9457), or it cannot be reached.

/**
 * What is wrong with a request; the detail says only that something is.
 * @param {{ field: string, message: string }[]} errors
 */
function reasonOf([first, ...others]) {
  return first && `${first.field} ${first.message}${others.length ? ` (and ${others.length} more)` : ''}`;
}

/** An error response of the server. `code` is what a program should check. */
export class Problem extends Error {
  /** @param {number} status @param {any} body @param {number} [retryAfter] in seconds */
  constructor(status, body, retryAfter = 0) {
    /** @type {{ field: string, message: string }[]} */ const errors = Array.isArray(body?.errors) ? body.errors : [];
    super(reasonOf(errors) || body?.detail || body?.title || `The server responded with status ${status}.`);
    this.name = 'Problem';
    this.status = status;
    /** @type {string} */ this.code = body?.code ?? '';
    /** @type {string} */ this.type = body?.type ?? '';
    /** @type {string} */ this.title = body?.title ?? '';
    /** @type {string} */ this.detail = body?.detail ?? '';
    this.errors = errors;
    /** @type {string | undefined} */ this.requestId = body?.request_id;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTransient() {
    return (this.status >= 500 && this.status !== 501) || this.status === 429 || this.status === 408;
  }
}

/** The request failed without a response of the server. */
export class Unreachable extends Error {
  /** @param {unknown} [cause] */
  constructor(cause) {
    super('The server cannot be reached. Check your connection and try again.', { cause });
    this.name = 'Unreachable';
  }
}

/**
 * Whether the same request may succeed later: there was no response, or one that says so. Any other error is a refusal,
 * or a bug.
 * @param {unknown} err
 */
export const isTransient = (err) => err instanceof Unreachable || (err instanceof Problem && err.isTransient);
