/**
 * Connects to NATS by the transport of its client for Node.js.
 *
 * That transport removes all listeners of its socket at several moments, so that a connection which
 * is reset at such a moment is an uncaught error, which ends the process (3.4.0). Here its sockets
 * always have a listener.
 *
 * @module
 */
import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import { NatsConnectionImpl, type Server, setTransportFactory } from "@nats-io/nats-core/internal";
import { nodeResolveHost, NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

class GuardedTransport extends NodeTransport {
  override async dial(server: Server): Promise<Socket> {
    return guarded(await super.dial(server));
  }

  override async startTLS(): Promise<TLSSocket> {
    return guarded(await super.startTLS());
  }
}

/** Keeps one listener for errors on a socket; that it closes follows, and is handled. */
function guarded<S extends Socket>(socket: S): S {
  const ignore = () => {};
  const removeAllListeners = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (...events: string[]) => {
    removeAllListeners(...events);
    return socket.on("error", ignore);
  };
  return socket.on("error", ignore);
}

/** Bytes that were published and that the system has not taken yet. */
export function pendingBytes(connection: NatsConnection): number {
  const { outbound, transport } = (connection as NatsConnectionImpl).protocol;
  const { socket } = transport as NodeTransport;
  // The socket is absent while the connection is opened again.
  return outbound.size() + ((socket as Socket | undefined)?.writableLength ?? 0);
}

/**
 * Opens a connection.
 *
 * @throws when none of the servers accepts one
 */
export function connect(options: ConnectionOptions): Promise<NatsConnection> {
  const factory = () => new GuardedTransport();
  setTransportFactory({ factory, dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
