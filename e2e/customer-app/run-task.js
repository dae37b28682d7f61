// What every page of the customer's app does: press a button, await one promise, show how it ended.

/** @type {import("../customer-app.mjs").Task & { host: string }} */
export const task = JSON.parse(new URLSearchParams(location.search).get("task") ?? "{}");

if (task.lang !== undefined) document.documentElement.lang = task.lang;

// The signed-in user has the id under which the page connects.
const user = typeof task.connectionId === "string" ? { end_user: { id: task.connectionId } } : { tags: {} };

/** @param {unknown} [mint] the body of POST /connect/sessions */
export async function mintSession(mint = task.mint ?? user) {
  const answer = await fetch("/connect-session", { method: "POST", body: JSON.stringify(mint) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

/** @param {unknown} outcome */
export function show(outcome) {
  const output = /** @type {HTMLOutputElement} */ (document.getElementById("outcome"));
  output.textContent = JSON.stringify(outcome);
}

/** @param {any} error */
export function describe(error) {
  const { name, code, type, message, status, requestId } = error;
  return {
    error: {
      name,
      code,
      type,
      message,
      status,
      requestId,
      isError: error instanceof Error,
      cause: error.cause && String(error.cause),
    },
  };
}

/**
 * @param {string} id of the button
 * @param {() => Promise<unknown>} run
 */
export function onPress(id, run) {
  document.getElementById(id)?.addEventListener("click", async () => {
    show("pending");
    try {
      show({ result: await run() });
    } catch (error) {
      show(describe(error));
    }
  });
}

/** @param {any} keyslot what the package exports */
export function connectWith(keyslot) {
  /** @type {unknown[]} */
  const events = [];
  Object.assign(globalThis, { events });
  onPress("connect", async () => {
    const session = task.sessionAsText ? await mintSession() : mintSession;
    const options = {
      host: task.host,
      session,
      onEvent: (/** @type {unknown} */ event) => events.push(event),
      ...task.options,
    };
    return keyslot[task.method ?? "auth"](task.integrationId, task.connectionId, options);
  });
  onPress("other", () => keyslot.auth("acme-basic", "somebody-else", { host: task.host, session: mintSession }));
  Object.assign(globalThis, { keyslot });
}
