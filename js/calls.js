// The JavaScript side of every call: loads the WebAssembly module once and only when it is needed,
// and settles each promise exactly once, whatever happens to the module. What the dialog does and
// what is sent is decided inside the module, not here.
import { AuthError } from "./auth-error.js";
import { inLanguage } from "./language.js";
import { loadFailure, notSupported, tooOld } from "./load-failure.js";
import { own } from "./own.js";

/**
 * @typedef {object} Glue the functions that wasm-bindgen exports (src/bindings.rs)
 * @property {(id: unknown, connectionId: unknown, options: unknown) => Promise<unknown>} auth
 * @property {(id: unknown, connectionId: unknown, options: unknown) => Promise<unknown>} reconnect
 * @property {(id: unknown, options: unknown) => Promise<unknown>} preload
 * @property {() => void} close
 * @property {() => boolean} trapped whether the module has hit a fault that it cannot recover from
 */

/**
 * @typedef {object} Loader
 * @property {() => Promise<Glue>} load starts a fresh instance of the module
 * @property {() => string} [address] where the module is fetched from, for messages
 */

/**
 * @typedef {object} Call
 * @property {string | undefined} key
 * @property {Promise<unknown>} promise
 * @property {(value: unknown) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {boolean} started whether the module has taken it over
 * @property {boolean} settled
 */

/** What the dialog is made of, youngest first, and whether the browser has it. @type {[string, () => boolean][]} */
const LOOKED_FOR = [
  ["adopted style sheets", () => "adoptedStyleSheets" in Document.prototype],
  ["the dialog element", () => typeof HTMLDialogElement === "function"],
];

/** The events of `window` that tell of a trap. @type {["error", "unhandledrejection"]} */
const FAULTS = ["error", "unhandledrejection"];

/** How long a module may take to arrive before the calls that wait for it are rejected. */
const LOAD_TIMEOUT_MS = 30_000;

/**
 * Makes the exports of one entry of the package, around one way of loading the module.
 * @param {Loader} loader
 */
