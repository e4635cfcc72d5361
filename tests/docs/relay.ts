/**
 * A TCP relay: an address that stays while what is behind it comes and goes,
 * and that can break connections as a crash or a network does.
 *
 * @module
 */
import { connect, createServer, type Socket } from "node:net";

/** A relay that listens on loopback. */
export interface Relay extends AsyncDisposable {
  readonly address: string;
  /** Port on loopback that new connections are passed on to. */
  target: number;
  /** Ends every connection in the middle of whatever it does. */
  breakAll(): void;
}

/** Starts a relay on a free port. */
export async function startRelay(): Promise<Relay> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const behind = connect(relay.target, "127.0.0.1");
    for (const socket of [client, behind]) keep(socket);
    client.once("close", () => behind.destroy());
    behind.once("close", () => client.destroy());
    client.pipe(behind).pipe(client);
  });
  const breakAll = () => {
    for (const socket of [...sockets]) socket.destroy();
  };
  const relay = {
    address: "",
    target: 0,
    breakAll,
    async [Symbol.asyncDispose]() {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (typeof bound !== "object" || !bound) throw new Error("No port");
  relay.address = `127.0.0.1:${bound.port}`;
  return relay;
}
