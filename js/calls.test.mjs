// The loader's own behaviour: one load, one promise a call, and no promise left hanging after a trap.
// The module is a stand-in here (an object with the same functions): what is tested is what happens
// around it. The real module runs in e2e/.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createKeyslot } from "./calls.js";

/** A real `WebAssembly.RuntimeError`: a module whose only function is `unreachable`. */
function realTrap() {
  // (module (func (export "t") unreachable))
  const bytes = Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 116, 0, 0, 10, 5, 1, 3, 0, 0, 11,
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  try {
    /** @type {any} */ (exports).t();
  } catch (error) {
    return error;
  }
  throw new Error("the function did not trap");
}

/** A page, as far as the loader looks at it. */
class Page extends EventTarget {
  /** @type {{ remove(): void }[]} */
  hosts = [];
  /** @type {Set<string>} */
  listening = new Set();
  /** @param {string} type @param {any} listener */
  addEventListener(type, listener) {
    this.listening.add(type);
    super.addEventListener(type, listener);
  }
  /** @param {string} type @param {any} listener */
  removeEventListener(type, listener) {
    this.listening.delete(type);
    super.removeEventListener(type, listener);
  }
  /** @param {unknown} error */
  report(error) {
    this.dispatchEvent(Object.assign(new Event("error"), { error }));
  }
}

/** A module whose calls stay open until the test settles them. */
function stubModule() {
  const module = {
    hasTrapped: false,
    /** @type {{ method: string, args: unknown[], resolve: (value: unknown) => void, reject: (error: unknown) => void }[]} */
    calls: [],
    closed: 0,
    trapped: () => module.hasTrapped,
    close: () => {
      module.closed += 1;
    },
  };
  const open =
    (/** @type {string} */ method) =>
    (/** @type {unknown[]} */ ...args) =>
      new Promise((resolve, reject) => {
        module.calls.push({ method, args, resolve, reject });
      });
  return Object.assign(module, { auth: open("auth"), reconnect: open("reconnect"), preload: open("preload") });
}

/** @type {Page} */
let page;
/** @type {ReturnType<typeof stubModule>[]} */
let loads;
/** @type {ReturnType<typeof createKeyslot>} */
let keyslot;

beforeEach(() => {
  page = new Page();
  loads = [];
  Object.assign(globalThis, {
    window: page,
    // What a browser of the floor has; js/calls.js looks for it.
    Document: class {
      adoptedStyleSheets() {}
    },
    HTMLDialogElement: class {},
    document: {
      querySelectorAll: (/** @type {string} */ selector) => {
        assert.equal(selector, "[data-keyslot]");
        return page.hosts;
      },
    },
  });
  keyslot = createKeyslot({
    load: async () => {
      const module = stubModule();
      loads.push(module);
      return module;
    },
  });
});

afterEach(() => {
  Reflect.deleteProperty(globalThis, "window");
  Reflect.deleteProperty(globalThis, "document");
});

/** Lets promise reactions run. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Lets timers run. */
const task = () => new Promise((resolve) => setTimeout(resolve, 5));

test("nothing is loaded before the first call", async () => {
  await turn();
  assert.equal(loads.length, 0);
});

test("calls at the same time load the module once", async () => {
  void keyslot.auth("a", "1");
  void keyslot.auth("b", "1");
  await turn();
  assert.equal(loads.length, 1);
  assert.equal(loads[0].calls.length, 2);
});

test("the same ids while open give the same promise object, before and after loading", async () => {
  const first = keyslot.auth("a", "1");
  assert.equal(keyslot.auth("a", "1"), first);
  await turn();
  assert.equal(keyslot.auth("a", "1"), first);
  assert.notEqual(keyslot.auth("a", "2"), first);
  assert.notEqual(keyslot.reconnect("a", "1"), first);
  assert.equal(loads[0].calls.length, 3);
});

test("after it has settled, the same ids open anew", async () => {
  const first = keyslot.auth("a");
  await turn();
  loads[0].calls[0].resolve({ connectionId: "1" });
  assert.deepEqual(await first, { connectionId: "1" });
  await turn();
  assert.notEqual(keyslot.auth("a"), first);
});

test("headless calls never share a promise: each has its own credential", async () => {
  const first = keyslot.auth("a", "1", { credentials: { apiKey: "one" } });
  const second = keyslot.auth("a", "1", { credentials: { apiKey: "two" } });
  assert.notEqual(first, second);
});

test("the options of a call win over the instance's, which win over configure()", async () => {
  keyslot.configure({ host: "https://one", publicKey: "one", timeout: 1, locale: "en" });
  keyslot.configure({ host: "https://two" });
  const mine = new keyslot.Keyslot({ publicKey: "two", timeout: 2 });
  void mine.auth("a", undefined, { timeout: 3, session: undefined });
  await turn();
  assert.deepEqual(loads[0].calls[0].args[2], {
    host: "https://two",
    publicKey: "two",
    timeout: 3,
    locale: "en",
  });
});

test("the words of a language are there before the module is called, and ahead of the click with preload()", async () => {
  const german = await import("./locales/de.js");
  void keyslot.preload("a", { locale: "de-CH" });
  await task();
  assert.equal(loads[0].calls[0].method, "preload");
  void keyslot.auth("a", "1", { locale: "de-CH" });
  // Without a turn of the event loop: the dialog is drawn within the click.
  assert.deepEqual(loads[0].calls[1].args[2], { locale: "de", words: german.default });
});

