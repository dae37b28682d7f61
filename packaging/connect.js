// Copied into each consumer: presses the button through, with whatever `auth` the consumer has loaded.

/** @param {typeof import("../js/index.js").auth} auth */
export function connectWith(auth) {
  const query = new URLSearchParams(location.search);
  const output = /** @type {HTMLOutputElement} */ (document.querySelector("output"));
  /** @type {HTMLButtonElement} */ (document.querySelector("button")).onclick = async () => {
    const options = { host: query.get("host") ?? undefined, session: query.get("session") ?? undefined };
    try {
      output.textContent = (await auth("acme-key", query.get("connection"), options)).connectionId;
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      output.textContent = `${code}: ${message}`;
    }
  };
}
