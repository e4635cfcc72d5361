/** Actions of the status page: who may use them, from where, and what they answer. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { administered, NAMED_ACCESS } from "../../support/administered.ts";
import { serveConnected } from "../../support/http_dependencies.ts";

const OWN = { "x-stream-proxy-action": "1" };

async function serve(access = NAMED_ACCESS) {
  const made = administered(systemClock);
  const servers = await serveConnected({
    streams: () => made.streams.clients.reports(),
    access,
    admin: made.admin,
  });
  const host = `127.0.0.1:${servers.healthPort}`;
  /** Status and text; not by `fetch`, which sets the headers of browsers itself. */
  const send = (
    path: string,
    headers: Readonly<Record<string, string>>,
    { method = "POST", token = "operator" } = {},
  ) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const authorization = `Basic ${btoa(`any:${token}`)}`;
      const options = { method, headers: { authorization, ...headers }, agent: false } as const;
      const request = httpRequest(`http://${host}${path}`, options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => text += part);
        response.once("end", () => resolve({ status: response.statusCode, text }));
      });
      request.once("error", reject);
      request.end();
    });
  return {
    ...made,
    host,
    send,
    async [Symbol.asyncDispose]() {
      made.admin[Symbol.dispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

Deno.test("the page of an operator has actions, that of others has none", async () => {
  await using http = await serve();
  const [own, other] = await Promise.all(
    ["operator", "reader"].map((token) => http.send("/", {}, { method: "GET", token })),
  );
  assert.match(own?.text ?? "", /data-action="drain"/);
  assert.match(own?.text ?? "", /data-action="reconnect-feed"\s+data-target="opra"/);
  assert.equal(other?.status, 200);
  assert.doesNotMatch(other.text, /data-action=|<dialog/);
});

Deno.test("an operator ends a stream, drains the proxy and reconnects a feed", async () => {
  await using http = await serve();
  const ends: string[] = [];
  http.streams.open("stockQuotes", { symbols: ["AAPL"] }, { onEnd: (text) => ends.push(text) });
  const ended = await http.send("/actions?action=end-stream&target=abcdef-1&reason=a%26b", OWN);
  assert.deepEqual(ended, { status: 200, text: "Stream abcdef-1 ends\n" });
  assert.deepEqual(ends, ["Ended by the operator: a&b"]);

  assert.equal((await http.send("/actions?action=drain&reason=upgrade", OWN)).status, 200);
  assert.equal(http.drain.reason, "The proxy accepts no new streams: upgrade");
  assert.equal((await http.send("/actions?action=undrain", OWN)).status, 200);
  assert.equal(http.drain.reason, undefined);

  const path = "/actions?action=reconnect-feed&target=opra";
  assert.equal((await http.send(path, OWN)).status, 200);
  assert.deepEqual(http.reconnects, ["opra"]);
  const again = await http.send(path, OWN);
  assert.equal(again.status, 429);
  assert.match(again.text, /less than 30 s ago/);
  const actions = http.log.records.filter(({ fields }) => fields["audit"] === "admin");
  assert.deepEqual(new Set(actions.map(({ fields }) => fields["identity"])), new Set(["operator"]));
  assert.equal(actions.length, 5);
});

Deno.test("requests of other sites change nothing, also with the token of the page", async () => {
  await using http = await serve();
  const path = "/actions?action=drain";
  const own = `http://${http.host}`;
  for (
    const headers of [
      {},
      { origin: own },
      { ...OWN, origin: "https://evil.example" },
      { ...OWN, origin: "null" },
      { ...OWN, origin: `http://127.0.0.1:1` },
      { ...OWN, "sec-fetch-site": "cross-site" },
      { ...OWN, "sec-fetch-site": "same-site", origin: own },
      { ...OWN, "sec-fetch-site": "none" },
    ]
  ) {
    const { status } = await http.send(path, headers);
    assert.equal(status, 403, JSON.stringify(headers));
  }
  assert.equal(http.drain.reason, undefined);
  const preflight = await http.send(path, { origin: "https://evil.example" }, {
    method: "OPTIONS",
  });
  assert.equal(preflight.status, 405);
  assert.equal((await http.send(path, OWN, { method: "GET" })).status, 405);
  const accepted = { ...OWN, origin: own, "sec-fetch-site": "same-origin" };
  assert.equal((await http.send(path, accepted)).status, 200);
});

Deno.test("only an identity with the grant may act, and none without authentication", async () => {
  await using http = await serve();
  const path = "/actions?action=drain";
  assert.equal((await http.send(path, OWN, { token: "reader" })).status, 403);
  assert.equal((await http.send(path, OWN, { token: "unknown" })).status, 401);
  assert.equal(http.drain.reason, undefined);
  const cases = [
    ["/actions", 400],
    ["/actions?action=constructor", 400],
    ["/actions?action=end-stream&target=abcdef-9", 404],
    ["/actions?action=drain&reason=%07", 400],
  ] as const;
  for (const [bad, status] of cases) assert.equal((await http.send(bad, OWN)).status, status, bad);
  await using open = await serve({ ...NAMED_ACCESS, isOn: false });
  assert.equal((await open.send(path, OWN)).status, 404);
  assert.doesNotMatch((await open.send("/", {}, { method: "GET" })).text, /data-action=/);
});
