/**
 * Checks what a client has received against what the market has produced.
 *
 * The rules are those of the contract: each message that upstream has sent is delivered once and in
 * order, or covered by one gap; counts, totals and positions are exact.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Gap } from "../../src/domain/market/notices.ts";
import { WILDCARD } from "../../src/domain/subscription/pairs.ts";
import type { MarketModel, Produced } from "./market_model.ts";
import type { Received, ReceivedData, StreamClient } from "./stream_client.ts";

/** How many cases of each kind were checked, so that a run that checks nothing is seen. */
export interface Checked {
  delivered: number;
  lost: number;
  conflated: number;
  unreadable: number;
  unsent: number;
  exactResumes: number;
  inexactResumes: number;
  replayed: number;
  snapshots: number;
  ended: number;
}

/** Starts counting. */
export function nothingChecked(): Checked {
  return {
    delivered: 0,
    lost: 0,
    conflated: 0,
    unreadable: 0,
    unsent: 0,
    exactResumes: 0,
    inexactResumes: 0,
    replayed: 0,
    snapshots: 0,
    ended: 0,
  };
}

/**
 * Checks one stream.
 *
 * @param isDrained whether it was open until the end and has been read completely
 * @throws AssertionError that names what is missing, repeated or miscounted
 */
export function checkStream(
  client: StreamClient,
  market: MarketModel,
  { isDrained, checked }: { readonly isDrained: boolean; readonly checked: Checked },
): void {
  if (client.failure) throw client.failure;
  if (client.wish.options) new StreamCheck(client, market, checked).run(isDrained);
  else checkPlain(client, market, isDrained);
}

/** A stream without options: what is missing was dropped and counted. */
function checkPlain(client: StreamClient, market: MarketModel, isDrained: boolean): void {
  const { stream } = client;
  const expected = expectedAfter(client, market, positionAt(client, market));
  const data = client.received.map((item) => {
    assert.equal(item.type, "data", "a stream without options receives no notices");
    return item as ReceivedData;
  });
  assertRising(data.map(({ sequence }) => sequence), "sequences of a stream without options");
  const known = new Map(expected.map((message) => [message.id, message]));
  for (const each of data) assertSame(each, known.get(each.id));
  assert.equal(stream.sent, data.length, "sent messages are counted");
  if (isDrained) {
    assert.equal(data.length + stream.dropped, expected.length, "published = sent + dropped");
  } else {assert.ok(
      data.length + stream.dropped <= expected.length,
      "more is counted than was sent",
    );}
}

class StreamCheck {
  readonly #client: StreamClient;
  readonly #market: MarketModel;
  readonly #checked: Checked;
  readonly #options: NonNullable<StreamClient["wish"]["options"]>;
  /** Position after which data is live. */
  readonly #liveAfter: number;
  /** Live messages of the stream. */
  readonly #expected: readonly Produced[];

  constructor(client: StreamClient, market: MarketModel, checked: Checked) {
    this.#client = client;
    this.#market = market;
    this.#checked = checked;
    assert.ok(client.wish.options);
    this.#options = client.wish.options;
    this.#liveAfter = positionAt(client, market);
    this.#expected = expectedAfter(client, market, this.#liveAfter);
  }

