/**
 * A REST request that ends with an error reply in Alpaca's shape: the trading
 * host writes `{"code": 40410000, "message": "…"}`, the data host only
 * `{"message": "…"}`.
 *
 * @module
 */

/** Ends a request with an HTTP status and a message. */
export class RestError extends Error {
  override readonly name = "RestError";
  readonly status: number;
  /** Alpaca's code; undefined on the data host. */
  readonly code: number | undefined;

  /** The code defaults to none. */
  constructor(status: number, options: { message: string; code?: number }) {
    super(options.message);
    this.status = status;
    this.code = options.code;
  }
}

/** A query parameter is malformed (400) on any host. */
export function badParameter(name: string, remedy: string): RestError {
  return new RestError(400, {
    message: `invalid ${name}: ${remedy}`,
    code: 40010000,
  });
}

/** Nothing is found under that name (404). */
export function missing(message: string): RestError {
  return new RestError(404, { message, code: 40410000 });
}
