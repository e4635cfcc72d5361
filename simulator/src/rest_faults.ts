/**
 * Faults of REST replies, by path.
 *
 * @module
 */

/**
 * What happens to a request:
 *
 * - `status`: an HTTP status instead of the reply;
 * - `timeout`: the request is executed but never answered;
 * - `cut`: the connection is cut in the middle of the body;
 * - `empty_page`: a list without items whose token continues at the same place.
 */
export type RestFaultKind = "status" | "timeout" | "cut" | "empty_page";

/** A planned fault of REST requests. */
export interface RestFault {
  /** What happens. */
  readonly kind: RestFaultKind;
  /** Path of the requests, with `*` for any text. Default: every path. */
  readonly path?: string;
  /** HTTP status of `status`, 400 to 599. Default 500. */
  readonly status?: number;
  /** `Retry-After` of `status`. Default 1 with 429, otherwise none. */
  readonly retryAfterSeconds?: number;
  /** Number of requests; 0 until the faults are cleared. Default 1. */
  readonly count?: number;
}

const KINDS: ReadonlySet<string> = new Set<RestFaultKind>([
  "status",
  "timeout",
  "cut",
  "empty_page",
]);

interface PlannedFault {
  readonly fault: RestFault;
  readonly path: RegExp;
  left: number;
}

/** Planned faults; the oldest one that matches a request applies. */
export class RestFaults {
  #planned: PlannedFault[] = [];

  /** Plans a fault; throws a RangeError for an invalid one. */
  plan(fault: RestFault): void {
    const { kind, path = "*", status = 500, count = 1 } = fault;
    if (!KINDS.has(kind)) {
      throw new RangeError(`kind must be one of ${[...KINDS].join(", ")}, received "${kind}"`);
    }
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`a request fails with 400–599, not ${status}`);
    }
    if (!Number.isInteger(count) || count < 0) {
      throw new RangeError(`a fault's count must be 0 or more, not ${count}`);
    }
    this.#planned.push({
      fault,
      path: patternOf(path),
      left: count === 0 ? Infinity : count,
    });
  }

  /** The fault of a request; uses up one of its count. */
  take(path: string): RestFault | undefined {
    const planned = this.#planned.find((one) => one.path.test(path));
    if (planned === undefined) return undefined;
    planned.left--;
    if (planned.left === 0) this.#planned = this.#planned.filter((one) => one !== planned);
    return planned.fault;
  }

  /** Ends every fault. */
  clear(): void {
    this.#planned = [];
  }
}

function patternOf(path: string): RegExp {
  const parts = path.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
