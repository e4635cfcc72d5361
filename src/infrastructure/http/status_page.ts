/**
 * The routes of the status page, `/` and `/icon.svg`, with headers that allow nothing but the
 * page's own style, script and events.
 *
 * @module
 */
import type { Identity } from "../../domain/access/grants.ts";
import type { RenderedPage } from "./page/document.ts";
import { SCRIPT } from "./page/script.ts";
import { STYLE } from "./page/style.ts";
import { respond, type Routes } from "./routes.ts";

/** The favicon: one line in, three out. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="7" fill="#1f60c4"/>
  <path d="M5 16H14M14 16C19 16 18 8 27 8M14 16H27M14 16C19 16 18 24 27 24"
    fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>
</svg>
`;

/**
 * The routes `/` and `/icon.svg`.
 *
 * @param render makes the page for an identity, if authentication is on
 */
export async function statusPage(
  render: (identity: Identity | undefined) => RenderedPage,
): Promise<Routes> {
  const headers = await pageHeaders();
  const types = { html: "text/html; charset=utf-8", icon: "image/svg+xml" };
  return {
    "/": ({ identity }) => {
      const { html } = render(identity);
      return respond(html, { status: 200, type: types.html, headers });
    },
    "/icon.svg": () => respond(ICON, { status: 200, type: types.icon, headers }),
  };
}

async function pageHeaders(): Promise<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `style-src ${await hashOf(STYLE)}`,
    `script-src ${await hashOf(SCRIPT)}`,
    "connect-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
  };
}

async function hashOf(source: string): Promise<string> {
  const bytes = new TextEncoder().encode(source);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `'sha256-${hash.toBase64()}'`;
}
