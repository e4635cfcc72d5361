/**
 * Paging by key: a token says where the page before it ended, so a page stays
 * right when entries come and go between two requests.
 *
 * @module
 */
import { badParameter } from "./rest_error.ts";

const PREFIX = "after ";

/** One page of a list in key order. */
export interface Page<T> {
  readonly items: T[];
  /** Null on the last page. */
  readonly nextPageToken: string | null;
}

/** What a page is cut by. */
export interface PageRequest<T> {
  readonly limit: number;
  readonly token: string | undefined;
  /** The sort key of an item; the list is in ascending order of it. */
  keyOf(item: T): string;
}

/** Cuts one page out of a list that is in ascending order of its keys. */
export function cutPage<T>(
  list: readonly T[],
  request: PageRequest<T>,
): Page<T> {
  const after = request.token === undefined
    ? undefined
    : readToken(request.token);
  const start = after === undefined
    ? 0
    : firstAfter(list, after, request.keyOf);
  const items = list.slice(start, start + request.limit);
  const last = items.at(-1);
  const more = start + items.length < list.length;
  return {
    items,
    nextPageToken: more && last !== undefined
      ? btoa(PREFIX + request.keyOf(last))
      : null,
  };
}

function readToken(token: string): string {
  let text = "";
  try {
    text = atob(token);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
  if (!text.startsWith(PREFIX)) {
    throw badParameter("page_token", "it must come from the page before");
  }
  return text.slice(PREFIX.length);
}

/** Index of the first item whose key is above `after`, by halving. */
function firstAfter<T>(
  list: readonly T[],
  after: string,
  keyOf: (item: T) => string,
): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = list[middle];
    if (item !== undefined && keyOf(item) <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
