/** Waiting for the next reply of a handshake. */
import assert from "node:assert/strict";
import { FeedFailure } from "../../../../src/application/feeds/feed_failure.ts";
import { Mailbox } from "../../../../src/infrastructure/alpaca/mailbox.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

const gone = new FeedFailure("gone", { errorType: "closed" });

Deno.test("replies are read in order, whether they came before or after asking", async () => {
  const clock = new ManualClock();
  const mailbox = new Mailbox<number>(clock);
  mailbox.put(1);
  mailbox.put(2);
  assert.equal(await mailbox.next("one", 10), 1);
  assert.equal(await mailbox.next("two", 10), 2);
  const third = mailbox.next("three", 10);
  await settle();
  mailbox.put(3);
  mailbox.put(4);
  assert.equal(await third, 3);
  assert.deepEqual(mailbox.takeAll(), [4]);
  assert.deepEqual(mailbox.takeAll(), []);
  assert.equal(clock.sleepers, 0);
});

Deno.test("a reply that does not come in time is named in the failure", async () => {
  const clock = new ManualClock();
  const mailbox = new Mailbox<number>(clock);
  const waiting = mailbox.next("welcome", 500);
  const overdue = assert.rejects(waiting, {
    name: "FeedFailure",
    message: "No welcome within 500 ms",
    errorType: "timeout",
    kind: "transient",
  });
  await clock.advance(499);
  assert.equal(clock.sleepers, 1);
  await clock.advance(1);
  await overdue;
  assert.equal(clock.sleepers, 0);
});

Deno.test("an end wakes who waits, and the first reason stands", async () => {
  const clock = new ManualClock();
  const mailbox = new Mailbox<number>(clock);
  const waiting = assert.rejects(mailbox.next("welcome", 500), gone);
  await settle();
  mailbox.end(gone);
  mailbox.end(new FeedFailure("later", { errorType: "closed" }));
  await waiting;
  await assert.rejects(mailbox.next("anything", 500), gone);
  assert.equal(clock.sleepers, 0);
});

Deno.test("what arrived before the end is still read", async () => {
  const mailbox = new Mailbox<string>(new ManualClock());
  mailbox.put("auth failed");
  mailbox.end(gone);
  assert.equal(await mailbox.next("answer", 10), "auth failed");
  await assert.rejects(mailbox.next("more", 10), gone);
});

Deno.test("a talkative peer fills no more than the mailbox", async () => {
  const mailbox = new Mailbox<number>(new ManualClock());
  for (let i = 0; i < 100_000; i++) mailbox.put(i);
  assert.equal(await mailbox.next("first", 10), 0);
  assert.ok(mailbox.takeAll().length < 100);
});
