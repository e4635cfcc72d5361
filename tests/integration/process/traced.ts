/**
 * The real `main` around one span of each kind of call, then a wait.
 *
 * @module
 */
import { main } from "../../../src/main.ts";

const alive = setInterval(() => {}, 1_000);

await main((_config, { tracing }) => {
  const span = tracing.span("feed.session", { feed: "sip", attempt: 1 });
  span.event("connected", { symbols: 2 });
  span.set({ late: true });
  span.fail(new Error("dropped"));
  span.end();
  return Promise.resolve({
    ports: { grpc: 1, websocket: undefined, health: 2, metrics: undefined },
    finished: new Promise<void>(() => {}),
    [Symbol.asyncDispose]: () => {
      clearInterval(alive);
      return Promise.resolve();
    },
  });
});
