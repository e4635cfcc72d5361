/** Waiting for the next reply of a login. */
import assert from "node:assert/strict";
import { FeedFailure } from "../../../../src/domain/connection/failure.ts";
import { ReplyQueue } from "../../../../src/infrastructure/alpaca/session.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

const gone = new FeedFailure("gone", { errorType: "closed" });

Deno.test("replies are returned in order, before and after the call", async () => {
  const clock = new ManualClock();
  const replies = new ReplyQueue<number>(clock);
  replies.add(1);
  replies.add(2);
  assert.equal(await replies.next("one", 10), 1);
  assert.equal(await replies.next("two", 10), 2);
  const third = replies.next("three", 10);
  await settle();
  replies.add(3);
  replies.add(4);
  assert.equal(await third, 3);
  assert.deepEqual(replies.drain(), [4]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("a timeout names the missing reply", async () => {
  const clock = new ManualClock();
  const replies = new ReplyQueue<number>(clock);
  const waiting = replies.next("welcome", 500);
  const overdue = assert.rejects(waiting, {
    name: "FeedFailure",
    message: "No welcome within 500 ms",
    errorType: "timeout",
  });
  await clock.advance(499);
  assert.equal(clock.sleepers, 1);
  await clock.advance(1);
  await overdue;
  assert.equal(clock.sleepers, 0);
});

Deno.test("end rejects the waiting call, with the first reason", async () => {
  const clock = new ManualClock();
  const replies = new ReplyQueue<number>(clock);
  const waiting = assert.rejects(replies.next("welcome", 500), gone);
  await settle();
  replies.end(gone);
  replies.end(new FeedFailure("later", { errorType: "closed" }));
  await waiting;
  await assert.rejects(replies.next("anything", 500), gone);
  assert.equal(clock.sleepers, 0);
});

Deno.test("replies that arrived before the end are still returned", async () => {
  const replies = new ReplyQueue<string>(new ManualClock());
  replies.add("auth failed");
  replies.end(gone);
  assert.equal(await replies.next("answer", 10), "auth failed");
  await assert.rejects(replies.next("more", 10), gone);
});

Deno.test("the queue is bounded", async () => {
  const replies = new ReplyQueue<number>(new ManualClock());
  for (let i = 0; i < 100_000; i++) replies.add(i);
  assert.equal(await replies.next("first", 10), 0);
  assert.ok(replies.drain().length < 100);
});
