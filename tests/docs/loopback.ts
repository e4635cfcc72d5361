/**
 * Ports on loopback, and a TCP relay. The relay keeps its address while the
 * servers behind it change, and can break connections as a crash or a network
 * does.
 *
 * @module
 */
import { connect, createServer, type Socket } from "node:net";

/** A relay that listens on loopback. */
export interface Relay extends AsyncDisposable {
  readonly address: string;
  /** Port on loopback that new connections are passed on to. */
  target: number;
  /** Breaks every connection. */
  breakAll(): void;
  /**
   * Drops everything from now on, as when a machine vanishes: connections stay
   * open and carry nothing any more, new ones receive no reply.
   */
  goDark(): void;
  /** Serves new connections again; those from before stay dead. */
  recover(): void;
}

/** Starts a relay on a free port. */
export async function startRelay(): Promise<Relay> {
  const sockets = new Set<Socket>();
  /** Clients that dialed in the dark. */
  const held = new Set<Socket>();
  let dark = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      held.delete(socket);
    });
  };
  const serve = (client: Socket) => {
    const behind = connect({
      port: relay.target,
      host: "127.0.0.1",
      allowHalfOpen: true,
    });
    keep(behind);
    // `pipe` forwards an end after the data; a break is forwarded immediately.
    client.once("close", (broken) => broken && behind.destroy());
    behind.once("close", (broken) => broken && client.destroy());
    client.pipe(behind).pipe(client);
  };
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    (client) => {
      keep(client);
      if (dark) held.add(client);
      else serve(client);
    },
  );
  const breakAll = () => {
    for (const socket of [...sockets]) socket.destroy();
  };
  const relay = {
    address: "",
    target: 0,
    breakAll,
    goDark() {
      dark = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    recover() {
      dark = false;
      for (const client of held) serve(client);
      held.clear();
    },
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

/** First port that Linux gives to connections by default. */
const FIRST_EPHEMERAL = 32_768;
/** Ports below it to choose from. */
const CHOICE = 12_000;

/** A port that is free now, and that no connection gets while it is not listened on. */
export function freePort(): number {
  for (;;) {
    const port = FIRST_EPHEMERAL - 1 - Math.floor(Math.random() * CHOICE);
    try {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/**
 * Resolves once something accepts connections on `port`.
 *
 * @throws when nothing does within 20 s.
 */
export async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      using _conn = await Deno.connect({ hostname: "127.0.0.1", port });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
