/**
 * Faults of the stock stream, for the simulator's control API.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";

/** One request to the control API. */
interface ControlRequest {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A fault: requests that start it, and after a time those that end it. */
export interface StreamFault {
  readonly name: string;
  readonly start: readonly ControlRequest[];
  /** How long it lasts, in seconds. */
  readonly seconds: number;
  readonly end: readonly ControlRequest[];
}

/** Quotes of a frame that is larger than a queue. */
const LARGE_FRAME = 3_000;

/** Makes the next fault. */
export function nextFault(random: Random, symbols: readonly string[]): StreamFault {
  const endpoint = "sip";
  const symbol = random.pick(symbols);
  const fault = (
    name: string,
    start: readonly ControlRequest[],
    seconds = 0,
    end: readonly ControlRequest[] = [],
  ): StreamFault => ({ name, start, seconds, end });
  const drop = { name: "drop", body: { endpoint, clean: random.oneIn(2) } };
  return random.pick<() => StreamFault>([
    () => fault("the session is cut", [drop]),
    () => fault("Alpaca ends the session with 407", [{ name: "slow-client", body: { endpoint } }]),
    () =>
      fault("the next dials are rejected", [
        { name: "reject-upgrades", body: { endpoint, status: 502, count: 2 } },
        drop,
      ]),
    () =>
      fault(
        "the session is mute",
        [{ name: "mute", body: { endpoint } }],
        8,
        [{ name: "unmute", body: { endpoint } }],
      ),
    () =>
      fault("messages are malformed", [
        { name: "malform-next", body: { endpoint, symbol, count: 5 } },
      ]),
    () =>
      fault("a frame is not JSON", [{ name: "emit-raw", body: { endpoint, text: '[{"T":"q"' } }]),
    () => fault("an unknown type", [{ name: "unknown-type", body: { endpoint, symbol } }]),
    () =>
      fault(
        "a symbol is rejected",
        [
          { name: "refuse-symbols", body: { endpoint, symbols: [symbol] } },
          drop,
        ],
        4,
        [{ name: "accept-symbols", body: { endpoint } }],
      ),
    () =>
      fault(
        "a symbol is not acknowledged",
        [{ name: "refuse-symbols", body: { endpoint, symbols: [symbol], code: 0 } }, drop],
        4,
        [{ name: "accept-symbols", body: { endpoint } }],
      ),
    () =>
      fault(
        "acknowledgements are late",
        [{ name: "slow-ack", body: { endpoint, ms: 1_500 } }, drop],
        5,
        [{ name: "slow-ack", body: { endpoint, ms: 0 } }],
      ),
    () => fault("an acknowledgement is lost", [{ name: "lose-ack", body: { endpoint } }, drop]),
    () =>
      fault("acknowledgements are repeated", [
        { name: "duplicate-ack", body: { endpoint, count: 3 } },
        drop,
      ]),
    () =>
      fault("a subscribe fails", [
        { name: "fail-next", body: { endpoint, action: "subscribe", code: 500 } },
        drop,
      ]),
    () => fault("a frame is larger than a queue", [{ name: "emit", body: largeFrame(symbol) }]),
  ])();
}

function largeFrame(symbol: string): Readonly<Record<string, unknown>> {
  const now = BigInt(Date.now()) * 1_000_000n;
  const elements = Array.from({ length: LARGE_FRAME }, (_, index) => ({
    T: "q",
    S: symbol,
    bx: "Q",
    bp: 100,
    bs: 1,
    ax: "Q",
    ap: 100.01,
    as: 1,
    c: ["R"],
    z: "C",
    t: timeText(now + BigInt(index)),
  }));
  return { endpoint: "sip", elements };
}

/** RFC 3339 with nanoseconds. */
function timeText(nanos: bigint): string {
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}
