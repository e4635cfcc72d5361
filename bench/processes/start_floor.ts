/**
 * The runtime alone: opens one port that is ready and reports it as the proxy does.
 *
 * @module
 */
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  () => new Response("READY"),
);
const line = JSON.stringify({ msg: "Started", ports: { health: server.addr.port } });
Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
