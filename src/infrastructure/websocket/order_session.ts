/**
 * One client of the trading stream: it logs in, then listens. Updates are sent as Alpaca sent them;
 * those that were derived after an outage are made in the same form.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import { Unauthenticated } from "../../application/access/access.ts";
import { PermissionDenied } from "../../application/access/authorize.ts";
import { authorizeOrders } from "../../application/relay/authorize_relay.ts";
import type { Envelope } from "../../application/broadcast/envelope.ts";
import {
  Draining,
  FeedDisabled,
  type OpenStream,
} from "../../application/streaming/market_streams.ts";
import type { OrderUpdate } from "../../domain/market/order_events.ts";
import { ClientSession, CLOSE, type SessionClient, type SessionContext } from "./client_session.ts";
import type { Command } from "./commands.ts";
import type { Opcode } from "./frame_header.ts";
import { frameOf } from "./frames.ts";
import { JsonToMsgpack } from "./json_to_msgpack.ts";
import { orderUpdateJson } from "./order_json.ts";

const TRADE_UPDATES = "trade_updates";
const INVALID = "invalid syntax";
const REFUSED = "access key verification failed";
const SLOW = "slow client";
const toUtf8 = new TextEncoder();
const transcoder = new JsonToMsgpack({ hasTimes: false });

/** The stream of an order session. */
interface OrderPath {
  /** Whether the proxy has the trading stream. */
  readonly isCarried: boolean;
  /** Opcode of frames with JSON; `undefined` for MessagePack. */
  readonly opcode: Opcode | undefined;
}

/** One client of the trading stream. */
export class OrderSession extends ClientSession {
  readonly #path: OrderPath;
  #stream: OpenStream<Envelope<OrderUpdate>> | undefined;
  /** Frames of the updates that are sent next. */
  #frames: Uint8Array[] = [];
  #onTaken: (() => void) | undefined;

  constructor(context: SessionContext, client: SessionClient, path: OrderPath) {
    super(context, client);
    this.#path = path;
  }

  protected takeFrames(): readonly Uint8Array[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#onTaken?.();
    return frames;
  }

  protected async handle(command: Command | undefined): Promise<void> {
    switch (command?.action) {
      case "auth":
      case "authenticate":
        return await this.logIn(command.key, command.secret);
      case "listen":
        return this.#listen(command.streams);
      default:
        this.#fail(INVALID);
    }
  }

  override tick(now: number): void {
    super.tick(now);
    if (this.#stream) this.#checkDrops(this.#stream);
  }

  /** Whether it listens: logging in opens none. */
  override get hasStream(): boolean {
    return this.#stream !== undefined;
  }

  protected failed(error: unknown): void {
    if (error instanceof Draining) return this.close(CLOSE.restart, error.message);
    this.context.log.error("A client session failed", { cause: error });
    this.noteFault(error);
    this.#fail("internal server error");
  }

  protected loginExpired(): void {
    this.refused("auth timeout", "The client has not logged in in time");
    this.close(CLOSE.policy, "auth timeout");
  }

  protected release(): void {
    this.client.span.set({ "stream.sent": this.#stream?.sent ?? 0 });
    this.#endStream();
  }

  /** Logs in; without effect for a client that is logged in, which gets the same answer. */
  protected async logIn(key: string, secret: string): Promise<void> {
    const action = "authenticate";
    try {
      const identity = this.identity ?? await this.authenticate(key, secret);
      if (this.isEnded) return;
      if (identity && this.#path.isCarried) {
        authorizeOrders(identity.grants);
        this.identity = identity;
        return this.#authorization({ status: "authorized", action });
      }
      this.refused("unauthorized", REFUSED);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // Clients that get "unauthorized" do not try again.
      if (error instanceof Unauthenticated && error.retryAfterMs !== undefined) {
        this.refused("try again later", reason);
        return this.close(CLOSE.tryAgain, reason);
      }
      if (error instanceof PermissionDenied) this.denied(error);
      this.refused("unauthorized", reason);
    }
    this.#authorization({ status: "unauthorized", action, message: REFUSED });
    this.close(CLOSE.normal, REFUSED);
  }

  /** Replaces the streams that the client listens to; unknown names are left out of the reply. */
  #listen(names: readonly string[] | undefined): void {
    const { identity } = this;
    if (identity === undefined) {
      return this.#authorization({ status: "unauthorized", action: "listen" });
    }
    if (names === undefined) return this.#fail(INVALID);
    const isListening = names.includes(TRADE_UPDATES);
    if (isListening && this.#stream === undefined) {
      try {
        const filter = { symbols: [], reconciled: true };
        const client = this.streamClient(identity);
        this.#stream = this.context.streams.open("orderUpdates", filter, client);
      } catch (error) {
        if (error instanceof Draining) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        this.refused("limit", reason);
        const isDisabled = error instanceof FeedDisabled || error instanceof PermissionDenied;
        return this.#fail(isDisabled ? "not available" : reason);
      }
      void this.#pump(this.#stream);
    } else if (!isListening) {
      this.#endStream();
    }
    this.#send({ stream: "listening", data: { streams: isListening ? [TRADE_UPDATES] : [] } });
  }

  /** Ends the stream, and the wait for the client to take its last updates. */
  #endStream(): void {
    this.#stream?.[Symbol.dispose]();
    this.#stream = undefined;
    this.#onTaken?.();
  }

  /** Sends the updates of a stream until it ends. */
  async #pump(stream: OpenStream<Envelope<OrderUpdate>>): Promise<void> {
    try {
      for await (const batch of stream.batches(this.signal)) {
        const taken = new Promise<void>((resolve) => this.#onTaken = resolve);
        const updates = batch.take();
        this.#checkDrops(stream);
        if (this.isEnded) return;
        for (const { event } of updates) this.#frames.push(this.#frameOf(event));
        this.schedule();
        await taken;
        if (this.isEnded) return;
      }
    } catch (error) {
      this.failed(error);
    }
  }

  /** Closes the connection if updates were dropped: it would not notice otherwise. */
  #checkDrops({ dropped }: OpenStream<unknown>): void {
    if (dropped === 0 || this.isEnded) return;
    this.#send({ action: "error", data: { error_message: SLOW } });
    this.close(CLOSE.tryAgain, `${SLOW}: order updates were lost, read the orders again`);
  }

  #frameOf(update: OrderUpdate): Uint8Array {
    const { opcode } = this.#path;
    const json = update.source ?? toUtf8.encode(orderUpdateJson(update));
    if (opcode !== undefined) return frameOf(json, opcode);
    return frameOf(transcoder.transcode(json, 0, json.length), "binary");
  }

  #authorization(data: Readonly<Record<string, string>>): void {
    this.#send({ stream: "authorization", data });
  }

  /** Sends an error of the server and closes the connection, as Alpaca does. */
  #fail(message: string): void {
    this.#send({ action: "error", data: { error_message: message } });
    this.close(CLOSE.normal, message);
  }

  #send(message: unknown): void {
    const { opcode } = this.#path;
    this.reply(
      opcode === undefined
        ? frameOf(encode(message), "binary")
        : frameOf(toUtf8.encode(JSON.stringify(message)), opcode),
    );
  }
}
