// A customer's web app, on an origin of its own: pages under the strict Content-Security-Policy that
// the README asks for, and a backend that mints connect sessions with the stock Node SDK.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { Nango } from "@nangohq/node";
import { buildSync } from "esbuild";
import { contentSecurityPolicy } from "../scripts/csp.mjs";
import { root } from "../scripts/workspace.mjs";

/**
 * What a page shall do when its button is pressed; travels in the page's address.
 * @typedef {object} Task
 * @property {"auth" | "reconnect"} [method]
 * @property {unknown} integrationId
 * @property {unknown} [connectionId]
 * @property {Record<string, unknown>} [options] merged over `{ host, session }`
 * @property {Record<string, unknown>} [mint] the body of POST /connect/sessions; by default a session of the user
 *   whose id is `connectionId`
 * @property {boolean} [sessionAsText] mint once and pass the token itself instead of a function
 * @property {string} [lang] the page's language
 */

/** @typedef {{ url: string, page: (kind: string, task: Task) => string, tokens: string[], close: () => void }} CustomerApp */

const TYPES = /** @type {Record<string, string>} */ ({
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
  ".html": "text/html; charset=utf-8",
});

/** What kinds of page have before their script; `preloaded` is what the README says for `keyslot/external`. */
const HEADS = /** @type {Record<string, string>} */ ({
  classic: '<script src="/assets/global.js" integrity="INTEGRITY"></script>',
  preloaded:
    '<link rel="modulepreload" href="/assets/external.js">' +
    '<link rel="preload" href="/assets/keyslot_bg.wasm" as="fetch" type="application/wasm" crossorigin>',
});

/**
 * @param {{ host: string, secretKey: string }} keyslot
 * @returns {Promise<CustomerApp>}
 */
export async function startCustomerApp(keyslot) {
  const nango = new Nango({ host: keyslot.host, secretKey: keyslot.secretKey });
  const pages = path.join(root, "e2e", "customer-app");
  /** @type {string[]} */
  const tokens = [];
  const stockSdk = buildSync({
    stdin: { contents: `export { default, AuthError } from "@nangohq/frontend";`, resolveDir: root },
    bundle: true,
    format: "esm",
    write: false,
  }).outputFiles[0].contents;
  const { "global.js": integrity } = JSON.parse(readFileSync(path.join(root, "dist", "integrity.json"), "utf8"));

  const server = createServer(async (request, answer) => {
    const url = new URL(request.url ?? "/", "http://app");
    try {
      if (url.pathname === "/connect-session") {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = Buffer.concat(chunks).toString();
        const user = url.searchParams.get("user");
        const terms = body ? JSON.parse(body) : user ? { end_user: { id: user } } : { tags: {} };
        const { data } = await nango.createConnectSession(terms);
        tokens.push(data.token);
        answer.writeHead(200, { "content-type": "text/plain" }).end(data.token);
        return;
      }
      const type = TYPES[path.extname(url.pathname)] ?? TYPES[".html"];
      let body;
      if (url.pathname === "/stock-sdk.js") body = stockSdk;
      else if (url.pathname.startsWith("/assets/"))
        body = readFileSync(path.join(root, "dist", url.pathname.slice("/assets/".length)));
      else if (path.extname(url.pathname) === ".js") body = readFileSync(path.join(pages, path.basename(url.pathname)));
      else {
        const kind = url.pathname.slice(1);
        const head = HEADS[kind]?.replace("INTEGRITY", integrity) ?? "";
        const script = `${head}<script type="module" src="/${kind}.js"></script>`;
        body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Customer app</title>
          <main><h1>Settings</h1><button id="connect">Connect</button> <button id="other">Another</button>
          <output id="outcome"></output></main>${script}</html>`;
      }
      answer.writeHead(200, {
        "content-type": type,
        // A worker's policy is that of its script, and this one passes on whatever the page asks for.
        ...(url.pathname !== "/service-worker.js" && {
          "content-security-policy": contentSecurityPolicy(keyslot.host, {
            wasm: url.searchParams.get("csp") !== "no-wasm",
          }),
        }),
        "cache-control": "no-store",
      });
      answer.end(body);
    } catch (error) {
      answer.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  // Another name than the server's 127.0.0.1, so that it is another site too.
  const url = `http://localhost:${port}`;
  return {
    url,
    tokens,
    page: (kind, task) => {
      const whole = { ...task, host: keyslot.host };
      return `${url}/${kind}?task=${encodeURIComponent(JSON.stringify(whole))}`;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
