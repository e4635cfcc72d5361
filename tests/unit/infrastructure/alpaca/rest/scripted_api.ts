/**
 * An HTTP server that answers what the test says, and a client of it on a clock
 * turned by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RestPurpose } from "../../../../../src/application/status/counters.ts";
import { createCounters } from "../../../../../src/application/status/counters.ts";
import { RestClient } from "../../../../../src/infrastructure/alpaca/rest/rest_client.ts";
import { ManualClock, settle } from "../../../../support/manual_clock.ts";
import { RecordingLog } from "../../../../support/recording_log.ts";
import { until } from "../../../../support/until.ts";

/** How a request is answered. */
export type Answer = (url: URL) => Response | Promise<Response>;

/** A server with a script; the last answer of it is repeated. */
export class ScriptedApi implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly log = new RecordingLog();
  readonly counters = createCounters().rest;
  readonly client: RestClient;
  /** Every request, oldest first. */
  readonly requests: { readonly url: URL; readonly headers: Headers }[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end = new AbortController();

  constructor(
    answers: readonly Answer[],
    options: {
      readonly key?: string;
      readonly secret?: string;
      readonly now?: number;
    } = {},
  ) {
    const { key = "KEY-1", secret = "SECRET-1" } = options;
    this.clock = new ManualClock(options.now);
    const { clock, log } = this;
    this.client = new RestClient({
      credentials: () => ({ key, secret }),
      clock,
      log,
      counters: this.counters,
    });
    this.#server = Deno.serve({
      port: 0,
      hostname: "127.0.0.1",
      onListen: () => {},
    }, async ({ url, headers }) => {
      const answer = answers[Math.min(this.requests.length, answers.length - 1)];
      this.requests.push({ url: new URL(url), headers });
      return await answer?.(new URL(url)) ??
        new Response(null, { status: 500 });
    });
  }

  /** Without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Fires when the test ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Asks for a path. */
  get(
    path = "/",
    signal: AbortSignal = this.signal,
    purpose: RestPurpose = "catalog",
  ): Promise<unknown> {
    return this.client.get(new URL(path, this.url), signal, purpose);
  }

  /** Waits until the client sleeps for exactly `ms`, then advances the clock. */
  async pass(ms: number): Promise<void> {
    await until(
      () => `a pause of ${ms} ms, next is ${this.clock.nextWakeIn} ms`,
      () => this.clock.nextWakeIn === ms,
    );
    await this.clock.advance(ms);
  }

  /** Waits until `count` requests have arrived. */
  async arrived(count: number): Promise<void> {
    await until(
      () => `${count} requests, there are ${this.requests.length}`,
      () => this.requests.length >= count,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#server.shutdown();
    await settle();
    assert.equal(this.clock.sleepers, 0);
  }
}

/**
 * A real millisecond: turns of the event loop alone leave the sockets of
 * `node:http` no time.
 */
export function socketTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** An answer with a JSON body. */
export function json(
  body: unknown,
  options: { status?: number; headers?: Record<string, string> } = {},
): Answer {
  return () => Response.json(body, options);
}
