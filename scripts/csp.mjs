// `npm run csp -- https://connect.example.com`: the response header that a page with Keyslot needs at most,
// and what each part is for. The tests serve their pages with this very policy.
// Not a general builder of policies: what Keyslot needs is known only here.
import { fileURLToPath } from "node:url";

/**
 * What Keyslot needs, over `default-src 'none'`.
 * @param {string} host the origin of the Keyslot server
 * @param {{ trustedTypes?: string, wasm?: boolean }} [page] `trustedTypes`: the names of policies that the page
 *   itself makes; `wasm`: false leaves out the keyword that WebAssembly needs, for tests
 */
export function contentSecurityPolicy(host, { trustedTypes = "'none'", wasm = true } = {}) {
  return [
    "default-src 'none'",
    `script-src 'self'${wasm ? " 'wasm-unsafe-eval'" : ""}`,
    "style-src 'self'",
    `connect-src 'self' ${host}`,
    "require-trusted-types-for 'script'",
    `trusted-types ${trustedTypes}`,
  ].join("; ");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let host = process.argv[2] ?? "";
  try {
    host = new URL(host).origin;
  } catch {
    console.error("Name your Keyslot server: npm run csp -- https://connect.example.com");
    process.exit(1);
  }
  console.log(`Content-Security-Policy: ${contentSecurityPolicy(host)}

To a policy that you have, add:
  script-src   'wasm-unsafe-eval'   WebAssembly; it allows no eval() of scripts
  connect-src  ${host}   the connect session, and the key
  script-src   the origin of the script, when it is not served from your own
  connect-src  that origin too, for keyslot/external, which fetches its .wasm, and for the languages of global.js
  img-src      the origin of the logo, when you set \`theme.logo\`
Nothing for style-src: no style attribute, no <style>. Nothing for frame-src: no frame. No Trusted Types policy.`);
}