  run(isDrained: boolean): void {
    const { received } = this.#client;
    if (received.length === 0) {
      assert.ok(!isDrained, "a stream with notices starts with hello");
      return;
    }
    this.#checkStart();
    this.#checkIdentities();
    this.#checkTotals(isDrained);
    this.#checkAcknowledged();
    if (this.#options.delivery === "latest") this.#checkLatest(isDrained);
    else this.#checkEvery(isDrained);
    this.#checkUnreadable();
    if (isDrained) this.#checkUnsent();
    this.#checkSnapshot();
    this.#checkResume(isDrained);
  }

  /** Hello, then what is not live, then `caught_up`, then live data. */
  #checkStart(): void {
    const { received } = this.#client;
    const hellos = this.#client.notices("hello");
    assert.equal(hellos.length, 1, "one hello");
    assert.ok(isNotice(received[0], "hello"), "hello is the first response");
    assert.equal(hellos[0]?.hello.sequence, this.#liveAfter, "hello has the channel's position");
    const caughtUp = this.#client.notices("caught_up");
    assert.ok(caughtUp.length <= 1, "caught up once");
    const derived = this.#client.data.filter(({ origin }) => origin !== "live");
    const [end] = caughtUp;
    if (end) {
      assert.equal(end.sequence, this.#liveAfter, "live data starts after caught_up");
      assert.equal(end.count, derived.length, "caught_up counts what is not live");
    }
    let isLive = false;
    for (const item of received) {
      if (isNotice(item, "caught_up")) isLive = true;
      if (item.type === "notice") continue;
      if (item.origin === "live") {
        assert.ok(isLive || !this.#options.snapshot, "live data precedes caught_up");
      } else assert.ok(!isLive, `a ${item.origin} message follows caught_up`);
    }
  }

  /** Every message is one that was published, with its own numbers, and is received once. */
  #checkIdentities(): void {
    const { channel } = this.#client.wish;
    const ids = new Set<number>();
    for (const each of this.#client.data) {
      assert.ok(!ids.has(each.id), `message ${each.id} is received twice`);
      ids.add(each.id);
      assertSame(each, this.#market.published[channel][each.sequence - 1]);
      assert.ok(this.#matches(each.symbol), `${each.symbol} was not requested`);
    }
  }

  #checkTotals(isDrained: boolean): void {
    const { channel } = this.#client.wish;
    const isAcknowledged = this.#options.maxUnacknowledged > 0;
    let delivered = 0;
    let lost = 0;
    let last;
    for (const item of this.#client.received) {
      if (item.type === "data") {
        if (item.origin === "live") delivered++;
        continue;
      }
      const gap = gapOf(item);
      if (gap?.reason === "slow_client") lost += gap.count;
      if (item.notice.type !== "heartbeat") continue;
      const totals = last = item.notice.totals;
      assert.equal(
        totals.published,
        totals.delivered + totals.conflated + totals.lost,
        "published = delivered + conflated + lost",
      );
      assert.equal(totals.lost, lost, "lost is the sum of the gaps");
      if (isAcknowledged) assert.ok(totals.delivered <= delivered, "more delivered than sent");
      else assert.equal(totals.delivered, delivered, "delivered messages are counted");
      if (this.#options.delivery !== "latest") assert.equal(totals.conflated, 0);
      assert.ok(totals.published <= this.#expected.length, "more published than upstream sent");
      const newest = this.#market.published[channel].length;
      assert.ok(totals.sequence <= newest, "position of no message");
      this.#checkPosition(totals.sequence, item);
    }
    if (!isDrained) return;
    assert.ok(last, "a stream with notices receives heartbeats");
    assert.equal(last.published, this.#expected.length, "all published messages are counted");
    assert.equal(last.sequence, this.#market.published[channel].length, "the newest position");
    this.#checked.delivered += last.delivered;
    this.#checked.lost += last.lost;
    this.#checked.conflated += last.conflated;
  }

  /** Every message up to the position of a heartbeat was sent before it, or is in a gap. */
  #checkPosition(position: number, heartbeat: Received): void {
    const before = this.#client.received.slice(0, this.#client.received.indexOf(heartbeat));
    const delivered = new Map<string, number>();
    const gaps: Gap[] = [];
    for (const item of before) {
      if (item.type === "data" && item.origin === "live") {
        const newest = Math.max(delivered.get(item.symbol) ?? 0, item.sequence);
        delivered.set(item.symbol, newest);
      }
      const gap = gapOf(item);
      if (gap?.reason === "slow_client") gaps.push(gap);
    }
    const until = this.#expected.filter(({ sequence }) => sequence <= position);
    const newest = new Map(until.map(({ symbol, sequence }) => [symbol, sequence]));
    for (const [symbol, sequence] of newest) {
      const isDelivered = (delivered.get(symbol) ?? 0) >= sequence;
      const isLost = gaps.some(({ lastSequence }) => lastSequence >= sequence);
      const isReplaced = this.#options.delivery === "latest" &&
        this.#expected.some((other) => other.symbol === symbol && other.sequence > position);
      assert.ok(isDelivered || isLost || isReplaced, "a heartbeat's position skips a message");
    }
  }

  /** At most `maxUnacknowledged` messages beyond the acknowledged one. */
  #checkAcknowledged(): void {
    const { maxUnacknowledged } = this.#options;
    if (maxUnacknowledged === 0) return;
    assert.ok(
      this.#client.mostUnacknowledged <= maxUnacknowledged,
      `${this.#client.mostUnacknowledged} messages are not acknowledged`,
    );
  }

  /** Between two messages, all that is missing is in one gap. */
  #checkEvery(isDrained: boolean): void {
    const isEndable = this.#options.delivery === "every_or_end";
    let next = 0;
    let gaps: Gap[] = [];
    let wasGap = false;
    const takeMissing = (until: number) => {
      const missing: Produced[] = [];
      for (let message = this.#expected[next]; message && message.sequence < until;) {
        missing.push(message);
        message = this.#expected[++next];
      }
      this.#checkGaps(missing, gaps);
      gaps = [];
    };
    for (const item of this.#client.received) {
      const gap = gapOf(item);
      if (gap?.reason === "slow_client") {
        assert.ok(!isEndable, "a stream that ends instead has a gap");
        assert.ok(!wasGap, "one run of lost messages has two gaps");
        gaps.push(gap);
        wasGap = true;
        continue;
      }
      wasGap = false;
      if (item.type !== "data" || item.origin !== "live") continue;
      takeMissing(item.sequence);
      assert.equal(this.#expected[next]?.sequence, item.sequence, "in the order of the channel");
      next++;
    }
    if (isDrained) takeMissing(Infinity);
    else if (gaps.length > 0) {
      const last = Math.max(...gaps.map(({ lastSequence }) => lastSequence));
      takeMissing(last + 1);
    }
    if (this.#client.isEnded) {
      assert.ok(isEndable, "a stream ends by itself");
      this.#checked.ended++;
    }
  }

  #checkGaps(missing: readonly Produced[], gaps: readonly Gap[]): void {
    let covered = 0;
    for (const gap of gaps) {
      const { firstSequence, lastSequence } = gap;
      const inside = missing.filter(({ sequence }) =>
        firstSequence <= sequence && sequence <= lastSequence
      );
      assert.equal(gap.count, inside.length, "a gap counts what is missing");
      assert.equal(inside[0]?.sequence, firstSequence, "first position of a gap");
      assert.equal(inside.at(-1)?.sequence, lastSequence, "last position of a gap");
      const symbols = new Set(inside.map(({ symbol }) => symbol));
      assert.deepEqual(new Set(gap.symbols), symbols, "symbols of a gap");
      covered += inside.length;
    }
    assert.equal(covered, missing.length, "a missing message is not in exactly one gap");
  }

  /** Per symbol, messages rise, and the newest is delivered or in a gap. */
  #checkLatest(isDrained: boolean): void {
    const live = this.#client.data.filter(({ origin }) => origin === "live");
    const { minIntervalMs } = this.#options;
    const bySymbol = Map.groupBy(live, ({ symbol }) => symbol);
    for (const [symbol, messages] of bySymbol) {
      assertRising(messages.map(({ sequence }) => sequence), `messages of ${symbol}`);
      for (const [index, { takenAt }] of messages.entries()) {
        const previous = messages[index - 1];
        const isSpaced = !previous || takenAt - previous.takenAt >= minIntervalMs;
        assert.ok(isSpaced, "two messages of a symbol within the interval");
      }
    }
    if (!isDrained) return;
    const gaps = this.#client.gaps("slow_client");
    const newest = new Map(this.#expected.map((message) => [message.symbol, message]));
    for (const [symbol, { sequence }] of newest) {
      const isDelivered = bySymbol.get(symbol)?.at(-1)?.sequence === sequence;
      const isLost = gaps.some(({ firstSequence, lastSequence }) =>
        firstSequence <= sequence && sequence <= lastSequence
      );
      assert.ok(isDelivered || isLost, `the newest message of ${symbol} is missing`);
    }
  }

  /** Before each message, exactly the invalid ones that preceded it are reported. */
  #checkUnreadable(): void {
    const { openedAfter, wish: { channel } } = this.#client;
    const since = this.#replayedSince ?? openedAfter;
    const incidents = this.#market.produced.filter((message) =>
      message.id > since && (message.outcome === "unreadable" ||
        message.outcome === "invalid" && message.channel === channel &&
          this.#matches(message.symbol))
    );
    // Without a stream and without an acknowledgement, a message is not decoded.
    const heldSince = this.#client.earlier?.openedAfter ?? 0;
    const certain = incidents.filter((message) =>
      message.id > openedAfter || message.id > heldSince && this.#market.wasCarried(message)
    );
    let reported = 0;
    let isFrameTold = false;
    for (const item of this.#client.received) {
      const gap = gapOf(item);
      if (gap?.reason === "unreadable") {
        reported += gap.count;
        if (gap.count === 0) isFrameTold = true;
      }
      if (item.type !== "data" || item.origin === "snapshot") continue;
      if (this.#options.delivery === "latest") continue;
      const [least, most] = [certain, incidents].map((some) =>
        some.filter(({ id, outcome }) => id < item.id && outcome === "invalid").length
      ) as [number, number];
      const hasFrame = certain.some(({ id, outcome }) => id < item.id && outcome === "unreadable");
      assert.ok(!hasFrame || isFrameTold, "an unreadable frame is no gap");
      // A gap of which the count is not known includes those before and after it.
      if (isFrameTold) continue;
      assert.ok(
        least <= reported && reported <= most,
        `${reported} invalid messages of ${least} are reported`,
      );
    }
    this.#checked.unreadable += reported;
  }

  /** Id of the message at the position of an exact resume; `undefined` without one. */
  get #replayedSince(): number | undefined {
    const { resume } = this.#options;
    const isExact = this.#client.notices("hello")[0]?.hello.resumed;
    if (!isExact || !resume || !("sequence" in resume)) return undefined;
    return this.#market.published[this.#client.wish.channel][resume.sequence - 1]?.id ?? 0;
  }

  /** What upstream did not send of a symbol that was carried is in one gap with its time. */
  #checkUnsent(): void {
    const { wish: { channel }, openedAfter } = this.#client;
    const gaps = [...this.#client.gaps("upstream_lost"), ...this.#client.gaps("not_subscribed")];
    for (const message of this.#market.produced) {
      const { id, symbol, outcome, at } = message;
      if (id <= openedAfter || message.channel !== channel || !this.#matches(symbol)) continue;
      if (outcome !== "no_session" && outcome !== "unsubscribed" && outcome !== "mute") continue;
      if (!this.#market.isInterrupted(message, openedAfter)) continue;
      const covering = gaps.filter((gap) => covers(gap, message));
      assert.ok(covering.length > 0, `message ${id} (${outcome}) at ${at} is in no gap`);
      const inside = covering.filter(({ startTime = 0, endTime = 0 }) =>
        startTime < at && at < endTime
      );
      // A stream of every symbol also has gaps of those that were carried without `*`.
      const isOne = inside.length <= 1 || this.#client.wish.symbols.length === 0;
      assert.ok(isOne, `message ${id} (${outcome}) at ${at} is in two gaps`);
      this.#checked.unsent++;
    }
  }

  /** The newest message of each symbol that was published before the stream. */
  #checkSnapshot(): void {
    const snapshots = this.#client.data.filter(({ origin }) => origin === "snapshot");
    if (!this.#options.snapshot) return assert.equal(snapshots.length, 0, "no snapshot requested");
    if (this.#client.notices("caught_up").length === 0) return;
    const { channel } = this.#client.wish;
    const newest = new Map<string, number>();
    for (const { symbol, sequence } of this.#market.published[channel]) {
      if (sequence <= this.#liveAfter && this.#matches(symbol)) newest.set(symbol, sequence);
    }
    const received = new Map(snapshots.map(({ symbol, sequence }) => [symbol, sequence]));
    assert.deepEqual(sorted(received), sorted(newest), "the last known message of each symbol");
    this.#checked.snapshots += snapshots.length;
  }

  /** An exact resume has everything since the position; any other one has a gap. */
  #checkResume(isDrained: boolean): void {
    const { resume } = this.#options;
    const [hello] = this.#client.notices("hello");
    const replay = this.#client.data.filter(({ origin }) => origin === "replay");
    if (!resume || !("sequence" in resume)) {
      assert.equal(replay.length, 0, "no resume requested");
      assert.ok(!hello?.hello.resumed, "resumed without a request");
      return;
    }
    const isCaughtUp = this.#client.notices("caught_up").length > 0;
    const gaps = this.#client.gaps("not_retained");
    if (!hello?.hello.resumed) {
      const hasLive = this.#client.data.some(({ origin }) => origin === "live");
      assert.ok(gaps.length === 1 || !isCaughtUp && !hasLive, "an inexact resume has one gap");
      this.#checked.inexactResumes++;
      return;
    }
    assert.equal(gaps.length, 0, "an exact resume lacks something");
    assertRising(replay.map(({ sequence }) => sequence), "replayed sequences");
    if (!isCaughtUp) return;
    const { channel } = this.#client.wish;
    const isLatest = this.#options.delivery === "latest";
    const known = this.#market.published[channel].filter(({ sequence, symbol }) =>
      sequence <= this.#liveAfter && this.#matches(symbol)
    );
    // With `latest`, the last message of each symbol, also where it is not new.
    const missed = isLatest
      ? known.filter(({ id, symbol }) => known.findLast((m) => m.symbol === symbol)?.id === id)
      : known.filter(({ sequence }) => sequence > resume.sequence);
    assert.deepEqual(
      replay.map(({ sequence }) => sequence),
      missed.map(({ sequence }) => sequence),
      "an exact resume replays everything",
    );
    this.#checkMissed(resume.sequence, isDrained);
    this.#checked.exactResumes++;
    this.#checked.replayed += replay.length;
  }

  /** What was not published between the position and an exact resume is reported. */
  #checkMissed(position: number, isDrained: boolean): void {
    const { wish: { channel }, openedAfter } = this.#client;
    const gaps = [...this.#client.gaps("upstream_lost"), ...this.#client.gaps("not_subscribed")];
    const since = this.#market.published[channel][position - 1]?.id ?? 0;
    const { earlier } = this.#client;
    // What was not sent has no position: it counts from the opening of the earlier stream.
    const heldSince = Math.max(since, earlier?.openedAfter ?? 0);
    for (const message of this.#market.produced.slice(heldSince, openedAfter)) {
      const { id, symbol, outcome, sequence } = message;
      if (message.channel !== channel || !this.#matches(symbol)) continue;
      if (sequence > 0 || this.#market.isUnnoticed(message)) continue;
      const isBelieved = this.#market.wasCarried(message);
      assert.ok(
        outcome !== "sent" || !isBelieved,
        `message ${id} is not retained, resumed exactly`,
      );
      if (!isDrained) continue;
      if (outcome === "invalid" || outcome === "unreadable") {
        const isCovered = this.#client.gaps("unreadable").length > 0;
        assert.ok(isCovered, `message ${id} (${outcome}) is missing, resumed exactly`);
      } else if (this.#market.isInterrupted(message, heldSince)) {
        const isCovered = gaps.some((gap) => covers(gap, message));
        assert.ok(isCovered, `message ${id} (${outcome}) is missing, resumed exactly`);
      }
    }
  }

  #matches(symbol: string): boolean {
    return matches(this.#client, symbol);
  }
}

/** Whether a stream requests a symbol. */
function matches({ wish: { symbols } }: StreamClient, symbol: string): boolean {
  return symbols.length === 0 || symbols.includes(symbol);
}

/** The channel's position when the stream was opened. */
function positionAt({ wish, openedAfter }: StreamClient, market: MarketModel): number {
  const published = market.published[wish.channel];
  const next = published.findIndex(({ id }) => id > openedAfter);
  return next < 0 ? published.length : next;
}

/** Published messages of a stream after a position. */
function expectedAfter(
  client: StreamClient,
  market: MarketModel,
  position: number,
): readonly Produced[] {
  const { wish: { channel }, closedAfter = Infinity } = client;
  return market.published[channel].filter(({ id, symbol, sequence }) =>
    sequence > position && id <= closedAfter && matches(client, symbol)
  );
}

function covers({ symbols, startTime = Infinity, endTime = -Infinity }: Gap, message: Produced) {
  const { at, symbol } = message;
  const isNamed = symbols.length === 0 || symbols.includes(symbol) || symbols.includes(WILDCARD);
  return isNamed && startTime <= at && at <= endTime;
}

function assertSame(received: ReceivedData, produced: Produced | undefined): void {
  assert.deepEqual(
    {
      id: received.id,
      symbol: received.symbol,
      sequence: received.sequence,
      symbolSequence: received.symbolSequence,
    },
    produced && {
      id: produced.id,
      symbol: produced.symbol,
      sequence: produced.sequence,
      symbolSequence: produced.symbolSequence,
    },
    "a message has its own numbers",
  );
}

function assertRising(values: readonly number[], what: string): void {
  for (const [index, value] of values.entries()) {
    assert.ok(index === 0 || value > (values[index - 1] as number), `${what} do not rise`);
  }
}

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}

function isNotice(item: Received | undefined, type: string): boolean {
  return item?.type === "notice" && item.notice.type === type;
}

function gapOf(item: Received): Gap | undefined {
  return item.type === "notice" && item.notice.type === "gap" ? item.notice.gap : undefined;
}
