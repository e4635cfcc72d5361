/**
 * A request that the exchange turns down, in Alpaca's error shape
 * `{"code": 42210000, "message": "…"}` with an HTTP status.
 *
 * @module
 */

/** HTTP statuses a refusal may carry. */
export type RefusalStatus = 400 | 403 | 404 | 422;

/** Turned down before it became an order; nothing was changed. */
export class OrderRefusal extends Error {
  override readonly name = "OrderRefusal";
  /** HTTP status of the reply. */
  readonly status: RefusalStatus;
  /** Alpaca's eight digit error code; it begins with the status. */
  readonly code: number;

  /** Refuses with an HTTP status, Alpaca's code and a message for people. */
  constructor(status: RefusalStatus, options: RefusalOptions) {
    super(options.message);
    this.status = status;
    this.code = options.code ?? status * 100_000;
  }
}

/** The text and, where it is not simply the status, the code. */
export interface RefusalOptions {
  readonly message: string;
  /** Default: the status followed by `00000`. */
  readonly code?: number;
}

/** A field of the request is wrong (422). */
export function invalid(message: string): OrderRefusal {
  return new OrderRefusal(422, { message, code: 42210000 });
}

/** A field of the request is missing or malformed (400). */
export function malformed(message: string): OrderRefusal {
  return new OrderRefusal(400, { message, code: 40010001 });
}

/** What the request names does not exist (404). */
export function notFound(message: string): OrderRefusal {
  return new OrderRefusal(404, { message, code: 40410000 });
}

/** The account may not do this (403). */
export function forbidden(message: string): OrderRefusal {
  return new OrderRefusal(403, { message, code: 40310000 });
}
