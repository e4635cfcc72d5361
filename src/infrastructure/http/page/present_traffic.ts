import type {
  Flow,
  LiveChannel,
  LiveOther,
} from "../../../application/status/live_view.ts";
import type { Draft } from "./screen.ts";
import { countWords, rateWords } from "./words.ts";

/** Puts the way of every channel on a draft. */
export function presentTraffic(
  draft: Draft,
  channels: readonly LiveChannel[] | undefined,
): void {
  draft.show["traffic"] = channels !== undefined;
  for (const { channel, received, sent, dropped } of channels ?? []) {
    putFlow(draft, `in.${channel}`, received);
    putFlow(draft, `out.${channel}`, sent);
    draft.text[`lost.${channel}`] = countWords(dropped.total);
    draft.tone[`lost.${channel}`] = dropped.total > 0 ? "warn" : "plain";
  }
}

/** Puts the messages that no channel carries on a draft; unseen types are left out. */
export function presentOthers(
  draft: Draft,
  others: readonly LiveOther[] | undefined,
): void {
  for (const { type, received } of others ?? []) {
    putFlow(draft, `other.${type}`, received);
    draft.show[`other.${type}`] = received.total > 0;
  }
}

function putFlow(draft: Draft, name: string, flow: Flow): void {
  draft.text[name] = rateWords(flow.perSecond);
  draft.text[`${name}.total`] = countWords(flow.total);
  draft.rate[name] = flow.perSecond ?? null;
}
