import Nango from "/stock-sdk.js";
import { mintSession, onPress, task } from "./run-task.js";

// Headless, as `@nangohq/frontend` documents it for API keys and Basic auth.
onPress("connect", async () => {
  // Old pages have a public key instead of a session, and name the connection themselves.
  const { publicKey, ...options } = /** @type {any} */ (task.options);
  const nango = new Nango(
    publicKey ? { host: task.host, publicKey } : { host: task.host, connectSessionToken: await mintSession() },
  );
  const integration = /** @type {string} */ (task.integrationId);
  const connection = /** @type {string | undefined} */ (task.connectionId);
  return connection ? nango.auth(integration, connection, options) : nango.auth(integration, options);
});
