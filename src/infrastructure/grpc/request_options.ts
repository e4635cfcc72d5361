/**
 * Reads the options of a stream request: fills in defaults and adds a violation for each value and
 * each combination that is not possible.
 *
 * @module
 */
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { DeliveryPolicy as DomainPolicy } from "../../application/status/reports.ts";
import type {
  ResumePoint as DomainResume,
  StreamOptions,
} from "../../application/streaming/stream_options.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import {
  DeliveryPolicy,
  type ResumePoint,
  type StreamOptions as OptionsMessage,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import type { RequestValidator } from "./request_validator.ts";

/** Interval of heartbeats that a request does not set, in ms. */
const DEFAULT_HEARTBEAT_MS = 30_000;
/** Allowed durations in ms, both bounds included. */
const DURATIONS = {
  heartbeat_interval: { min: 1_000, max: 3_600_000, text: "from 1 s to 1 h" },
  min_interval: { min: 10, max: 60_000, text: "from 10 ms to 1 min" },
} as const;
/** Most messages that may be sent beyond the last acknowledged one. */
const MAX_UNACKNOWLEDGED = 100_000;
/** Longest epoch, in characters. */
const MAX_EPOCH_LENGTH = 128;
/** Characters of an event id: Alpaca's may be as long as any text of an update. */
const MAX_EVENT_ID_LENGTH = 2_048;

const MAX_NANOS = 999_999_999;
const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MS = 1_000_000;

const POLICIES: ReadonlyMap<DeliveryPolicy, DomainPolicy | undefined> = new Map([
  [DeliveryPolicy.UNSPECIFIED, undefined],
  [DeliveryPolicy.EVERY, "every"],
  [DeliveryPolicy.LATEST, "latest"],
  [DeliveryPolicy.EVERY_OR_END, "every_or_end"],
]);

/** Channels of which Alpaca's REST API has past messages. */
const BACKFILLED: ReadonlySet<ChannelName> = new Set([
  "stockTrades",
  "stockBars",
  "optionTrades",
]);

/**
 * Returns the options with defaults; undefined when the request has none. Each invalid field
 * becomes a violation; the result is not to be used then.
 */
export function readOptions(
  channel: ChannelName,
  message: OptionsMessage | undefined,
  validator: RequestValidator,
): StreamOptions | undefined {
  if (message === undefined) return undefined;
  return new OptionsReader(channel, message, validator).read();
}

/** Reads one message. */
class OptionsReader {
  readonly #channel: ChannelName;
  readonly #message: OptionsMessage;
  readonly #validator: RequestValidator;

  constructor(channel: ChannelName, message: OptionsMessage, validator: RequestValidator) {
    this.#channel = channel;
    this.#message = message;
    this.#validator = validator;
  }

