/**
 * The status page and its icon, with headers that let it do nothing but what
 * it does: its own style, its own script, its own events.
 *
 * @module
 */
import { renderDocument } from "./page/body.ts";
import { ICON } from "./page/icon.ts";
import type { Screen } from "./page/screen.ts";
import { SCRIPT } from "./page/script.ts";
import { STYLE } from "./page/style.ts";
import { answer, type Route, type Routes } from "./routes.ts";

/** The routes `/` and `/icon.svg`; `screen` makes what the page shows. */
export async function statusPage(screen: () => Screen): Promise<Routes> {
  const headers = await pageHeaders();
  const page: Route = () =>
    answer(renderDocument(screen()), {
      status: 200,
      type: "text/html; charset=utf-8",
      headers,
    });
  const icon: Route = () =>
    answer(ICON, { status: 200, type: "image/svg+xml", headers });
  return { "/": page, "/icon.svg": icon };
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
