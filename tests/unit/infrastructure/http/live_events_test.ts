import assert from "node:assert/strict";
import { ANONYMOUS, type Identity } from "../../../../src/domain/access/grants.ts";
import {
  LiveEvents,
  type LiveEventsOptions,
  MAX_SKIPPED,
} from "../../../../src/infrastructure/http/live_events.ts";
import { settle } from "../../../support/manual_clock.ts";

function setup(options: Partial<LiveEventsOptions> = {}) {
  let made = 0;
  let tick: (() => void) | undefined;
  const faults: unknown[] = [];
  const events = new LiveEvents({
    snapshot: () => `snapshot ${++made}`,
    onError: (cause) => faults.push(cause),
    interval: (intervalMs, action) => {
      assert.equal(intervalMs, 1_000);
      tick = action;
      return { [Symbol.dispose]: () => void (tick = undefined) };
    },
    ...options,
  });
  return {
    events,
    faults,
    made: () => made,
    ticks: () => tick !== undefined,
    /** Once a read that was just asked for has come to the stream. */
    tick: async () => {
      await settle();
      tick?.();
    },
  };
}

function watch(
  events: LiveEvents,
  init: RequestInit = {},
  address = "10.0.0.1",
  identity?: Identity,
) {
  const gone = Promise.withResolvers<void>();
  const response = events.answer({
    request: new Request("http://proxy/events", init),
    address,
    identity,
    completed: gone.promise,
  });
  const reader = response.body?.getReader();
  const next = async () => {
    const { value } = await reader?.read() ?? {};
    return value && new TextDecoder().decode(value);
  };
  const hangUp = async () => {
    await reader?.cancel();
    gone.resolve();
    await gone.promise;
  };
  return { response, next, hangUp, cut: gone.resolve };
}

Deno.test("the first snapshot is immediate, the next comes with the tick", async () => {
  const { events, tick } = setup();
  const viewer = watch(events);
  assert.equal(
    viewer.response.headers.get("content-type"),
    "text/event-stream",
  );
  assert.equal(viewer.response.headers.get("cache-control"), "no-store");
  assert.equal(await viewer.next(), "retry: 2000\ndata: snapshot 1\n\n");
  const second = viewer.next();
  await tick();
  assert.equal(await second, "data: snapshot 2\n\n");
});

Deno.test("one snapshot serves every viewer", async () => {
  const { events, tick, made } = setup();
  const viewers = Array.from({ length: 10 }, () => watch(events));
  for (const viewer of viewers) await viewer.next();
  const before = made();
  const waiting = viewers.map((viewer) => viewer.next());
  await tick();
  assert.equal(new Set(await Promise.all(waiting)).size, 1);
  assert.equal(made(), before + 1);
});

Deno.test("viewers with and without the grant for orders have a snapshot each", async () => {
  let made = 0;
  const { events, tick } = setup({
    snapshot: (_isLast, identity) => `${++made} ${identity?.grants.orders}`,
  });
  const granted = (name: string, orders: boolean): Identity => ({
    name,
    grants: { ...ANONYMOUS.grants, orders },
  });
  const viewers = [granted("a", true), granted("b", false), granted("c", true), granted("d", false)]
    .map((identity) => watch(events, {}, "10.0.0.1", identity));
  for (const viewer of viewers) await viewer.next();
  const waiting = viewers.map((viewer) => viewer.next());
  await tick();
  const texts = (await Promise.all(waiting)).map((text) => text?.trim());
  assert.deepEqual(texts, ["data: 5 true", "data: 6 false", "data: 5 true", "data: 6 false"]);
});

Deno.test("no snapshot is made without a viewer", async () => {
  const { events, ticks } = setup();
  assert.equal(ticks(), false);
  const one = watch(events);
  const other = watch(events);
  assert.equal(ticks(), true);
  await one.hangUp();
  assert.equal(ticks(), true);
  await other.hangUp();
  assert.equal(ticks(), false);
});

