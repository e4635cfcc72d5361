/**
 * The contracts that are selected for streams of an underlying: the filter of streams that receive
 * no others, and what streams with options are sent when contracts enter and leave.
 *
 * Streams with the same selection share its contracts, the notices of each change and the request
 * of first events. A selection outlasts its streams for a time, so that a stream that resumes
 * receives what was selected at each position that it has missed; until the contracts are selected
 * again it has those of the last stream.
 *
 * @module
 */
import type { ChannelName } from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { Holder } from "../../domain/subscription/identity_shares.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { SelectedSymbols } from "../broadcast/channel_gaps.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { SelectionView } from "../options/expansion.ts";
import type { Clock } from "../ports/clock.ts";
import { FirstEvents } from "./first_events.ts";
import type { FetchLast } from "./opening.ts";
import { type Problem, ProblemNotices } from "./problem_notices.ts";
import {
  type ContractChange,
  type SelectionNotices,
  selectionNotices,
} from "./selection_notices.ts";
import type { SymbolChange } from "./upstream_events.ts";

/** How long a selection is kept after its last stream, in ms. */
const KEPT_MS = 600_000;
/** Selections without a stream that are kept. */
const MAX_KEPT = 1_000;
/** Contracts and positions of changes of all selections without a stream that are kept. */
const MAX_KEPT_SIZE = 100_000;
/** Changes of one selection whose positions are known. */
const MAX_CHANGES = 50_000;

const NO_CHANGE: ContractChange = { entered: [], left: [], reasonOf: () => "" };

/** A stream that is sent the changes of a selection. */
export interface SelectionStream {
  /** Whether it receives only what is selected. */
  readonly isOnlySelected: boolean;
  /** Whether it is sent notices, and first events. */
  readonly options: { readonly notices: boolean; readonly snapshot: boolean };
  /** Contracts have entered or left, or the selection has a new problem. */
  selectionChanged(notices: SelectionNotices): void;
  /** The last events of contracts that have entered. */
  firstEvents(events: readonly Envelope<unknown>[]): void;
}

/** What selections are made with. */
interface SelectionsOptions {
  readonly channelOf: (name: ChannelName) => Channel<unknown>;
  /** The states of symbols that streams request. */
  readonly statesOf: (
    channel: UpstreamChannel,
    symbols: Iterable<string>,
  ) => readonly SymbolChange[];
  /** Opens the expansion of an underlying. */
  readonly open: (scope: SelectionScope, watch: (view: SelectionView) => void) => Disposable;
  /** Where first events are from that were not seen. @default nowhere */
  readonly fetchLast?:
    | ((channel: ChannelName, ...request: Parameters<FetchLast<unknown>>) => ReturnType<
      FetchLast<unknown>
    >)
    | undefined;
  readonly clock: Clock;
}

/** What streams of a selection have in common. */
interface SelectionScope {
  readonly channel: ChannelName;
  readonly upstream: UpstreamChannel;
  readonly underlying: string;
  /** The one of the settings if absent. */
  readonly selection: OptionSelection | undefined;
  /** The identity of the stream, which streams of a selection need not have in common. */
  readonly holder?: Holder | undefined;
}

/** A selection that a stream has opened. */
interface OpenSelection extends Disposable {
  readonly contracts: SelectedContracts;
}

interface Entry {
  readonly contracts: SelectedContracts;
  streams: number;
  /** Monotonic ms at which the last stream has closed it. */
  closedAt: number;
}