export function createKeyslot(loader) {
  /** @type {Glue | undefined} */
  let glue;
  /** @type {Promise<Glue> | undefined} */
  let loading;
  /** @type {Set<Call>} */
  const calls = new Set();
  /** @type {Record<string, unknown>} */
  let defaults = {};

  /** Starts the module unless it runs or is starting; a failed start is forgotten, so the next call tries anew. */
  function load() {
    if (glue) return Promise.resolve(glue);
    if (!loading) {
      const attempt = (loading = startModule(loader));
      attempt.then(
        (fresh) => {
          if (loading === attempt) glue = fresh;
        },
        () => {
          if (loading === attempt) loading = undefined;
        },
      );
    }
    return loading;
  }

  /**
   * @param {"auth" | "reconnect"} method
   * @param {unknown} integrationId
   * @param {unknown} connectionId
   * @param {unknown} options
   */
  function call(method, integrationId, connectionId, options) {
    const key = callKey(method, integrationId, connectionId, options);
    for (const open of calls) {
      // The same promise object, not a new one around it: React StrictMode calls effects twice.
      if (key !== undefined && open.key === key) return open.promise;
    }
    const call = newCall(key);
    calls.add(call);
    watchForTraps();
    const settled = () => {
      call.settled = true;
      calls.delete(call);
      if (calls.size === 0) stopWatching();
    };
    call.promise.then(settled, settled);

    const forgetSignal = rejectOnAbort(call, options);
    const refuse = (/** @type {unknown} */ error) => {
      forgetSignal();
      call.reject(error);
    };
    const spoken = inLanguage(options);
    const begin = (/** @type {Glue} */ module, /** @type {unknown} */ inWords) => {
      if (module !== glue && !call.settled) {
        // Dropped between its start and now.
        wait();
        return;
      }
      forgetSignal();
      if (call.settled) return;
      call.started = true;
      try {
        module[method](integrationId, connectionId, inWords).then(call.resolve, (error) => failed(call, module, error));
      } catch (error) {
        failed(call, module, error);
      }
    };
    const wait = () => void Promise.all([load(), spoken]).then(([module, inWords]) => begin(module, inWords), refuse);
    // No `await` when module and words are there already: the dialog is drawn within the caller's click.
    if (glue && !(spoken instanceof Promise)) begin(glue, spoken);
    else wait();
    return call.promise;
  }

  /**
   * @param {Call} call
   * @param {Glue} module
   * @param {unknown} error
   */
  function failed(call, module, error) {
    if (isTrap(error) || hasTrapped(module)) dropModule(module, error);
    call.reject(error);
  }

  // A trap inside an event listener or a microtask of the module reaches only `window`: the promise
  // that it belongs to would never settle (Rust's destructors do not run either). The same holds for an
  // exception of the page's own that comes back through the module, such as from a patched DOM function.
  // The module is asked in a task of its own: the event may come while it is still running, when a
  // listener of the page fails on something that the module does.
  let watching = false;
  /** @param {ErrorEvent | PromiseRejectionEvent} event */
  function onWindowError(event) {
    const error = "reason" in event ? event.reason : event.error;
    const module = glue;
    if (module) {
      setTimeout(() => {
        if (hasTrapped(module)) dropModule(module, error);
      });
    }
  }
  function watchForTraps() {
    if (watching) return;
    watching = true;
    for (const kind of FAULTS) globalThis.window?.addEventListener(kind, onWindowError);
  }
  function stopWatching() {
    watching = false;
    for (const kind of FAULTS) globalThis.window?.removeEventListener(kind, onWindowError);
  }

  /**
   * Gives up an instance whose memory can no longer be trusted: rejects what it had in hand and takes
   * its dialog off the page. The next call starts a fresh instance.
   * @param {Glue} module
   * @param {unknown} error
   */
  function dropModule(module, error) {
    if (glue !== module) return;
    glue = undefined;
    loading = undefined;
    for (const host of document.querySelectorAll("[data-keyslot]")) host.remove();
    for (const call of [...calls]) {
      if (call.started) {
        call.reject(
          new AuthError(
            "unknown_error",
            "Keyslot stopped because of a fault of its own; the next call starts afresh.",
            { cause: error },
          ),
        );
      }
    }
  }

  class Keyslot {
    /** @type {Record<string, unknown>} */
    #options;

    /** @param {unknown} [options] */
    constructor(options) {
      this.#options = optionsObject(options, "new Keyslot()");
    }
    /** @param {unknown} options */
    #merged(options) {
      return merge({ ...defaults, ...this.#options }, options);
    }
    /** @param {unknown} integrationId @param {unknown} [connectionId] @param {unknown} [options] */
    auth(integrationId, connectionId, options) {
      return call("auth", integrationId, connectionId, this.#merged(options));
    }
    /** @param {unknown} integrationId @param {unknown} [connectionId] @param {unknown} [options] */
    reconnect(integrationId, connectionId, options) {
      return call("reconnect", integrationId, connectionId, this.#merged(options));
    }
    /**
     * Never rejects: it is called on hover, where nobody listens. What went wrong is said by the next call.
     * @param {unknown} [integrationId]
     * @param {unknown} [options]
     */
    async preload(integrationId, options) {
      try {
        const [module, spoken] = await Promise.all([load(), inLanguage(this.#merged(options))]);
        if (integrationId !== undefined) await module.preload(integrationId, spoken);
      } catch (error) {
        // Said again, in full, by auth().
        if (glue && isTrap(error)) dropModule(glue, error);
      }
    }
    close() {
      close();
    }
  }

  /** @param {unknown} options */
  function configure(options) {
    defaults = { ...defaults, ...optionsObject(options, "configure()") };
  }

  function close() {
    for (const call of [...calls]) {
      if (!call.started)
        call.reject(new AuthError("window_closed", "The dialog was closed before a connection was made."));
    }
    const module = glue;
    try {
      module?.close();
    } catch (error) {
      if (module) dropModule(module, error);
    }
  }

  const page = new Keyslot();
  /** @type {Keyslot["auth"]} */
  const auth = (...call) => page.auth(...call);
  /** @type {Keyslot["reconnect"]} */
  const reconnect = (...call) => page.reconnect(...call);
  /** @type {Keyslot["preload"]} */
  const preload = (...call) => page.preload(...call);
  return { auth, reconnect, configure, preload, close, Keyslot };
}

/** @param {Loader} loader @returns {Promise<Glue>} */
async function startModule(loader) {
  if (typeof document === "undefined")
    throw notSupported("there is no page. Call it in a browser, not while rendering on a server.");
  if (typeof WebAssembly !== "object")
    throw notSupported("this browser has no WebAssembly, or it is turned off (some hardened modes do that).");
  const lacking = LOOKED_FOR.find(([, isThere]) => !isThere());
  if (lacking) throw notSupported(tooOld(lacking[0]));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`Waited ${LOAD_TIMEOUT_MS / 1000} s.`);
      error.name = "TimeoutError";
      reject(error);
    }, LOAD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([loader.load(), late]);
  } catch (error) {
    throw loadFailure(error, loader.address?.());
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string | undefined} key @returns {Call} */
function newCall(key) {
  /** @type {Partial<Call>} */
  const call = { key, started: false, settled: false };
  call.promise = new Promise((resolve, reject) => {
    call.resolve = resolve;
    call.reject = reject;
  });
  return /** @type {Call} */ (call);
}

/**
 * Calls of the same key share one promise. Headless calls do not: each carries its own credential.
 * Nor do calls whose ids are not strings: the module says what is wrong with them.
 * @param {string} method
 * @param {unknown} integrationId
 * @param {unknown} connectionId
 * @param {unknown} options
 */
function callKey(method, integrationId, connectionId, options) {
  if (typeof integrationId !== "string") return undefined;
  if (connectionId !== undefined && connectionId !== null && typeof connectionId !== "string") return undefined;
  if (/** @type {any} */ (options)?.credentials != null) return undefined;
  return JSON.stringify([method, integrationId, connectionId ?? null]);
}

/**
 * While the module loads, the caller's signal is ours to watch; afterwards it is the module's.
 * @param {Call} call
 * @param {unknown} options
 * @returns {() => void} stops watching
 */
function rejectOnAbort(call, options) {
  const signal = /** @type {any} */ (options)?.signal;
  if (!(signal instanceof AbortSignal)) return () => {};
  const abort = () =>
    call.reject(new AuthError("aborted", "The call was aborted by its signal.", { cause: signal.reason }));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  return () => signal.removeEventListener("abort", abort);
}

/** @param {unknown} error thrown by a function of the module */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError;
}

/** @param {Glue} module */
function hasTrapped(module) {
  try {
    return module.trapped();
  } catch {
    return true;
  }
}

/**
 * The options of a call over the defaults. What is no object goes through as it is: the module refuses
 * it with a message of its own.
 * @param {Record<string, unknown>} base
 * @param {unknown} options
 */
function merge(base, options) {
  const merged = own(base);
  if (options === undefined || options === null) return merged;
  if (typeof options !== "object") return options;
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}

/**
 * @param {unknown} options
 * @param {string} where
 * @returns {Record<string, unknown>}
 */
function optionsObject(options, where) {
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const got = options === null ? "null" : Array.isArray(options) ? "an array" : typeof options;
    throw new AuthError("invalid_argument", `${where} expects an object of options, got ${got}.`);
  }
  return { ...options };
}
