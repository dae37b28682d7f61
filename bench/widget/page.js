// The page of the benchmark: waits to be told what to open, and says when what was to be seen.

/** When something first holds, in milliseconds after `start`, looked at in each frame. */
function when(/** @type {() => boolean} */ holds, /** @type {number} */ start) {
  return new Promise((resolve) => {
    const look = () => (holds() ? resolve(performance.now() - start) : requestAnimationFrame(look));
    look();
  });
}

const shell = () => /** @type {any} */ (document.querySelector("[data-keyslot]"))?.shadowRoot?.querySelector("dialog");

/** @type {WebAssembly.Memory[]} */
const memories = [];
for (const name of /** @type {const} */ (["instantiate", "instantiateStreaming"])) {
  const original = /** @type {any} */ (WebAssembly)[name];
  /** @type {any} */ (WebAssembly)[name] = async (/** @type {unknown[]} */ ...args) => {
    const result = await original(...args);
    for (const value of Object.values((result.instance ?? result).exports))
      if (value instanceof WebAssembly.Memory) memories.push(value);
    return result;
  };
}

Object.assign(globalThis, {
  /** Fetches an entry and starts its module. @param {string} entry */
  load: async (entry) => (await import(entry)).preload(),

  /**
   * @param {string} entry the module to import
   * @param {"nothing" | "script" | "form"} before what is there before the clock starts
   * @param {string} host
   * @param {string} session
   */
  async open(entry, before, host, session) {
    if (before !== "nothing") await import(entry);
    if (before === "form") await (await import(entry)).preload("acme-key", { host, session });
    // People click seconds after a page has come, not while it is still starting.
    await new Promise((resolve) => setTimeout(resolve, 300));
    performance.mark("keyslot: call");
    const start = performance.now();
    const { auth, close } = await import(entry);
    const call = auth("acme-key", undefined, { host, session }).catch(() => {});
    const shown = when(() => shell()?.open, start).then((time) => {
      performance.mark("keyslot: shell");
      return time;
    });
    const focusable = when(() => shell()?.getRootNode().activeElement?.name === "apiKey", start);
    const times = { shell: await shown, input: await focusable };
    Object.assign(globalThis, {
      end: async () => {
        close();
        await call;
      },
    });
    return times;
  },

  /**
   * A credential without a dialog.
   * @param {string} entry a package with the class of `@nangohq/frontend`
   * @param {string} host
   * @param {string} connectSessionToken
   * @param {string} apiKey
   */
  async headless(entry, host, connectSessionToken, apiKey) {
    const start = performance.now();
    const { default: Nango } = await import(entry);
    const loaded = performance.now() - start;
    await new Nango({ host, connectSessionToken }).auth("acme-key", { credentials: { apiKey } });
    return { loaded, posted: performance.now() - start };
  },

  wasmBytes: () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
});
