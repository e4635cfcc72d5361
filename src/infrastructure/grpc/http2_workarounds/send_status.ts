/**
 * Sends the status of a call while a write is pending.
 *
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it passes a status to HTTP/2 after all data was flushed, so a client that does not
 *   read would keep its call open.
 * - Report: none found.
 * - Test: "a stopping server ends streams that take no status, then connections" fails without
 *   this.
 *
 * The status is passed to HTTP/2 directly, after the data that was written before; `stream_end.ts`
 * ends the stream if its client still does not read.
 *
 * @module
 */
import type { StatusObject } from "@grpc/grpc-js";

/** The part of a call that sends; grpc-js declares it private. */
interface Sender {
  readonly call?: { sendStatus(status: StatusObject): void };
}

/**
 * Passes the status of a call to HTTP/2 although a write is pending.
 *
 * @returns false if grpc-js has no such method
 */
export function sendStatus(call: object, status: StatusObject): boolean {
  const { call: sender } = call as Sender;
  sender?.sendStatus(status);
  return sender !== undefined;
}
