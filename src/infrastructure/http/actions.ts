/**
 * Actions of the status page: `POST /actions` with the action in the query.
 *
 * Only an identity that may administer is served, and only requests of the page itself: a browser
 * sends the token of the page with requests of other sites too. So a request needs a header that
 * another site can send only with a permission (CORS) that is never given, and its `Sec-Fetch-Site`
 * and `Origin`, where the browser sends them, have to be those of this port.
 *
 * @module
 */
import {
  type Actor,
  AdminError,
  type AdminFailure,
  type Administration,
} from "../../application/admin/administration.ts";
import { authorizeAdmin, PermissionDenied } from "../../application/access/authorize.ts";
import { isForeign } from "./foreign_pages.ts";
import { type Route, type RouteRequest, text } from "./routes.ts";

/** The header of the page's own requests. */
export const ACTION_HEADER = "x-stream-proxy-action";

/** Runs an action; returns what the operator is shown. */
type Run = (admin: Administration, actor: Actor, query: URLSearchParams) => string;

const valueOf = (query: URLSearchParams, name: string) => query.get(name) ?? "";

const ACTIONS: Readonly<Record<string, Run>> = {
  "end-stream": (admin, actor, query) => {
    const id = valueOf(query, "target");
    admin.endStream(actor, id, valueOf(query, "reason"));
    return `Stream ${id} ends`;
  },
  "reconnect-feed": (admin, actor, query) => {
    const feed = valueOf(query, "target");
    admin.reconnectFeed(actor, feed);
    return `The session of ${feed} is replaced`;
  },
  drain: (admin, actor, query) => {
    admin.drain(actor, { reason: valueOf(query, "reason"), endStreams: false });
    return "The proxy is not ready and refuses new streams";
  },
  undrain: (admin, actor) => {
    admin.undrain(actor);
    return "The proxy accepts new streams";
  },
};

const STATUS: Readonly<Record<AdminFailure["kind"], number>> = {
  invalid: 400,
  not_found: 404,
  precondition: 409,
  too_soon: 429,
};

/** Returns the route of all actions; to be guarded like the page. */
export function actionsRoute(admin: Administration): Route {
  return ({ request, identity, address }) => {
    const problem = foreign(request);
    if (problem !== undefined) return text(`${problem}\n`, 403);
    try {
      if (identity === undefined) return text("Actions need an identity\n", 403);
      authorizeAdmin(identity.grants);
      const { searchParams } = new URL(request.url);
      const name = valueOf(searchParams, "action");
      const run = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
      if (!run) return text(`Unknown action; use ${Object.keys(ACTIONS).join(", ")}\n`, 400);
      const { name: who, credential } = identity;
      return text(`${run(admin, { identity: who, credential, peer: address }, searchParams)}\n`);
    } catch (error) {
      if (error instanceof PermissionDenied) return text(`${error.message}\n`, 403);
      if (!(error instanceof AdminError)) throw error;
      const { failure, message } = error;
      const where = failure.kind === "invalid" ? `${failure.field}: ` : "";
      return text(`${where}${message}\n`, STATUS[failure.kind]);
    }
  };
}

/** Why a request is not one of the page itself; `undefined` when it is. */
function foreign(request: RouteRequest): string | undefined {
  if (isForeign(request)) return "Actions are only for the page of this port";
  if (request.headers.get(ACTION_HEADER) !== null) return undefined;
  return `Actions need the header ${ACTION_HEADER}`;
}
