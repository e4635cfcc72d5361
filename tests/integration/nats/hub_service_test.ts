/** The requests of edges and their replies, on a real nats-server. */
import assert from "node:assert/strict";
import { headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import type {
  AttachReply,
  AttachRequest,
  RestReply,
  SubscribeReply,
  SubscribeRequest,
} from "../../../src/application/cluster/messages.ts";
import { RestResponder } from "../../../src/application/cluster/rest_responder.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import type { SymbolSets } from "../../../src/domain/subscription/pairs.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { BoundedPublisher } from "../../../src/infrastructure/nats/bounded_publisher.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import {
  encodeAttach,
  encodeRest,
  encodeSubscribe,
  hubSubjects,
  MessageJoiner,
  MORE_HEADER,
  readAttachReply,
  readEdgeMessage,
  readRestReply,
  readSubscribeReply,
} from "../../../src/infrastructure/nats/hub_protocol.ts";
import { HubService } from "../../../src/infrastructure/nats/hub_service.ts";
import { NatsClient } from "../../../src/infrastructure/nats/nats_client.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

const subjects = hubSubjects("test");
const ATTACHED: AttachReply = {
  quota: undefined,
  term: 4n,
  next: 9,
  at: 5_000,
  isUp: true,
  isKnown: true,
  kind: "iex",
  reason: "",
  states: 0,
  isRetained: true,
};
const SUBSCRIBE: SubscribeRequest = {
  edge: "e",
  feed: "sip",
  term: 4n,
  action: "subscribe",
  pairs: [{ channel: "trades", symbol: "AAPL" }],
};

/** A served hub, whose answers a test gives, and the connection of an edge. */
class Served implements AsyncDisposable {
  readonly log = new RecordingLog();
  readonly counters = createCounters().distribution;
  readonly attached: AttachRequest[] = [];
  readonly subscribed: {
    readonly request: SubscribeRequest;
    readonly answer: (reply: SubscribeReply) => void;
  }[] = [];
  readonly service: HubService;
  readonly edge: NatsConnection;
  attachReply: AttachReply | undefined = ATTACHED;
  body = `{"quotes":{}}`;
  /** What was published, in order. */
  readonly order: string[] = [];
  readonly #client: NatsClient;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;

