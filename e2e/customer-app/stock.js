import Nango from "/stock-sdk.js";
import { mintSession, onPress, task } from "./run-task.js";

// Headless, as `@nangohq/frontend` documents it for API keys and Basic auth.
onPress("connect", async () => {
  const nango = new Nango({ host: task.host, connectSessionToken: await mintSession() });
  return nango.auth(/** @type {string} */ (task.integrationId), /** @type {any} */ (task.options));
});
