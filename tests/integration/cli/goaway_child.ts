/**
 * A client that receives GOAWAY repeatedly while it has no call, in a
 * process of its own: what goes wrong there ends the process.
 *
 * The argument is a moment of `AbruptServer`, or `restarts` for two `tail`s
 * whose proxy stops and comes back. It prints `survived` at the end.
 *
 * @module
 */
import type { Clock } from "../../../src/application/ports/clock.ts";
import { RpcClient, RpcError } from "../../../client/rpc_client.ts";
import { tail } from "../../../cli/tail.ts";
import type { Terminal } from "../../../cli/terminal.ts";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { type Moment, startAbruptServer } from "../../support/abrupt_server.ts";
import { startGrpcHarness } from "../../support/grpc_client.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";

const ROUNDS = 50;

/** With one call at a time the crash is a matter of luck. */
const CALLS = 8;

/** Long enough for a GOAWAY to arrive. */
const LISTEN_MS = 15;

async function hear(moment: Moment): Promise<void> {
  await using server = startAbruptServer(moment);
  const { port } = server;
  for (let round = 0; round < ROUNDS; round++) {
    using client = new RpcClient({ host: "127.0.0.1", port, tls: false });
    const { getConnectionStatus } = StreamProxyService.method;
    const calls = Array.from(
      { length: CALLS },
      () => client.call(getConnectionStatus, {}),
    );
    for (const end of await Promise.allSettled(calls)) {
      const refused = end.status === "rejected" &&
        end.reason instanceof RpcError;
      if (!refused) throw new Error(`Not refused: ${JSON.stringify(end)}`);
    }
    await systemClock.sleep(LISTEN_MS);
  }
}

/** Pauses of a second take a millisecond. */
const hasty: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  sleep: (ms, signal) => systemClock.sleep(ms / 1000, signal),
};

function hastyTerminal(): { recorded: RecordingTerminal; used: Terminal } {
  const recorded = new RecordingTerminal();
  const used: Terminal = {
    env: {},
    clock: hasty,
    isTerminal: false,
    columns: () => Infinity,
    signal: recorded.signal,
    write: (text) => recorded.write(text),
    writeError: (line) => recorded.writeError(line),
  };
  return { recorded, used };
}

async function restart(): Promise<void> {
  const { port } = await (async () => {
    await using harness = await startGrpcHarness();
    return { port: harness.server.port };
  })();
  const address = `127.0.0.1:${port}`;
  const watching = hastyTerminal();
  const reading = hastyTerminal();
  const ends = [
    tail(["status", "--watch", "--json", "--address", address], watching.used),
    tail(["quotes", "--json", "--address", address], reading.used),
  ];
  for (let round = 0; round < ROUNDS; round++) {
    await using harness = await startGrpcHarness({ port });
    const seen = watching.recorded.lines.length;
    await harness.market.untilOpen(1);
    await watching.recorded.until(() => watching.recorded.lines.length > seen);
    await harness.server.stop(1_000);
  }
  watching.recorded.interrupt.abort();
  reading.recorded.interrupt.abort();
  const codes = await Promise.all(ends);
  if (codes.some((code) => code !== 0)) throw new Error(`Ended with ${codes}`);
}

const what = Deno.args[0];
await (what === "restarts" ? restart() : hear(what as Moment));
Deno.stdout.writeSync(new TextEncoder().encode("survived\n"));
