import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../src/clock.ts";
import { type Simulator, startSimulator } from "../../src/simulator.ts";
import { RawClient } from "./raw_client.ts";

type Element = Record<string, unknown>;

/** Everything a client received before the reply to its last request. */
async function drain(client: RawClient): Promise<Element[]> {
  client.send({ action: "unsubscribe", quotes: ["NONE"] });
  const received: Element[] = [];
  for (;;) {
    const frame = await client.frame();
    if (frame[0]?.["T"] === "subscription") return received;
    received.push(...frame);
  }
}

async function noSession(simulator: Simulator): Promise<void> {
  while (simulator.sessions().length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The key of a message of this test: its type, symbol, time and price. */
function keyOf(message: Element): string {
  const { T, S, t, i, p, bp } = message;
  return `${T} ${S} ${String(t)} ${i ?? ""} ${p ?? bp}`;
}

Deno.test("the ledger has what each client received, in its order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.nat(3), async (seed, mutes) => {
      const clock = new ManualClock();
      await using simulator = await startSimulator({
        clock,
        seed,
        messagesPerSecond: 2000,
        pingSeconds: 0,
        ghostSeconds: 0,
        ledgerCapacity: 100_000,
      });
      const url = simulator.streamUrls.stocks();
      const received: Element[][] = [];
      for (let session = 0; session < 2; session++) {
        const client = await RawClient.open(url);
        await client.ask({ action: "subscribe", trades: ["*"], quotes: ["AAPL", "F"] });
        clock.advance(200);
        for (let mute = 0; mute < mutes; mute++) {
          simulator.faults.muteSymbol("F", { channel: "quotes" });
          simulator.faults.malformNext({ symbol: "AAPL", count: 2 });
          clock.advance(100);
          simulator.faults.unmuteSymbol("F");
          simulator.faults.muteStream("sip");
          clock.advance(50);
          simulator.faults.unmuteStream("sip");
          clock.advance(50);
        }
        received.push(await drain(client));
        client.ws.close();
        await client.closed;
        await noSession(simulator);
        clock.advance(100);
      }
      const { ledger } = simulator;
      for (const [index, messages] of received.entries()) {
        const deliveries = ledger.deliveries({ connection: index + 1 });
        const written = deliveries.filter(({ outcome }) =>
          outcome === "sent" || outcome === "malformed"
        );
        assert.equal(messages.length, written.length);
        for (const [place, { outcome, produced }] of written.entries()) {
          const message = messages[place] ?? {};
          if (outcome === "sent") assert.equal(keyOf(message), keyOf(produced.message));
          else assert.deepEqual(message["t"], []);
        }
        assert.equal(deliveries.some(({ outcome }) => outcome === "muted"), mutes > 0);
        // Between subscribing and the end, every produced message is accounted for.
        const subscribed = ledger.subscriptions({ connection: index + 1, channel: "trades" });
        const [from, to] = subscribed.map(({ number }) => number);
        const produced = ledger.produced({ endpoint: "sip", channel: "trades" })
          .filter(({ number }) => number > (from ?? 0) && number < (to ?? Infinity));
        assert.deepEqual(
          deliveries.filter((one) => one.produced.channel === "trades")
            .map((one) => one.produced.number),
          produced.map(({ number }) => number),
        );
      }
      const numbers = [...ledger.produced(), ...ledger.deliveries(), ...ledger.subscriptions()]
        .map(({ number }) => number).sort((a, b) => a - b);
      assert.deepEqual(numbers, Array.from({ length: ledger.lastNumber }, (_, i) => i + 1));
    }),
    { numRuns: 20 },
  );
});

Deno.test("what waits for a slow client is lost with error 407", async () => {
  const clock = new ManualClock();
  await using simulator = await startSimulator({
    clock,
    messagesPerSecond: 0,
    ledgerCapacity: 1000,
  });
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", quotes: ["AAPL"] });
  simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 1 }]);
  assert.equal((await client.frame())[0]?.["bp"], 1);
  simulator.faults.delayData("sip", 500);
  simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 2 }, { T: "q", S: "AAPL", bp: 3 }]);
  assert.equal(simulator.ledger.deliveries().at(-1)?.outcome, "waiting");
  assert.equal(simulator.connections.closeSlow({ endpoint: "sip" }), 1);
  assert.equal((await client.frame())[0]?.["code"], 407);
  await client.closed;
  assert.deepEqual(simulator.ledger.deliveries().map(({ outcome }) => outcome), [
    "sent",
    "lost",
    "lost",
  ]);
});

Deno.test("the ledger is read page by page through the control API", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0, ledgerCapacity: 100 });
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", trades: ["AAPL"] });
  const i = 9_007_199_254_740_993n;
  for (const S of ["AAPL", "AAPL", "F"]) simulator.emit("sip", [{ T: "t", S, i, p: 1 }]);
  const read = async (query: string) => {
    const response = await fetch(`${simulator.url}/_control/ledger?${query}`);
    return { status: response.status, text: await response.text() };
  };
  const first = JSON.parse((await read("connection=1&symbol=AAPL&limit=1")).text);
  assert.equal(first.entries.length, 1);
  const next = await read(`connection=1&after=${first.entries[0].number}`);
  assert.ok(next.text.includes(`"i":${i},"p":1`));
  assert.equal(JSON.parse(next.text).entries[0].outcome, "sent");
  assert.equal(JSON.parse((await read("kind=produced&channel=trades")).text).entries.length, 3);
  assert.equal(JSON.parse((await read("kind=subscriptions")).text).entries.length, 3);
  assert.equal((await read("kind=sent")).status, 400);
});

Deno.test("without a capacity nothing is recorded", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  simulator.emit("sip", [{ T: "t", S: "AAPL", i: 1, p: 1 }]);
  assert.equal(simulator.ledger.lastNumber, 0);
  const response = await fetch(`${simulator.url}/_control/ledger`);
  assert.equal(response.status, 400);
  assert.match((await response.json()).message, /ledger is off/);
});

Deno.test("a ledger keeps its latest entries and counts the others", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0, ledgerCapacity: 10 });
  for (let i = 0; i < 100; i++) simulator.emit("sip", [{ T: "t", S: "AAPL", i, p: 1 }]);
  const { ledger } = simulator;
  const kept = ledger.produced().map(({ message }) => message["i"]);
  assert.ok(kept.length >= 10 && kept.length < 20);
  assert.equal(kept.at(-1), 99);
  assert.equal(ledger.dropped + kept.length, ledger.lastNumber);
});
