/**
 * Streaming calls of grpc-js.
 *
 * @module
 */
import { Metadata, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import type { Identity } from "../../domain/access/grants.ts";
import type { Call, DuplexCall, StreamCall } from "./call.ts";
import { ClientGone, toStatus } from "./call_error.ts";
import type { CallIdentities } from "./call_identities.ts";
import type { EncodedMessages } from "./http2_workarounds/framed_batch.ts";
import type { RequestHolder } from "./http2_workarounds/request_holder.ts";
import { sendStatus } from "./http2_workarounds/send_status.ts";

/** A call with one request, as grpc-js has it. */
type WritableCall<I> = ServerWritableStream<RequestHolder<I>, EncodedMessages>;
/** A call that streams both ways, as grpc-js has it. */
type ReadableCall<I> = ServerDuplexStream<RequestHolder<I>, EncodedMessages>;

/** What both kinds of calls have in common. */
class GrpcCall<I, C extends WritableCall<I> | ReadableCall<I>> implements Call {
  protected readonly call: C;
  readonly #identities: CallIdentities;

  constructor(call: C, identities: CallIdentities) {
    this.call = call;
    this.#identities = identities;
  }

  get identity(): Identity {
    return this.#identities.of(this.call);
  }

  get peer(): string {
    return this.call.getPeer();
  }

  get path(): string {
    return this.call.getPath();
  }

  header(name: string): string | undefined {
    return this.call.metadata.get(name)[0]?.toString();
  }

  once(event: "cancelled", listener: () => void): void {
    this.call.once(event, listener);
  }

  sendHeaders(): void {
    this.call.sendMetadata(new Metadata());
  }

  write(messages: EncodedMessages, onWritten: () => void): void {
    this.call.write(messages, onWritten);
  }

  end(reason?: unknown): void {
    if (reason === undefined) this.call.end();
    else endCall(this.call, reason);
  }
}

class GrpcStreamCall<I> extends GrpcCall<I, WritableCall<I>> implements StreamCall<I> {
  get request(): RequestHolder<I> {
    return this.call.request;
  }
}

class GrpcDuplexCall<I> extends GrpcCall<I, ReadableCall<I>> implements DuplexCall<I> {
  get requests(): AsyncIterable<RequestHolder<I>> {
    // Without this option, iteration destroys a duplex stream when its readable half has ended, and
    // a destroyed call cannot send its status.
    return this.call.iterator({ destroyOnReturn: false });
  }
}

/** Returns a handler for grpc-js that serves its calls by `serve`. */
export function serveStream<I>(
  serve: (call: StreamCall<I>) => unknown,
  identities: CallIdentities,
): (call: WritableCall<I>) => void {
  return (call) => void serve(new GrpcStreamCall<I>(call, identities));
}

/** Returns a handler for grpc-js that serves calls that stream both ways by `serve`. */
export function serveDuplex<I>(
  serve: (call: DuplexCall<I>) => unknown,
  identities: CallIdentities,
): (call: ReadableCall<I>) => void {
  return (call) => void serve(new GrpcDuplexCall<I>(call, identities));
}

/** The part of a grpc-js call that is needed to end it. */
interface EndableCall {
  readonly cancelled: boolean;
  readonly writableEnded: boolean;
  /** Writes that have not finished. */
  readonly writableLength: number;
  emit(event: "error", status: unknown): unknown;
}

/**
 * Ends a call of grpc-js with the status of `reason`, unless its client is gone.
 */
export function endCall(call: EndableCall, reason: unknown): void {
  if (reason instanceof ClientGone) return;
  if (call.cancelled || call.writableEnded) return;
  if (call.writableLength > 0 && sendStatus(call, toStatus(reason))) return;
  // The documented way to end a stream with a status; `destroy` sends none.
  call.emit("error", toStatus(reason));
}
