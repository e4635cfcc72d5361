/**
 * A bare node:net server that says what Deno does out of descriptors: for the
 * test that shows when the workarounds of the proxy can be removed.
 */
import { createServer, type Socket } from "node:net";

function report(msg: string, fields: Record<string, unknown> = {}): void {
  const line = `${JSON.stringify({ msg, ...fields })}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

// Deno 2.9.6 panics when it first installs a signal handler in a shortage.
Deno.addSignalListener("SIGTERM", () => Deno.exit());

let accepted = 0;
const open = new Set<Socket>();
const server = createServer((socket) => {
  accepted++;
  open.add(socket);
  socket.on("error", () => {});
  socket.resume();
  socket.on("close", () => open.delete(socket));
});
server.on("error", () => report("accept failed"));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  report("listening", { port, rss: Deno.memoryUsage().rss });
});

let last = 0;
setInterval(() => {
  const { rss } = Deno.memoryUsage();
  if (accepted === last && rss === 0) report("exhausted", { accepted });
  if (accepted === last && open.size === 0 && accepted > 0) {
    report("released", { accepted });
  }
  last = accepted;
}, 100);