  private constructor(server: NatsServer, edge: NatsConnection) {
    this.edge = edge;
    const { log, counters } = this;
    const access = { servers: [server.url] };
    this.#client = new NatsClient({ access, name: "hub", clock: systemClock, log });
    this.service = new HubService({
      isRetained: true,
      client: this.#client,
      subjects,
      publisher: new BoundedPublisher(() => this.#client.current),
      flush: () => this.order.push("flush"),
      demand: {
        attach: (request) => {
          this.attached.push(request);
          return this.attachReply;
        },
        subscribe: (request, answer) => this.subscribed.push({ request, answer }),
      },
      rest: new RestResponder(
        { read: () => Promise.resolve({ body: this.body, serverTime: 5 }) },
        { redact: (text) => text, isIn: () => false },
        () => true,
      ),
      clock: new ManualClock(),
      log,
      counters,
    });
    this.#running = this.service.run(this.#over.signal);
  }

  static async start(server: NatsServer): Promise<Served> {
    const servers = [server.url.replace("nats://", "")];
    const served = new Served(server, await connect({ servers, resolve: false }));
    await until("the hub serves", async () => {
      const request = encodeAttach({ edge: "e", feed: "sip", kind: "iex" });
      return await served.edge.request(subjects.attach, request).then(() => true, () => false);
    });
    served.attached.length = 0;
    return served;
  }

  /** Sends a request; resolves with the complete reply and its parts. */
  async ask(
    subject: string,
    request: Uint8Array,
  ): Promise<{ readonly reply: Uint8Array; readonly parts: number }> {
    const joiner = new MessageJoiner();
    const replies = await this.edge.requestMany(subject, request, {
      strategy: "sentinel",
      maxWait: 5_000,
    });
    let parts = 0;
    for await (const { data, headers } of replies) {
      parts++;
      const reply = joiner.add(data, headers?.has(MORE_HEADER) ?? false);
      if (reply) return { reply, parts };
    }
    throw new Error("no complete reply");
  }

  stop(): void {
    this.#over.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#running;
    await this.#client[Symbol.asyncDispose]();
    await this.edge.close();
  }
}

function nats(name: string, run: (server: NatsServer) => Promise<void>): void {
  Deno.test(requires(["nats-server"], {
    name,
    fn: async () => {
      await using server = await NatsServer.start();
      await run(server);
    },
  }));
}

nats("an edge attaches, and its requests are answered when the hub has decided", async (server) => {
  await using hub = await Served.start(server);
  const attach = await hub.ask(
    subjects.attach,
    encodeAttach({ edge: "e", feed: "sip", kind: "iex", held: { term: 4n, digest: "0-0" } }),
  );
  assert.deepEqual(readAttachReply(attach.reply), ATTACHED);
  assert.deepEqual(hub.attached, [
    { edge: "e", feed: "sip", kind: "iex", held: { term: 4n, digest: "0-0" } },
  ]);
  const replies = [1, 2].map(() => hub.ask(subjects.subscribe, encodeSubscribe(SUBSCRIBE)));
  await until("the requests arrive", () => hub.subscribed.length === 2);
  assert.deepEqual(hub.subscribed[0]?.request, SUBSCRIBE);
  const state: SymbolSets = new Map([["trades", new Set(["AAPL"])]]);
  const error = { code: 405, message: "symbol limit exceeded" };
  hub.subscribed[1]?.answer({ error });
  hub.subscribed[0]?.answer({ state, since: 4_000 });
  const [first, second] = await Promise.all(replies);
  assert(first && second);
  assert.deepEqual(readSubscribeReply(first.reply), { state, since: 4_000 });
  assert.deepEqual(readSubscribeReply(second.reply), { error });
  assert.deepEqual(hub.order, ["flush", "flush"], "frames come before replies");
  const { attach: attached, subscribe } = hub.counters.requests;
  assert.deepEqual([attached.ok, subscribe.ok, subscribe.refused], [2, 1, 1]);
});

nats("large replies, bodies and states are sent in parts", async (server) => {
  await using hub = await Served.start(server);
  const symbols = Array.from({ length: 150_000 }, (_, i) => `SPXW2701${10_000_000 + i}`);
  const state: SymbolSets = new Map([["quotes", new Set(symbols)]]);
  const asked = hub.ask(subjects.subscribe, encodeSubscribe(SUBSCRIBE));
  await until("the request arrives", () => hub.subscribed.length === 1);
  hub.subscribed[0]?.answer({ state, since: 4_000 });
  const { reply, parts } = await asked;
  assert.equal(parts, 3);
  assert.deepEqual(readSubscribeReply(reply), { state, since: 4_000 });
  hub.body = JSON.stringify({ text: "ü".repeat(700_000) });
  const rest = await hub.ask(
    subjects.rest,
    encodeRest({
      edge: "e",
      api: "data",
      path: "/v2/stocks/bars",
      query: "symbols=AAPL",
      purpose: "backfill",
    }),
  );
  assert.equal(rest.parts, 2);
  assert.deepEqual(readRestReply(rest.reply), { body: hub.body, serverTime: 5 });
  const received: Msg[] = [];
  hub.edge.subscribe(subjects.edge("e"), {
    callback: (_error, message) => void received.push(message),
  });
  await hub.edge.flush();
  hub.service.publishState("e", { feed: "opra", term: 4n, state, since: 4_000 });
  await until(
    "the state arrives",
    () => received.some(({ headers }) => !headers?.has(MORE_HEADER)),
  );
  const joiner = new MessageJoiner();
  const [joined] = received.flatMap(({ data, headers }) =>
    joiner.add(data, headers?.has(MORE_HEADER) ?? false) ?? []
  );
  assert.deepEqual(joined && readEdgeMessage(joined), {
    feed: "opra",
    term: 4n,
    state,
    since: 4_000,
  });
});

nats("requests that cannot be read are answered and counted", async (server) => {
  await using hub = await Served.start(server);
  const hostile = new TextEncoder().encode(`{"edge":"../x","feed":"sip","kind":"iex"}`);
  const attach = readAttachReply((await hub.ask(subjects.attach, hostile)).reply);
  assert.equal(attach.isKnown, false);
  assert.match(attach.reason, /"edge" of a message is not valid/);
  const subscribe = readSubscribeReply((await hub.ask(subjects.subscribe, hostile)).reply);
  assert("error" in subscribe && subscribe.error.code === 400);
  const rest: RestReply = readRestReply((await hub.ask(subjects.rest, hostile)).reply);
  assert("error" in rest && rest.error.status === 400);
  assert.deepEqual([hub.attached, hub.subscribed], [[], []]);
  const { requests } = hub.counters;
  assert.deepEqual(
    [requests.attach.invalid, requests.subscribe.invalid, requests.rest.invalid],
    [1, 1, 1],
  );
});

nats("the hub publishes to no subject that an edge chooses", async (server) => {
  await using hub = await Served.start(server);
  const received: string[] = [];
  hub.edge.subscribe("test.>", {
    callback: (_error, { subject }) => {
      if (subject !== subjects.attach) received.push(subject);
    },
  });
  const request = encodeAttach({ edge: "e", feed: "sip", kind: "iex" });
  const hubInbox = "_INBOX.test.hub.user.x.1";
  const chosen = [
    subjects.feed("sip"),
    subjects.edge("f"),
    "$JS.API.STREAM.DELETE.X",
    hubInbox,
    "",
  ];
  hub.edge.subscribe(hubInbox, { callback: () => void received.push(hubInbox) });
  for (const reply of chosen) hub.edge.publish(subjects.attach, request, { reply });
  await hub.ask(subjects.attach, request);
  assert.deepEqual([hub.attached.length, received], [1, []]);
  assert.equal(hub.counters.requests.attach.dropped, chosen.length);
});

nats("a flood of requests is not read beyond a rate", async (server) => {
  await using hub = await Served.start(server);
  const request = encodeAttach({ edge: "e", feed: "sip", kind: "iex" });
  const reply = "_INBOX.flood";
  for (let i = 0; i < 20_000; i++) hub.edge.publish(subjects.attach, request, { reply });
  await hub.edge.flush();
  const { attach } = hub.counters.requests;
  await until("all requests arrive", () => attach.ok + attach.dropped >= 20_000);
  assert(attach.dropped >= 10_000, `${attach.dropped} dropped`);
});

nats("an edge that floods the hub with requests leaves another edge its part", async (server) => {
  await using hub = await Served.start(server);
  const request = encodeAttach({ edge: "e", feed: "sip", kind: "iex" });
  await hub.ask(subjects.attach, request);
  const { attach } = hub.counters.requests;
  const answered = attach.ok;
  for (let i = 0; i < 20_000; i++) {
    hub.edge.publish(subjects.attach, request, { reply: `_INBOX.flood${i % 3}.1` });
  }
  await hub.edge.flush();
  await until("all requests arrive", () => attach.ok + attach.dropped >= answered + 20_000);
  assert(attach.dropped > 5_000, `${attach.dropped} dropped`);
  for (let i = 0; i < 100; i++) await hub.ask(subjects.attach, request);
});

nats("a hub that ends leaves its requests to others", async (server) => {
  await using hub = await Served.start(server);
  hub.stop();
  const request = encodeAttach({ edge: "e", feed: "sip", kind: "iex" });
  await until(
    "no hub answers",
    async () =>
      await hub.edge.request(subjects.attach, request, { timeout: 500 }).then(
        () => false,
        (error) => /no responders/.test(String(error)),
      ),
  );
});

nats("a hub without the lease does not answer", async (server) => {
  await using hub = await Served.start(server);
  hub.attachReply = undefined;
  const request = encodeAttach({ edge: "e", feed: "sip", kind: "iex" });
  await assert.rejects(hub.edge.request(subjects.attach, request, { timeout: 200 }), /timeout/);
  assert.equal(hub.counters.requests.attach.dropped, 1);
  // The header of replies in parts is one that NATS accepts.
  const more = headers();
  more.set(MORE_HEADER, "1");
  assert(more.has(MORE_HEADER));
});
