// What can go wrong: the server refuses (RFC 9457), or it cannot be reached.

/** An error response of the server. `code` is what a program should check. */
export class Problem extends Error {
  /** @param {number} status @param {any} body @param {number} [retryAfter] in seconds */
  constructor(status, body, retryAfter = 0) {
    super(body?.detail || body?.title || `The server responded with status ${status}.`);
    this.name = 'Problem';
    this.status = status;
    /** @type {string} */ this.code = body?.code ?? '';
    /** @type {{ field: string, message: string }[]} */ this.errors = body?.errors ?? [];
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
