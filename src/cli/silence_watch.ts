/**
 * Looks into the silence of a stream while `tail` follows it.
 *
 * @module
 */
import { StreamProxyService } from "../gen/cream/v1/stream_proxy_pb.ts";
import { ProxyClient, RpcError } from "./grpc_client.ts";
import { feedTrouble, whySilent } from "./silence.ts";
import type { StreamTask } from "./tail_arguments.ts";
import type { Terminal } from "./terminal.ts";

/** An open stream that brings nothing is looked into so often. */
const SILENCE_MS = 5_000;

/**
 * Says why nothing comes, and again when that changes, until the signal fires.
 * Once something has come, only that the feed is not live: symbols may have
 * nothing to say for a while.
 */
export async function lookIntoSilence(
  task: StreamTask,
  { terminal, heard }: {
    readonly terminal: Terminal;
    readonly heard: { readonly messages: number };
  },
): Promise<void> {
  const { clock, signal } = terminal;
  let silentMs = 0;
  let said: string | undefined;
  for (;;) {
    const before = heard.messages;
    await clock.sleep(SILENCE_MS, signal);
    if (signal.aborted) return;
    if (heard.messages !== before) {
      silentMs = 0;
      said = undefined;
      continue;
    }
    silentMs += SILENCE_MS;
    const reason = await reasonForSilence(task, { signal, before });
    if (signal.aborted) return;
    if (reason !== undefined && reason !== said) {
      terminal.say(`tail: nothing came for ${silentMs / 1000} s: ${reason}`);
    }
    said = reason;
  }
}

/** What the proxy knows; undefined when it cannot be asked. */
async function reasonForSilence(
  task: StreamTask,
  { signal, before }: {
    readonly signal: AbortSignal;
    /** Messages before the silence. */
    readonly before: number;
  },
): Promise<string | undefined> {
  try {
    using client = new ProxyClient(task.address);
    const { status } = await client.call(
      StreamProxyService.method.getConnectionStatus,
      { includeSubscriptions: true },
      signal,
    );
    if (status === undefined) return undefined;
    return before === 0
      ? whySilent(status, task)
      : feedTrouble(status, task.what);
  } catch (error) {
    // Not to be answered is the stream's to tell.
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}
