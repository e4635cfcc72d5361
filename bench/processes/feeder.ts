/**
 * A minimal upstream: a WebSocket server that sends pre-encoded frames.
 *
 * @module
 */
import { answerCommands } from "../control.ts";
import { FramePool, type PoolShape } from "../feed/frame_pool.ts";
import { MarketSession } from "../feed/market_session.ts";
import { Pacer, type PacerReport } from "../feed/pacer.ts";

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
let pool: FramePool | undefined;
let pacer: Pacer | undefined;
let session: MarketSession | undefined;

function prepared(): Pacer {
  if (!pacer) throw new Error("No client has connected yet");
  return pacer;
}

async function acceptAll(shape: PoolShape): Promise<void> {
  const made = pool = new FramePool(shape);
  for await (const connection of listener) {
    session = await MarketSession.accept(connection, shape.format);
    pacer = new Pacer(made, session);
  }
}

await answerCommands({
  /** Encodes the frames, starts accepting connections and returns the port. */
  prepare(shape: PoolShape): { port: number; bytesPerQuote: number } {
    acceptAll(shape);
    const bytes = pool?.bytes.length ?? 0;
    return {
      port: listener.addr.port,
      bytesPerQuote: bytes / ((pool?.length ?? 1) * shape.perFrame),
    };
  },
  /** Replaces the frames; the format stays the same. */
  async reshape(shape: PoolShape): Promise<void> {
    await prepared().stop();
    if (session) pacer = new Pacer(new FramePool(shape), session);
  },
  subscriptions: (): number => session?.subscriptions ?? 0,
  start: ({ rate }: { rate: number }) => prepared().start(rate),
  async stop(): Promise<PacerReport> {
    await prepared().stop();
    return prepared().report;
  },
  async burst({ quotes }: { quotes: number }): Promise<{ ms: number }> {
    const start = performance.now();
    await prepared().burst(quotes);
    return { ms: performance.now() - start };
  },
  report: (): PacerReport => prepared().report,
});
