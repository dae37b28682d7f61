// A vendor's API on the loopback interface, and the catalogue entries that lead to it: what Keyslot
// checks a credential against in these tests.
import { createServer } from "node:http";

/** Credentials that the vendor accepts. All are visibly made up. */
export const ACCEPTED = {
  apiKey: "acme_live_0000111122223333",
  username: "ada@acme.example",
  password: "correct horse",
};
/** A key that is accepted until it is revoked (`ProviderApi.revoke`). */
export const REVOCABLE = "acme_live_4444555566667777";
/** A key that is fine but may not read the account: 403. */
export const LIMITED = "acme_limited_000011112222";
/** The vendor is down for whoever asks with this key: 503. */
export const DOWN = "acme_down_0000111122223333";
/** The vendor never answers this key. */
export const HANGING = "acme_hang_0000111122223333";
/** The vendor accepts this key, after five seconds. */
export const SLOW = "acme_slow_0000111122223333";

/**
 * @typedef {{ method: string, path: string, authorization: string }} Seen
 * @typedef {{ url: string, seen: Seen[], catalog: string, waiting: () => Promise<void>, revoke: () => void, close: () => void }} ProviderApi
 */

/** @returns {Promise<ProviderApi>} */
export async function startProviderApi() {
  /** @type {Seen[]} */
  const seen = [];
  /** @type {() => void} */
  let hangs = () => {};
  let waiting = new Promise((/** @type {(value: void) => void} */ resolve) => (hangs = resolve));
  let busy = false;
  let revoked = false;
  const basic = `Basic ${Buffer.from(`${ACCEPTED.username}:${ACCEPTED.password}`).toString("base64")}`;

  const server = createServer((request, answer) => {
    const authorization = request.headers.authorization ?? "";
    seen.push({ method: request.method ?? "", path: request.url ?? "", authorization });
    const send = (/** @type {number} */ status, /** @type {unknown} */ body) => {
      answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.url?.startsWith("/v1/echo")) return void echo(request, send);
    if (request.url === "/v1/busy-once") {
      // Too many requests the first time, and then not any more.
      busy = !busy;
      return busy ? answer.writeHead(429, { "retry-after": "0" }).end() : send(200, { served: true });
    }
    if (request.url === "/basic/v1/me")
      return authorization === basic ? send(200, { account: { name: "Acme Ltd" } }) : send(401, { error: "no" });
    const workspace = request.url?.match(/^\/w\/([^/]+)\/me$/)?.[1];
    if (request.url !== "/v1/me" && workspace === undefined) return send(404, { error: "no such path" });
    switch (authorization) {
      case `Bearer ${ACCEPTED.apiKey}`:
        return send(200, { account: { name: workspace ?? "Acme Ltd" } });
      case `Bearer ${REVOCABLE}`:
        return revoked ? send(401, { error: "no" }) : send(200, { account: { name: "Acme Ltd" } });
      case `Bearer ${LIMITED}`:
        return send(403, { error: "scope" });
      case `Bearer ${DOWN}`:
        return send(503, { error: "maintenance" });
      case `Bearer ${HANGING}`:
        return hangs();
      case `Bearer ${SLOW}`:
        hangs();
        setTimeout(() => send(200, { account: { name: "Acme Ltd" } }), 5_000);
        return;
      default:
        return send(401, { error: "no" });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    seen,
    catalog: catalog(url),
    waiting: () => {
      const current = waiting;
      void current.then(() => (waiting = new Promise((resolve) => (hangs = resolve))));
      return current;
    },
    revoke: () => {
      revoked = true;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * Answers with what it was sent; what was made (POST) has status 201.
 * @param {import("node:http").IncomingMessage} request
 * @param {(status: number, body: unknown) => void} send
 */
async function echo(request, send) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  send(request.method === "POST" ? 201 : 200, {
    method: request.method,
    path: request.url,
    authorization: request.headers.authorization,
    thing: request.headers["x-thing"],
    type: request.headers["content-type"],
    body: Buffer.concat(chunks).toString(),
  });
}

/** The names of the providers in the catalogue below; tests use them as integration ids too. */
export const PROVIDERS = ["acme-key", "acme-basic", "acme-workspace", "acme-cloud", "acme-open"];

/** @param {string} url */
function catalog(url) {
  return `
acme-key:
  display_name: Acme Mail
  auth_mode: API_KEY
  categories: [dev-tools]
  docs: https://acme.example/docs
  proxy:
    base_url: ${url}
    headers:
      authorization: Bearer \${apiKey}
    verification:
      method: GET
      endpoints: [/v1/me]
  identity: /account/name
  credentials:
    apiKey:
      type: string
      title: API key
      description: From Settings, Developers.
      secret: true

acme-basic:
  display_name: Acme Desk
  auth_mode: BASIC
  categories: [support]
  docs: https://acme.example/docs
  proxy:
    base_url: ${url}/basic
    verification:
      method: GET
      endpoints: [/v1/me]
  identity: /account/name
  credentials:
    username:
      type: string
      title: E-mail
      description: The address that you sign in with.
    password:
      type: string
      title: Password
      description: Your password for Acme Desk.
      secret: true

acme-workspace:
  display_name: Acme Spaces
  auth_mode: API_KEY
  categories: [productivity]
  docs: https://acme.example/docs
  proxy:
    base_url: ${url}/w/\${connectionConfig.workspace}
    headers:
      authorization: Bearer \${apiKey}
    verification:
      method: GET
      endpoints: [/me]
  identity: /account/name
  credentials:
    apiKey:
      type: string
      title: API key
      description: From Settings, Developers.
      secret: true
  connection_config:
    workspace:
      type: string
      title: Workspace
      description: The name in the address of your workspace.
      pattern: "^[a-z0-9-]+$"
      example: acme

# Every kind of field, and an address where nothing answers (RFC 6761: .invalid never resolves).
acme-cloud:
  display_name: Acme Cloud
  auth_mode: API_KEY
  categories: [dev-tools]
  docs: https://acme.example/docs
  docs_connect: https://acme.example/docs/connect
  proxy:
    base_url: https://\${connectionConfig.subdomain}.acme.invalid
    headers:
      authorization: Bearer \${apiKey}
    verification:
      method: GET
      endpoints: [/me]
  credentials:
    apiKey:
      type: string
      title: Secret key
      description: Begins with acme_live_.
      example: acme_live_…
      secret: true
  connection_config:
    subdomain:
      type: string
      title: Sub-domain
      description: The first part of your address.
      example: acme
      prefix: "https://"
      suffix: .acme.invalid
      doc_section: "#address"
      order: 1
    region:
      type: string
      title: Region
      description: Where your data is kept.
      enum: [eu, us, ap]
      order: 2
    project:
      type: string
      title: Project
      description: Only when your key is for one project.
      optional: true
  key_shapes:
    - prefix: acme_live_
      kind: secret
    - prefix: acme_pub_
      kind: publishable
      wrong: true
  where:
    - Sign in to Acme Cloud and open Settings, Developers.
    - Choose Create secret key.
    - Copy the key; it is shown once.

# Nothing to type.
acme-open:
  display_name: Acme Open Data
  auth_mode: API_KEY
  categories: [dev-tools]
  docs: https://acme.example/docs
  proxy:
    base_url: ${url}
    headers:
      authorization: Bearer \${apiKey}
    verification:
      method: GET
      endpoints: [/v1/me]
  credentials:
    apiKey:
      type: string
      title: API key
      description: The same for everybody.
      default_value: ${ACCEPTED.apiKey}
      hidden: true
      secret: true
`;
}
