/** Entries that are lost between a hub and an edge, and what is read in their place. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { FeedSession } from "../../src/application/ports/feed_connector.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import { encodeBatch, type EntryContent } from "../../src/infrastructure/nats/frame_batch.ts";
import { encodeAttachReply } from "../../src/infrastructure/nats/hub_protocol.ts";
import { createHubConnector, type HubFeed } from "../../src/infrastructure/nats/hub_session.ts";
import { RetainedReader } from "../../src/infrastructure/nats/retained_reader.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { until } from "../support/until.ts";

/** What happens to a batch of `count` frames. */
interface Sent {
  readonly count: number;
  /** Whether the edge receives it. */
  readonly isLive: boolean;
  /** Whether NATS retains it; it retains what the edge receives. */
  readonly isRetained: boolean;
  /** Turns of the event loop before the next one is sent. */
  readonly turns: number;
}

const SENT = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 4 }),
    isLive: fc.boolean(),
    isRetained: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 0),
    turns: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 40 },
);

/** A message of the stream. */
interface RetainedMessage {
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** An edge, a hub and NATS in memory. */
class Place {
  readonly clock = new ManualClock();
  readonly frames: number[] = [];
  readonly counters = createCounters().edge.feeds.sip;
  readonly connector;
  readonly #retained: RetainedMessage[] = [];
  #next = 1;
  #deliver: (batch: Uint8Array) => void = () => {};

  constructor() {
    const { clock, counters } = this;
    const read = async <T>(value: () => T): Promise<T> => {
      await setImmediate();
      return value();
    };
    const messages = {
      last: () => read(() => this.#retained.at(-1)),
      from: (at: number) => read(() => this.#retained.find(({ sequence }) => sequence >= at)),
    };
    this.connector = createHubConnector({
      feed: "sip",
      kind: "sip",
      link: this.#link(),
      receiver: {
        receive: (frame) => void this.frames.push(Number(new TextDecoder().decode(frame))),
      },
      retained: new RetainedReader(clock, () => messages),
      counters,
      clock,
      log: new RecordingLog(),
    });
  }

  /** Entries that were sent. */
  get sent(): number {
    return this.#next - 1;
  }

  open(): Promise<FeedSession> {
    return this.connector.connect({
      onOpened() {},
      subscriptions: { acknowledged() {}, rejected() {} },
      signal: new AbortController().signal,
    });
  }

  send({ count, isLive, isRetained }: Omit<Sent, "turns">): void {
    const first = this.#next;
    this.#next += count;
    const entries = Array.from({ length: count }, (_, i): EntryContent => ({
      kind: "frame",
      receivedAt: this.clock.now() + first + i,
      payload: new TextEncoder().encode(String(first + i)),
    }));
    const data = encodeBatch(7n, first, entries);
    if (isLive || isRetained) this.#retained.push({ sequence: first, data });
    if (isLive) this.#deliver(data);
  }

  #link(): HubFeed["link"] {
    return {
      edge: "e1",
      interruptions: 0,
      expectsTakeover: false,
      open: () => Promise.resolve(),
      onMessage() {},
      subscribe: (_feed, onBatch) => {
        this.#deliver = onBatch;
        return { unsubscribe: () => this.#deliver = () => {}, isClosed: () => false };
      },
      request: (_kind, _request, { read, onReply }) => {
        const reply = encodeAttachReply({
          term: 7n,
          next: this.#next,
          at: 0,
          isUp: true,
          isKnown: true,
          kind: "sip",
          reason: "",
          isRetained: true,
        });
        queueMicrotask(() => onReply(read(reply)));
      },
    };
  }
}

Deno.test("each frame is received once and in order, or is missing and counted", async () => {
  await fc.assert(
    fc.asyncProperty(SENT, async (sent) => {
      const place = new Place();
      let session = await place.open();
      let ends = 0;
      const follow = async (one: FeedSession) => {
        await one.ended;
        if (isOver) return;
        ends++;
        session = await place.open();
        void follow(session);
      };
      let isOver = false;
      void follow(session);
      place.send({ count: 1, isLive: true, isRetained: true });
      await until("the first frame", () => place.frames.length === 1);
      for (const each of sent) {
        place.send(each);
        for (let turn = 0; turn < each.turns; turn++) await setImmediate();
      }
      place.send({ count: 1, isLive: true, isRetained: true });
      await until("the last frame", () => place.frames.includes(place.sent));
      isOver = true;
      await session.close();
      const { frames, counters: { missing, recovered } } = place;
      assert.deepEqual(frames, frames.toSorted((a, b) => a - b));
      assert.equal(new Set(frames).size, frames.length);
      assert.equal(frames.length + missing, place.sent, "what is not received is counted");
      assert.equal(missing > 0, ends > 0);
      assert(recovered <= frames.length);
      if (sent.every(({ isLive, isRetained }) => isLive || isRetained)) {
        assert.equal(missing, 0);
        assert.equal(frames.length, place.sent);
      }
    }),
    { numRuns: 60 },
  );
});