Deno.test("one viewer too many is refused, and admitted when one has left", async () => {
  const { events } = setup({ maxViewers: 2 });
  const first = watch(events);
  watch(events);
  const refused = watch(events);
  assert.equal(refused.response.status, 503);
  assert.match(await refused.next() ?? "", /Limit of 2 viewers reached/);
  assert.equal(refused.response.headers.get("retry-after"), "10");
  await first.hangUp();
  assert.equal(watch(events).response.status, 200);
});

Deno.test("viewers of one address are limited until one leaves", async () => {
  let refusals = 0;
  const { events } = setup({ maxViewersPerAddress: 2, onRefused: () => refusals++ });
  const first = watch(events, {}, "2001:db8:1:2::1");
  watch(events, {}, "2001:db8:1:2::2");
  const refused = watch(events, {}, "2001:db8:1:2:ffff::3");
  assert.equal(refused.response.status, 503);
  assert.match(await refused.next() ?? "", /Limit of 2 viewers of one address reached/);
  assert.equal(refusals, 1);
  assert.equal(watch(events, {}, "2001:db8:1:3::1").response.status, 200);
  await first.hangUp();
  await settle();
  assert.equal(watch(events, {}, "2001:db8:1:2::1").response.status, 200);
  assert.equal(watch(events, {}, "2001:db8:1:2::1").response.status, 503);
});

Deno.test("a viewer that stops reading counts until its connection is closed", async () => {
  const { events, tick, ticks } = setup({ maxViewers: 1 });
  const stalled = watch(events);
  for (let missed = 1; missed < MAX_SKIPPED; missed++) await tick();
  assert.equal(ticks(), true);
  await tick();
  assert.equal(ticks(), false);
  assert.equal(watch(events).response.status, 503);
  stalled.cut();
  await Promise.resolve();
  assert.equal(watch(events).response.status, 200);
});

Deno.test("a viewer that missed some snapshots gets the newest, not a backlog", async () => {
  const { events, tick } = setup();
  const viewer = watch(events);
  for (let missed = 0; missed < 5; missed++) await tick();
  assert.match(await viewer.next() ?? "", /snapshot 1\n/);
  const next = viewer.next();
  await tick();
  assert.equal(await next, "data: snapshot 7\n\n");
});

Deno.test("a failed snapshot is a heartbeat, logged once", async () => {
  let broken = true;
  const { events, tick, faults } = setup({
    snapshot: () => {
      if (broken) throw new Error("inside");
      return "well";
    },
  });
  const viewer = watch(events);
  assert.equal(await viewer.next(), ": heartbeat\n\n");
  let next = viewer.next();
  await tick();
  assert.equal(await next, ": heartbeat\n\n");
  assert.equal(faults.length, 1);
  broken = false;
  next = viewer.next();
  await tick();
  assert.equal(await next, "data: well\n\n");
});

Deno.test("a snapshot of several lines is one event", async () => {
  const { events } = setup({ snapshot: () => "one\ntwo" });
  assert.equal(
    await watch(events).next(),
    "retry: 2000\ndata: one\ndata: two\n\n",
  );
});

Deno.test("disposing sends a last snapshot, ends every stream and admits no viewer", async () => {
  const { events, ticks } = setup({ snapshot: (isLast) => isLast ? "the end" : "on" });
  const viewer = watch(events);
  await viewer.next();
  const last = viewer.next();
  await settle();
  events[Symbol.dispose]();
  assert.equal(await last, "data: the end\n\n");
  assert.equal(await viewer.next(), undefined);
  assert.equal(ticks(), false);
  assert.equal(watch(events).response.status, 503);
});

Deno.test("HEAD takes no place, another site's page none either", () => {
  const { events } = setup({ maxViewers: 1 });
  const head = watch(events, { method: "HEAD" });
  assert.deepEqual([head.response.status, head.response.body], [200, null]);
  const foreign = watch(events, {
    headers: { "sec-fetch-site": "cross-site" },
  });
  assert.equal(foreign.response.status, 403);
  assert.equal(watch(events).response.status, 200);
});