/** The selections of all streams that watch one. */
export class Selections {
  readonly #options: SelectionsOptions;
  /** The selections without a stream are in the order in which they were closed. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: SelectionsOptions) {
    this.#options = options;
  }

  /** Opens a selection until disposed; disposing is idempotent. */
  open(scope: SelectionScope): OpenSelection {
    const { channel, underlying, selection = null } = scope;
    const key = JSON.stringify([channel, underlying, selection]);
    const entry = this.#entries.get(key) ??
      { contracts: new SelectedContracts(scope, this.#options), streams: 0, closedAt: 0 };
    this.#entries.set(key, entry);
    entry.streams++;
    const closing = new DisposableStack();
    closing.defer(() => this.#close(key, entry));
    closing.use(this.#options.open(scope, (view) => entry.contracts.update(view)));
    return { contracts: entry.contracts, [Symbol.dispose]: () => closing.dispose() };
  }

  /** Upstream has acknowledged symbols of a channel. */
  carried(channel: ChannelName): void {
    for (const { contracts } of this.#entries.values()) contracts.carried(channel);
  }

  /** Forgets selections that were closed long ago; to be called regularly. */
  release(): void {
    const before = this.#options.clock.monotonic() - KEPT_MS;
    for (const [key, { streams, closedAt }] of this.#entries) {
      if (streams === 0 && closedAt < before) this.#entries.delete(key);
    }
  }

  #close(key: string, entry: Entry): void {
    if (--entry.streams > 0) return;
    const { clock, channelOf } = this.#options;
    entry.closedAt = clock.monotonic();
    this.#entries.delete(key);
    // Nothing can be resumed otherwise.
    if (!channelOf(entry.contracts.channel).isRetaining) return;
    this.#entries.set(key, entry);
    this.#forgetOldest();
  }

  /** Forgets the selections that were closed first, as far as the totals require it. */
  #forgetOldest(): void {
    const closed = [...this.#entries].filter(([, { streams }]) => streams === 0);
    let count = closed.length;
    let size = closed.reduce((sum, [, { contracts }]) => sum + contracts.size, 0);
    for (const [key, { contracts }] of closed) {
      if (count <= MAX_KEPT && size <= MAX_KEPT_SIZE) return;
      this.#entries.delete(key);
      count--;
      size -= contracts.size;
    }
  }
}

/** The contracts of one selection, now and at the positions of its channel. */
export class SelectedContracts implements SelectedSymbols {
  readonly channel: ChannelName;
  readonly underlying: string;
  readonly #options: SelectionsOptions;
  readonly #upstream: UpstreamChannel;
  readonly #source: Channel<unknown>;
  readonly #streams = new Set<SelectionStream>();
  readonly #first: FirstEvents;
  #contracts: ReadonlySet<string> = new Set();
  #view: SelectionView | undefined;
  readonly #problems = new ProblemNotices();
  /** Positions at which contracts have entered or left, in order. */
  readonly #changedAt = new Map<string, number[]>();
  #changes = 0;
  /** Changes of which a position is stored. */
  #stored = 0;
  /** Nothing was selected from `#knownSince` to this position, at which the first ones entered. */
  #firstAt = -1;
  #knownSince: number;

  constructor({ channel, upstream, underlying }: SelectionScope, options: SelectionsOptions) {
    const { fetchLast, clock } = options;
    this.channel = channel;
    this.underlying = underlying;
    this.#options = options;
    this.#upstream = upstream;
    const source = this.#source = options.channelOf(channel);
    this.#knownSince = source.sequence;
    this.#first = new FirstEvents({
      source,
      clock,
      has: (symbol) => this.has(symbol),
      fetchLast: fetchLast && ((...request) => fetchLast(channel, ...request)),
    });
  }

  /** Whether a contract is selected now. */
  has(symbol: string): boolean {
    return this.#contracts.has(symbol);
  }

  /** Contracts and positions that it stores. */
  get size(): number {
    return this.#contracts.size + this.#stored;
  }

  hadAt(symbol: string, sequence: number): boolean {
    if (sequence <= this.#firstAt) return false;
    const changes = this.#changedAt.get(symbol)?.filter((at) => at >= sequence).length ?? 0;
    return this.has(symbol) === (changes % 2 === 0);
  }

  isKnownSince(sequence: number): boolean {
    return sequence >= this.#knownSince;
  }

  /** Sends changes to a stream from now on, at first what is selected; returns what stops it. */
  join(stream: SelectionStream): () => void {
    const view = this.#view;
    if (view && this.#problems.isOutdated(view)) {
      // Later notices have to follow from one that all streams have.
      this.#notify(NO_CHANGE, this.#sent(view), [...this.#streams]);
    }
    this.#streams.add(stream);
    const entered = [...this.#contracts];
    const reasonOf = () => "the contract was selected already";
    const problem = view?.problem === undefined ? undefined : view;
    this.#notify({ entered, left: [], reasonOf }, problem, [stream]);
    if (stream.options.snapshot) this.#first.send(entered, [stream], true);
    return () => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#first.stop();
    };
  }

  /** Takes the contracts that are selected now. */
  update(view: SelectionView): void {
    const before = this.#contracts;
    const { contracts, reasonOf } = view;
    this.#view = view;
    if (this.#streams.size === 0) this.#problems.learned(view);
    const isDue = this.#problems.isDue(view, this.#options.clock.monotonic());
    if (before === contracts && !isDue) return;
    const left = [...before].filter((symbol) => !contracts.has(symbol));
    const entered = [...contracts].filter((symbol) => !before.has(symbol));
    this.#contracts = contracts;
    this.#record(left, entered, before.size === 0);
    if (this.#streams.size === 0) return;
    const streams = [...this.#streams];
    this.#notify({ entered, left, reasonOf }, isDue ? this.#sent(view) : undefined, streams);
    const withSnapshot = streams.filter(({ options: { snapshot } }) => snapshot);
    if (withSnapshot.length > 0) this.#first.send(entered, withSnapshot, false);
  }

  /** Upstream has acknowledged symbols of a channel. */
  carried(channel: ChannelName): void {
    if (channel === this.channel) this.#first.carried();
  }

  /** Marks a problem as sent. */
  #sent(view: SelectionView): SelectionView {
    this.#problems.sent(view, this.#options.clock.monotonic());
    return view;
  }

  #notify(
    change: ContractChange,
    problem: Problem | undefined,
    streams: readonly SelectionStream[],
  ): void {
    const notified = streams.filter(({ options: { notices } }) => notices);
    if (notified.length === 0) return;
    const { statesOf, clock } = this.#options;
    const notices = selectionNotices({
      underlying: this.underlying,
      at: clock.now(),
      change,
      statesOf: (symbols) => statesOf(this.#upstream, symbols),
      problem,
    });
    if (!notices.many && !notices.problem) return;
    for (const stream of notified) stream.selectionChanged(notices);
  }

  #record(left: readonly string[], entered: readonly string[], wasEmpty: boolean): void {
    const { sequence } = this.#source;
    if (wasEmpty && this.#changes === 0) {
      // One position instead of one for each contract.
      this.#firstAt = sequence;
    } else {
      for (const symbol of left) this.#store(symbol, sequence);
      for (const symbol of entered) this.#store(symbol, sequence);
    }
    this.#changes += left.length + entered.length;
    if (this.#changes <= MAX_CHANGES) return;
    this.#changedAt.clear();
    this.#changes = 0;
    this.#stored = 0;
    this.#knownSince = sequence;
  }

  #store(symbol: string, sequence: number): void {
    const positions = this.#changedAt.get(symbol);
    if (positions) positions.push(sequence);
    else this.#changedAt.set(symbol, [sequence]);
    this.#stored++;
  }
}

/**
 * The symbols that a stream receives which receives only selected contracts and the symbols that it
 * names.
 */
export class OnlySelected implements SelectedSymbols {
  readonly #named: ReadonlySet<string>;
  readonly #selections: readonly SelectedContracts[];
  readonly #only: SelectedContracts | undefined;
  readonly #byUnderlying: ReadonlyMap<string, SelectedContracts>;
  readonly #underlyingOf: (symbol: string) => string | undefined;

  /** @param underlyingOf the underlying of a contract, as the keys of its channel have it */
  constructor(
    named: ReadonlySet<string>,
    selections: readonly SelectedContracts[],
    underlyingOf: (symbol: string) => string | undefined,
  ) {
    this.#named = named;
    this.#selections = selections;
    this.#only = selections.length === 1 ? selections[0] : undefined;
    this.#byUnderlying = new Map(selections.map((each) => [each.underlying, each]));
    this.#underlyingOf = underlyingOf;
  }

  has(symbol: string): boolean {
    return this.#named.has(symbol) || (this.#selectionOf(symbol)?.has(symbol) ?? false);
  }

  hadAt(symbol: string, sequence: number): boolean {
    return this.#named.has(symbol) ||
      (this.#selectionOf(symbol)?.hadAt(symbol, sequence) ?? false);
  }

  isKnownSince(sequence: number): boolean {
    return this.#selections.every((each) => each.isKnownSince(sequence));
  }

  #selectionOf(symbol: string): SelectedContracts | undefined {
    return this.#only ?? this.#byUnderlying.get(this.#underlyingOf(symbol) ?? "");
  }
}
