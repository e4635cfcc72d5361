/**
 * What the README promises, and the test that would fail if it were not so.
 *
 * @module
 */
import { table } from "./blocks.ts";

/** A promise to users. */
export interface Guarantee {
  readonly promise: string;
  /** Path of the test file from the root. */
  readonly file: string;
  /** The test's name, as it stands in the file. */
  readonly test: string;
}

const UNIT = "tests/unit/";
const WHOLE = "tests/integration/";

/** One row: promise, file, name of the test. */
function promise(text: string, file: string, test: string): Guarantee {
  return { promise: text, file, test };
}

/** Every promise, in the order of the README. */
export const GUARANTEES: readonly Guarantee[] = [
  promise(
    "One session per feed. The next one is dialed only when the last one is closed.",
    `${UNIT}application/feeds/feed_link_test.ts`,
    "a session comes up through the states of the machine",
  ),
  promise(
    "A session that must end is closed with WebSocket code 1000, also when it is still being opened. No ghost is left that Alpaca would hold against the next start.",
    `${WHOLE}alpaca/market_login_test.ts`,
    "an abort during the login closes the socket with 1000",
  ),
  promise(
    "A ghost left by somebody else is waited for, longer than the 90 s for which Alpaca keeps it.",
    `${UNIT}application/feeds/feed_link_test.ts`,
    "a connection limit waits on its own schedule, past a ghost of 90 s",
  ),
  promise(
    "Alpaca carries exactly the union of what open streams want. The first stream that wants a symbol subscribes it; when the last one has left, it is given back after a short grace.",
    `${UNIT}application/streaming/open_streams_test.ts`,
    "whatever streams come and go, interest is that of the open ones, and nothing at the end",
  ),
  promise(
    "After every reconnect all of it is subscribed again, and client streams stay open meanwhile.",
    `${WHOLE}survival_test.ts`,
    "a dropped stock feed comes back with its subscriptions, and streams go on",
  ),
  promise(
    "A symbol that Alpaca refuses costs that symbol. The others go through.",
    `${UNIT}application/feeds/subscription_manager_test.ts`,
    "a refused symbol is told with upstream's words, the others go through",
  ),
  promise(
    "Nothing that Alpaca refuses is given up: it is requested again at growing intervals, without disturbing what flows. A plan that is set is never overridden.",
    `${UNIT}domain/subscription/reconciler_model_test.ts`,
    "after any spell of refusals and any change of the limit, everything obtainable is carried in time",
  ),
  promise(
    "What Alpaca carried within the last ten minutes and then refuses for a while is carried again within 75 seconds of the end of that, also when connections come and go (a learned limit has intervals of its own).",
    `${UNIT}domain/subscription/reconciler_model_test.ts`,
    "what was carried within ten minutes and is wanted is carried again within 75 seconds of the end of any spell",
  ),
  promise(
    "A signal stops the program also while it is still loading, with code 0, before anything is opened.",
    `${WHOLE}process/early_signal_test.ts`,
    "a SIGTERM while the program loads ends it with 0 before anything is opened",
  ),
  promise(
    "A login that is refused although the key worked before is retried within seconds.",
    `${WHOLE}subscriptions/refusal_spell_test.ts`,
    "a login refused once after a session that worked costs seconds",
  ),
  promise(
    "A malformed or unknown message costs that message: not its frame, not the connection. It is counted.",
    `${WHOLE}survival_test.ts`,
    "a hundred bad elements cost nothing but themselves",
  ),
  promise(
    "No bytes from Alpaca end a session or the process: an error in a decoder or a handler costs that message or frame, and is counted with or without open streams.",
    `${WHOLE}alpaca/hostile_session_test.ts`,
    "option frames cut behind the head of a str8 leave the session up",
  ),
  promise(
    "Text from Alpaca has limits (64 characters for a symbol or code), so nothing that it sends stays in memory without a bound.",
    `${UNIT}infrastructure/alpaca/hostile_frames_test.ts`,
    "3,000 symbols of 60,000 characters leave nothing in memory",
  ),
  promise(
    "A frame of any number of faulty messages is logged with nine lines at most; all of them are counted.",
    `${UNIT}infrastructure/alpaca/hostile_frames_test.ts`,
    "of a frame of faulty messages eight are logged, and all are counted",
  ),
  promise(
    "A message of more than 4 MiB (512 KiB on the trading stream) ends the session with that cause, and the feed reconnects.",
    `${WHOLE}alpaca/wire_test.ts`,
    "a message over 4 MiB ends the session with that cause",
  ),
  promise(
    "Per stream, published = delivered + lost + waiting. Nothing is lost without being counted.",
    `${UNIT}application/broadcast/stream_queue_test.ts`,
    "published is delivered plus lost plus waiting at every moment, in order",
  ),
  promise(
    "A slow client loses its own oldest messages, and no one else's.",
    `${UNIT}application/broadcast/channel_test.ts`,
    "a slow stream loses its own oldest events and no one else's",
  ),
  promise(
    "A slow stream does not hold up another stream, not even one on the same connection.",
    `${WHOLE}grpc/backpressure_test.ts`,
    "a slow stream disturbs no other stream of its connection",
  ),
  promise(
    "A connection that is open but mute is noticed within the heartbeat interval plus its timeout. A quiet one that answers is left alone.",
    `${WHOLE}survival_test.ts`,
    "a mute socket is noticed, a quiet one that answers is left alone",
  ),
  promise(
    "Response headers come at once, before any message exists.",
    `${WHOLE}grpc/wire_test.ts`,
    "response headers arrive before any message exists",
  ),
  promise(
    "A stream never ends with OK. Whatever ends it on this side is `UNAVAILABLE` with a reason, so clients come back.",
    `${WHOLE}grpc/lifetime_test.ts`,
    "stopping ends every stream with UNAVAILABLE and the reason",
  ),
  promise(
    "A message is encoded once, for all streams that carry it.",
    `${WHOLE}grpc/streams_test.ts`,
    "an event is encoded once for all streams that carry it",
  ),
  promise(
    "Times keep their nanoseconds, whatever offset they were written with.",
    `${UNIT}infrastructure/alpaca/stock_elements_test.ts`,
    "times keep their nanoseconds and lose their offset",
  ),
  promise(
    "64-bit trade ids are exact.",
    `${UNIT}infrastructure/alpaca/frame_decoder_test.ts`,
    "ids beyond 2^53 are exact, also beside plain neighbours",
  ),
  promise(
    "Prices and quantities of orders pass through digit for digit.",
    `${UNIT}infrastructure/grpc/encoding/order_response_test.ts`,
    "ids, decimal text and times pass through unchanged",
  ),
  promise(
    "An order event has the same `event_id` for every client and for a repeat of the event.",
    `${UNIT}infrastructure/alpaca/order_elements_test.ts`,
    "a derived event id is the same for a repeat and differs otherwise",
  ),
  promise(
    "`underlyings` match exactly: `A` is not `AAPL`.",
    `${UNIT}application/broadcast/channels_test.ts`,
    "an underlying is exact: A is not AAPL, its adjusted contracts are",
  ),
  promise(
    "An underlying brings the contracts nearest to its price, new ones before old ones leave.",
    `${UNIT}application/options/expansions_test.ts`,
    "the window moves with the price, new contracts before old ones",
  ),
  promise(
    "What the plan allows is never exceeded by a choice of contracts, and no place is left unused.",
    `${UNIT}application/options/expansions_test.ts`,
    "the quota is never exceeded, used completely, and returned",
  ),
  promise(
    "The documented clients and `tail` reconnect after restarts, timeouts and broken connections, also behind nginx, haproxy and Envoy.",
    "tests/docs/clients_test.ts",
    "the documented clients survive restarts, timeouts and broken connections behind",
  ),
  promise(
    "They leave a connection that has gone dead without a FIN within 35 s.",
    "tests/docs/clients_test.ts",
    "the documented clients leave a machine that has vanished within 35 s",
  ),
  promise(
    "The proxy answers clients' keepalive, however frequent, and never ends a connection for it.",
    `${WHOLE}grpc/keepalive_test.ts`,
    "a thousand PINGs without an open stream are answered, without GOAWAY",
  ),
  promise(
    "A client that leaves or vanishes frees everything it held, at once.",
    `${WHOLE}survival_test.ts`,
    "three thousand streams come and go and leave nothing behind",
  ),
  promise(
    "A log that nobody reads holds nothing up. Lines that found no room are counted.",
    `${WHOLE}process/unread_output_test.ts`,
    "once it is read, it tells how many lines were lost",
  ),
  promise(
    "Secrets stay out of logs, whatever is logged.",
    `${WHOLE}process/exit_codes_test.ts`,
    "credentials are blotted out of whatever is logged",
  ),
  promise(
    "Secrets that Alpaca quotes in its errors reach no client, page, span or log.",
    `${UNIT}application/feeds/feed_link_test.ts`,
    "upstream quoting a secret tells it to nobody",
  ),
  promise(
    "Wrong settings are all told at once, by name and remedy, and never with a secret.",
    `${UNIT}infrastructure/config/parse_config_test.ts`,
    "no complaint ever shows a secret, wherever it was put",
  ),
  promise(
    "The program asks for network and environment, and for nothing else.",
    `${WHOLE}process/settings_test.ts`,
    "start asks for exactly net and env",
  ),
  promise(
    "Out of file descriptors, feeds stay connected and can reconnect, health checks are answered, and both ports recover.",
    `${WHOLE}process/descriptors_test.ts`,
    "out of descriptors, feeds stay connected and reconnect, and both ports recover",
  ),
  promise(
    "Idle HTTP connections are closed, and do not keep a probe out.",
    `${WHOLE}http/limits_test.ts`,
    "3000 idle connections leave room for a probe, and none is kept",
  ),
  promise(
    "A slow or malformed HTTP request gets an answer or is cut off; it causes no fault.",
    `${WHOLE}http/requests_test.ts`,
    "what is no request gets an answer of HTTP and no fault",
  ),
  promise(
    "gRPC connections above the limit are UNAVAILABLE and served when there is room.",
    `${WHOLE}grpc/connections_test.ts`,
    "a gRPC connection above the limit is UNAVAILABLE until one is closed",
  ),
  promise(
    "Idle gRPC connections do not keep new clients out: at the limit, the longest idle one is closed.",
    `${WHOLE}grpc/connections_test.ts`,
    "gRPC connections without a stream make room for new ones",
  ),
  promise(
    "Streams above the limit of a connection are refused alone, also to a client that ignores the announced limit.",
    `${WHOLE}grpc/admission_test.ts`,
    "a stream above the connection's limit is refused alone, whether or not the client has read the limit",
  ),
  promise(
    "A client that opens more streams than that before it has read the limit keeps its connection.",
    `${WHOLE}grpc/admission_test.ts`,
    "3 000 streams that are opened before the limit is read cost the connection nothing",
  ),
  promise(
    "A client that does not read is sent no more than its socket takes, however large its windows, and is not read either.",
    `${WHOLE}grpc/backpressure_test.ts`,
    "a client with large windows that does not read is sent no more than its socket takes",
  ),
  promise(
    "No request is kept for the life of its stream, whatever it contains.",
    `${WHOLE}grpc/retained_requests_test.ts`,
    "a field that is not known is not kept while its stream is open",
  ),
  promise(
    "Large answers that are not read share one budget and are given up in time.",
    `${WHOLE}grpc/retained_requests_test.ts`,
    "large answers that nobody reads have a common limit, and an end",
  ),
  promise(
    "When all streams are used up, the status and health are still answered.",
    `${WHOLE}grpc/admission_test.ts`,
    "when the streams of the proxy are used up, the status and health are still answered",
  ),
  promise(
    "Unfinished requests of all clients share one budget and have a deadline; small requests pass meanwhile.",
    `${WHOLE}grpc/admission_test.ts`,
    "unfinished requests of all clients share a budget, and small requests pass",
  ),
  promise(
    "Thousands of streams that are opened or lost in one moment do not stop the messages to others.",
    `${WHOLE}grpc/admission_test.ts`,
    "streams opened in one packet are opened over several turns of the event loop",
  ),
  promise(
    "Metadata that are too large fail their call and not the connection.",
    `${WHOLE}grpc/admission_test.ts`,
    "200 kB of metadata fail their call and not the connection",
  ),
  promise(
    "A web site cannot read the status page through a visitor's browser (DNS rebinding).",
    `${WHOLE}http/limits_test.ts`,
    "the name in an absolute request target is the one that counts",
  ),
  promise(
    "A stream is released within a second of its end, whichever side ends it, however, and whether or not its client reads.",
    `${WHOLE}grpc/stream_ends_test.ts`,
    "a reset with NO_ERROR releases a stream that its client does not read",
  ),
  promise(
    "A connection that the proxy or its HTTP/2 library ends is one that clients of five makes retry.",
    `${WHOLE}grpc/session_ends_test.ts`,
    "a client that answers no ping is ended in a way it retries",
  ),
  promise(
    "A client that cancels many streams keeps its others.",
    `${WHOLE}grpc/session_ends_test.ts`,
    "a connect client that cancels many streams keeps its others",
  ),
  promise(
    "A client machine that vanishes is noticed, and everything it held is released.",
    `${WHOLE}grpc/session_ends_test.ts`,
    "a machine that vanishes is noticed with and without a flood",
  ),
  promise(
    "Messages have the bytes of the published contract.",
    `${WHOLE}grpc/streams_test.ts`,
    "a grpc-js client receives the very bytes of the contract",
  ),
  promise(
    "All client queues share one memory budget. When it is used up, the longest queues lose their oldest messages, counted as lost; a client that keeps up loses nothing.",
    `${UNIT}application/broadcast/queue_memory_test.ts`,
    "whatever queues do, none loses count and together they stay within the budget",
  ),
  promise(
    "Clients that open streams and do not read them cannot exhaust the heap.",
    `${WHOLE}process/stuck_consumer_test.ts`,
    "ninety stuck streams cost themselves their messages, and nothing else",
  ),
  promise(
    "A stream that has messages waiting and takes none for five minutes ends with `UNAVAILABLE`, is logged and counted. A stream with nothing waiting never ends for that.",
    `${UNIT}application/streaming/end_stalled_test.ts`,
    "a stream that takes nothing of what waits is ended, logged and counted",
  ),
  promise(
    "A client that reads slowly gets batches of what it reads in a second, so that its stream does not count as stalled.",
    `${UNIT}infrastructure/grpc/stream_pump_test.ts`,
    "batches shrink to what a slow client reads in a second, and grow again",
  ),
  promise(
    "In the limit on the symbols of all streams, one that another stream of the same type names counts as a tenth: four services that name every stock on three channels are within the default.",
    `${UNIT}application/streaming/open_streams_test.ts`,
    "four services that name every stock on three channels are within the default",
  ),
  promise(
    "What all open streams name together is limited; a stream beyond the limit is refused with `RESOURCE_EXHAUSTED` and the figures.",
    `${UNIT}application/streaming/open_streams_test.ts`,
    "what all open streams name together is limited",
  ),
];

/** The table of promises. */
export function guaranteeTable(): string {
  return table(
    ["Promise", "Proven by the test"],
    GUARANTEES.map(({ promise, file, test }) => [
      promise,
      `[${test}](${file})`,
    ]),
  );
}