  read(): StreamOptions {
    const { meta, notices, snapshot, backfill, maxUnacknowledged } = this.#message;
    const delivery = this.#delivery();
    if (backfill && !BACKFILLED.has(this.#channel)) {
      this.#invalid("backfill", "is possible for trades and minute bars only; leave it out");
    }
    if (maxUnacknowledged > 0 && !(meta && notices)) {
      this.#invalid("max_unacknowledged", "needs meta and notices; set both");
    }
    if (maxUnacknowledged > MAX_UNACKNOWLEDGED) {
      const text =
        `is ${maxUnacknowledged}; at most ${MAX_UNACKNOWLEDGED} are allowed, 0 is no limit`;
      this.#invalid("max_unacknowledged", text);
    }
    return {
      meta,
      notices,
      heartbeatMs: this.#heartbeat(),
      // An order book starts with the whole one, unless the changes that were missed follow.
      snapshot: snapshot || (this.#channel === "orderbooks" && !this.#message.resume),
      delivery,
      minIntervalMs: this.#minInterval(delivery),
      resume: this.#resume(),
      backfill,
      maxUnacknowledged,
    };
  }

  #delivery(): DomainPolicy {
    const { delivery } = this.#message;
    const isOrders = this.#channel === "orderUpdates";
    const isBook = this.#channel === "orderbooks";
    if (!POLICIES.has(delivery)) {
      this.#invalid(
        "delivery",
        `is ${delivery}; it must be DELIVERY_POLICY_EVERY, DELIVERY_POLICY_LATEST, ` +
          "DELIVERY_POLICY_EVERY_OR_END or unset",
      );
    }
    const policy = POLICIES.get(delivery) ?? (isOrders || isBook ? "every_or_end" : "every");
    if (isBook && policy !== "every_or_end") {
      const given = policy === "latest" ? "LATEST" : "EVERY";
      this.#invalid(
        "delivery",
        `is DELIVERY_POLICY_${given}; an order book is wrong without each of its changes, use ` +
          "DELIVERY_POLICY_EVERY_OR_END",
      );
    }
    if (isOrders && policy === "latest") {
      this.#invalid(
        "delivery",
        "is DELIVERY_POLICY_LATEST; every order event matters, use " +
          "DELIVERY_POLICY_EVERY or DELIVERY_POLICY_EVERY_OR_END",
      );
    }
    return policy;
  }

  #heartbeat(): number {
    const { notices, heartbeatInterval } = this.#message;
    const ms = this.#duration("heartbeat_interval", heartbeatInterval);
    if (heartbeatInterval && !notices) {
      this.#invalid("heartbeat_interval", "needs notices; set them, or leave it out");
    }
    return notices ? ms ?? DEFAULT_HEARTBEAT_MS : 0;
  }

  #minInterval(delivery: DomainPolicy): number {
    const { minInterval } = this.#message;
    const ms = this.#duration("min_interval", minInterval);
    if (minInterval && delivery !== "latest") {
      const text = "needs delivery DELIVERY_POLICY_LATEST; set it, or leave the interval out";
      this.#invalid("min_interval", text);
    }
    return ms ?? 0;
  }

  /** Returns a duration in ms; undefined for one that is unset or invalid. */
  #duration(field: keyof typeof DURATIONS, duration: Duration | undefined): number | undefined {
    if (duration === undefined) return undefined;
    const { seconds, nanos } = duration;
    const { min, max, text } = DURATIONS[field];
    const isDuration = seconds >= 0n && nanos >= 0 && nanos <= MAX_NANOS;
    const total = seconds * NANOS_PER_SECOND + BigInt(nanos);
    const isInRange = total >= BigInt(min * NANOS_PER_MS) && total <= BigInt(max * NANOS_PER_MS);
    if (isDuration && isInRange) return Number(total) / NANOS_PER_MS;
    this.#invalid(field, `is ${seconds} s and ${nanos} ns; it must be ${text}`);
    return undefined;
  }

  #resume(): DomainResume | undefined {
    const { resume, snapshot } = this.#message;
    if (resume === undefined) return undefined;
    if (snapshot) this.#invalid("resume", "is not possible with snapshot; set only one of both");
    return this.#position(resume);
  }

  #checkLength(field: string, { length }: string, max: number): void {
    if (length > max) this.#invalid(field, `has ${length} characters; at most ${max} are allowed`);
  }

  #position({ epoch, sequence, eventId }: ResumePoint): DomainResume {
    this.#checkLength("resume.epoch", epoch, MAX_EPOCH_LENGTH);
    this.#checkLength("resume.event_id", eventId, MAX_EVENT_ID_LENGTH);
    if (eventId !== "") {
      if (this.#channel !== "orderUpdates") {
        const text = "is for StreamOrderUpdates only; use epoch and sequence";
        this.#invalid("resume.event_id", text);
      } else if (epoch !== "" || sequence > 0n) {
        this.#invalid("resume.event_id", "is used instead of epoch and sequence; leave both out");
      }
      return { eventId };
    }
    // A sequence of 0 is valid: the position of a stream that started before the first message.
    if (epoch === "") {
      if (sequence > 0n) this.#invalid("resume.epoch", "is empty; set it to the epoch of hello");
      else this.#invalid("resume", "is empty; set epoch and sequence, or leave it out");
    }
    // Positions are below 2^53; a larger number is beyond every one.
    const { MAX_SAFE_INTEGER } = Number;
    return { epoch, sequence: Math.min(Number(sequence), MAX_SAFE_INTEGER) };
  }

  #invalid(field: string, description: string): void {
    this.#validator.addViolation(`options.${field}`, description);
  }
}
