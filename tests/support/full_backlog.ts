/**
 * A port whose connection attempts receive no reply, as when a firewall drops
 * packets: the listener's backlog is full, so Linux drops further SYN segments.
 *
 * @module
 */

/** Opens the port on loopback; `using` closes it. */
export async function startFullBacklog(): Promise<
  Disposable & { readonly port: number }
> {
  const listener = Deno.listen({
    hostname: "127.0.0.1",
    port: 0,
    tcpBacklog: 1,
  });
  const { port } = listener.addr;
  // Linux queues one connection more than the backlog says.
  const waiting = await Promise.all([0, 1].map(() => Deno.connect({ port })));
  return {
    port,
    [Symbol.dispose]() {
      for (const conn of waiting) conn.close();
      listener.close();
    },
  };
}