test("a call that is aborted or closed while its language is on the way never reaches the module", async () => {
  const signal = new AbortController();
  const aborted = keyslot.auth("a", "1", { locale: "it", signal: signal.signal });
  const closed = keyslot.auth("a", "2", { locale: "it" });
  signal.abort();
  keyslot.close();
  await assert.rejects(aborted, { code: "aborted" });
  await assert.rejects(closed, { code: "window_closed" });
  await task();
  assert.equal(loads[0].calls.length, 0);
});

test("options that are no object reach the module, which refuses them", async () => {
  void keyslot.auth("a", "1", "oops");
  await turn();
  assert.equal(loads[0].calls[0].args[2], "oops");
});

test("configure() refuses what is no object, naming what it got", () => {
  assert.throws(() => keyslot.configure("https://x"), {
    name: "AuthError",
    code: "invalid_argument",
    message: /got string/,
  });
  assert.throws(() => new keyslot.Keyslot(null), { name: "AuthError", code: "invalid_argument", message: /got null/ });
});

test("a failed load rejects with not_supported and is forgotten", async () => {
  let attempts = 0;
  const flaky = createKeyslot({
    address: () => "https://x/keyslot_bg.wasm",
    load: async () => {
      attempts += 1;
      if (attempts === 1) throw new TypeError("Failed to fetch");
      return stubModule();
    },
  });
  await assert.rejects(flaky.auth("a"), (/** @type {any} */ error) => {
    assert.equal(error.code, "not_supported");
    assert.match(error.message, /https:\/\/x\/keyslot_bg\.wasm could not be fetched/);
    assert.ok(error.cause instanceof TypeError);
    return true;
  });
  const second = flaky.auth("a");
  await turn();
  assert.equal(attempts, 2);
  assert.ok(second);
});

test("without a page (server rendering) a call rejects and does not load", async () => {
  Reflect.deleteProperty(globalThis, "document");
  Reflect.deleteProperty(globalThis, "window");
  await assert.rejects(keyslot.auth("a"), { name: "AuthError", code: "not_supported", message: /no page/ });
  assert.equal(loads.length, 0);
  await keyslot.preload("a");
});

test("a trap that only window sees rejects the open call, takes the dialog away and loads afresh next time", async () => {
  const call = keyslot.auth("a");
  await turn();
  let removed = 0;
  page.hosts = [{ remove: () => (removed += 1) }];
  loads[0].hasTrapped = true;
  const trap = realTrap();
  page.report(trap);
  await assert.rejects(call, (/** @type {any} */ error) => {
    assert.equal(error.code, "unknown_error");
    assert.equal(error.cause, trap);
    return true;
  });
  assert.equal(removed, 1);
  void keyslot.auth("a");
  await turn();
  assert.equal(loads.length, 2);
});

test("a trap thrown by the call itself rejects it in the same way", async () => {
  await keyslot.preload();
  const trap = realTrap();
  loads[0].hasTrapped = true;
  loads[0].auth = () => {
    throw trap;
  };
  await assert.rejects(keyslot.auth("a"), { code: "unknown_error", cause: trap });
  void keyslot.auth("a");
  await turn();
  assert.equal(loads.length, 2);
});

test("another module's trap and the page's own errors change nothing", async () => {
  const call = keyslot.auth("a");
  await turn();
  page.report(realTrap());
  page.report(new Error("the page's own"));
  await task();
  loads[0].calls[0].resolve("done");
  assert.equal(await call, "done");
});

test("an exception of the page's own that went through the module rejects the open call too", async () => {
  const call = keyslot.auth("a");
  await turn();
  loads[0].hasTrapped = true;
  const error = new Error("a patched DOM function");
  page.report(error);
  await assert.rejects(call, { code: "unknown_error", cause: error });
});

test("a listener of the page that fails while the module runs is no trap", async () => {
  const call = keyslot.auth("a");
  await turn();
  loads[0].hasTrapped = true;
  page.report(new Error("the page's own focus listener"));
  loads[0].hasTrapped = false;
  await task();
  loads[0].calls[0].resolve("done");
  assert.equal(await call, "done");
});

test("a trap in close() settles the call", async () => {
  const call = keyslot.auth("a");
  await turn();
  loads[0].close = () => {
    throw realTrap();
  };
  keyslot.close();
  await assert.rejects(call, { code: "unknown_error" });
});

test("the page's error events are watched only while a call is open", async () => {
  const call = keyslot.auth("a");
  assert.deepEqual([...page.listening], ["error", "unhandledrejection"]);
  await turn();
  loads[0].calls[0].resolve("done");
  await call;
  await turn();
  assert.deepEqual([...page.listening], []);
});

test("an error of the module is passed on as it is", async () => {
  const call = keyslot.auth("a");
  await turn();
  const error = Object.assign(new Error("closed"), { name: "AuthError", code: "window_closed" });
  loads[0].calls[0].reject(error);
  await assert.rejects(call, (reason) => reason === error);
});

test("close() settles a call that still waits for the module", async () => {
  const call = keyslot.auth("a");
  keyslot.close();
  await assert.rejects(call, { code: "window_closed" });
  await turn();
  assert.equal(loads[0].calls.length, 0);
});

test("close() reaches the open dialog", async () => {
  void keyslot.auth("a");
  await turn();
  keyslot.close();
  assert.equal(loads[0].closed, 1);
});

test("a signal that fires while the module loads rejects with aborted, and the call never begins", async () => {
  const controller = new AbortController();
  const call = keyslot.auth("a", "1", { signal: controller.signal });
  controller.abort("changed my mind");
  await assert.rejects(call, { code: "aborted", cause: "changed my mind" });
  await turn();
  assert.equal(loads[0].calls.length, 0);
});

test("a signal that has fired already rejects with aborted", async () => {
  await assert.rejects(keyslot.auth("a", "1", { signal: AbortSignal.abort() }), { code: "aborted" });
});
