/**
 * The status page and its icon, with headers that allow nothing but its own
 * style, its own script and its own events.
 *
 * @module
 */
import { renderDocument } from "./page/document.ts";
import type { Page } from "./page/page.ts";
import { SCRIPT } from "./page/script.ts";
import { STYLE } from "./page/style.ts";
import { ICON } from "./page/svg_paths.ts";
import { respond, type Route, type Routes } from "./routes.ts";

/** The routes `/` and `/icon.svg`; `content` makes the content of the page. */
export async function statusPage(content: () => Page): Promise<Routes> {
  const headers = await pageHeaders();
  const document: Route = () =>
    respond(renderDocument(content()), {
      status: 200,
      type: "text/html; charset=utf-8",
      headers,
    });
  const icon: Route = () => respond(ICON, { status: 200, type: "image/svg+xml", headers });
  return { "/": document, "/icon.svg": icon };
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
