/**
 * Leaves out deadlines that grpc-js cannot count down to.
 *
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it converts a deadline to ms in 32 bits. One of more than 24.8 days (`2592000S`)
 *   passes days too early or immediately.
 * - Report: none found.
 * - Test: "a deadline of more than 24 days does not end a stream" fails without this.
 *
 * Clients end their calls at their deadlines themselves.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http2";

/** The longest delay of a timer in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Ms of the units in which such a deadline can be; a value has at most eight digits. */
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };
const TIMEOUT = /^(\d{1,8})([HMS])$/;

/** Removes the deadline from the headers of a request if it is too far. */
export function removeLongDeadline(headers: IncomingHttpHeaders): void {
  const [, value, unit = ""] = TIMEOUT.exec(String(headers["grpc-timeout"] ?? "")) ?? [];
  if (Number(value) * (UNIT_MS[unit] ?? 0) > MAX_TIMER_MS) delete headers["grpc-timeout"];
}
