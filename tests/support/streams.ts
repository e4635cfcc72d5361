/**
 * Streams of a running proxy, opened over real gRPC, for tests.
 *
 * @module
 */
import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import { parseAddress } from "../../cli/address.ts";
import { RpcClient } from "../../client/rpc_client.ts";
import { shownMessage, type StreamMessage } from "../../cli/streams.ts";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { Harness } from "./harness.ts";

/** A stream that collects what it receives until it is closed. */
export interface Collected extends AsyncDisposable {
  /** Resolves when the proxy has accepted the stream. */
  readonly opened: Promise<void>;
  /** Messages so far, in order. */
  readonly messages: unknown[];
  /** How the stream ended by itself; `undefined` while it is open. */
  readonly ending: () => unknown;
  /** Cancels the stream. */
  close(): Promise<void>;
}

/** A connection to the proxy of a harness. */
export function clientOf(harness: Pick<Harness, "address">): RpcClient {
  return new RpcClient(parseAddress(harness.address, "the harness"));
}

/** Opens a stream and collects its messages in the background. */
export function collect(
  client: RpcClient,
  method: DescMethodServerStreaming,
  request: Record<string, unknown> = {},
): Collected {
  const over = new AbortController();
  const opened = Promise.withResolvers<void>();
  const messages: unknown[] = [];
  let ending: unknown;
  const reading = (async () => {
    try {
      const batches = client.stream(method, request, {
        signal: over.signal,
        onOpen: opened.resolve,
      });
      for await (const batch of batches) messages.push(...batch);
      if (!over.signal.aborted) ending = "ended without an error";
    } catch (error) {
      ending = error;
    }
    opened.resolve();
  })();
  const close = async () => {
    over.abort();
    await reading;
  };
  return {
    opened: opened.promise,
    messages,
    ending: () => ending,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The methods, by name. */
export const METHODS = StreamProxyService.method;

/** The message of a response of any stream; undefined when it has none. */
export function messageOf(response: unknown): StreamMessage | undefined {
  const { $typeName, $unknown: _, meta: _meta, notice: _notice, ...fields } = response as {
    readonly $typeName: string;
    readonly $unknown?: unknown;
    readonly meta?: unknown;
    readonly notice?: unknown;
  };
  const [message] = Object.values(fields);
  if ($typeName === undefined || message === undefined) return undefined;
  return shownMessage(message as Parameters<typeof shownMessage>[0]);
}
