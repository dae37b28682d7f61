// The ways in under the strict policy, in each of the three engines, driven by their own WebDrivers. What
// the dialog does in them is told by the widget's tests, which `npm run test:browsers` runs there too.
// The drivers' addresses come from scripts/browsers.mjs.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Builder, Capabilities, Key, until } from "selenium-webdriver";
import { startWorld } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";

/** @type {Record<string, { driver: string, capabilities: object }>} */
const BROWSERS = JSON.parse(process.env.KEYSLOT_BROWSERS ?? "{}");
const WAIT_MS = 20_000;

/** @type {import("./fixtures.mjs").World} */
let world;
before(async () => {
  world = await startWorld();
});
after(() => world.close());

assert.ok(Object.keys(BROWSERS).length > 0, "KEYSLOT_BROWSERS names no browser: run `npm run test:browsers`.");

for (const [name, { driver: server, capabilities }] of Object.entries(BROWSERS)) {
  describe(name, () => {
    /** @type {import("selenium-webdriver").WebDriver} */
    let driver;
    before(async () => {
      driver = await new Builder()
        .usingServer(server)
        .withCapabilities(new Capabilities(/** @type {any} */ (capabilities)))
        .build();
    });
    after(() => driver?.quit());

    /** @param {string} kind @param {Record<string, unknown>} task @param {string} [more] */
    async function open(kind, task, more = "") {
      await driver.get(world.app.page(kind, { integrationId: "acme-key", ...task }) + more);
      // WebKitGTK asks for a page's icon by itself, at any time, and reports that as the page's.
      await driver.executeScript(
        "window.violations = []; addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => blockedURI.endsWith('/favicon.ico') || violations.push(violatedDirective + ' ' + blockedURI));",
      );
    }

    /** @param {string} id */
    async function press(id) {
      // A module script runs before `load`, which WebDriver waits for.
      await driver.executeScript("document.getElementById(arguments[0]).click()", id);
    }

    /** @param {string} selector inside the dialog @returns {Promise<any>} */
    function inDialog(selector) {
      return driver.wait(
        () =>
          driver.executeScript(
            "return document.querySelector('[data-keyslot]')?.shadowRoot.querySelector(arguments[0])",
            selector,
          ),
        WAIT_MS,
        `${selector} did not come`,
      );
    }

    async function outcome() {
      const output = await driver.findElement({ id: "outcome" });
      await driver.wait(until.elementTextMatches(output, /^\{/), WAIT_MS);
      return JSON.parse(await output.getText());
    }

    const violations = () => driver.executeScript("return violations");

    for (const kind of ["module", "external", "classic"]) {
      test(`${kind}: connects under the strict policy, and nothing violates it`, async () => {
        const connectionId = `${name}-${kind}`;
        await open(kind, { connectionId });
        await press("connect");
        const field = await inDialog('[name="apiKey"]');
        await driver.wait(
          () => driver.executeScript("return arguments[0].getRootNode().activeElement === arguments[0]", field),
          WAIT_MS,
          "the field did not get the focus",
        );
        await field.sendKeys(ACCEPTED.apiKey);
        const submit = await inDialog("[part~=submit]");
        await submit.click();
        assert.equal((await outcome()).result.connectionId, connectionId);
        assert.deepEqual(await violations(), []);
        const connection = await world.sdk.getConnection("acme-key", connectionId);
        assert.deepEqual(connection.credentials, { type: "API_KEY", apiKey: ACCEPTED.apiKey });
      });

      test(`${kind}: a policy that blocks WebAssembly is named, with the line to add`, async () => {
        await open(kind, {}, "&csp=no-wasm");
        await press("connect");
        const { error } = await outcome();
        assert.equal(error.code, "not_supported");
        assert.match(error.message, /'wasm-unsafe-eval'/);
      });
    }

    test("a key that is pasted by the keyboard is tidied up, says so, and Undo brings it back", async () => {
      const pasted = `Authorization: Bearer ${ACCEPTED.apiKey}`;
      await open("module", {});
      const source = await driver.executeScript(
        "const box = document.createElement('textarea'); box.value = arguments[0]; document.body.append(box); return box",
        pasted,
      );
      const control = async (/** @type {string} */ keys) =>
        driver.actions().keyDown(Key.CONTROL).sendKeys(keys).keyUp(Key.CONTROL).perform();
      await driver.executeScript("arguments[0].focus()", source);
      await control("ac");
      // Copying ends some time after the key: in another process, in WebKitGTK. Until it has, there is nothing to paste.
      const probe = await driver.executeScript(
        "const box = document.createElement('textarea'); document.body.append(box); return box",
      );
      await driver.wait(
        async () => {
          await driver.executeScript("arguments[0].value = ''; arguments[0].focus()", probe);
          await control("v");
          await driver.sleep(200);
          return (await driver.executeScript("return arguments[0].value", probe)) === pasted;
        },
        WAIT_MS,
        "the clipboard did not get what was copied",
      );
      await press("connect");
      const field = await inDialog('[name="apiKey"]');
      const holds = (/** @type {string} */ value) =>
        driver.wait(async () => (await field.getProperty("value")) === value, WAIT_MS, `the field has not ${value}`);
      await driver.executeScript("arguments[0].focus()", field);
      await control("v");
      await holds(ACCEPTED.apiKey);
      const note = await inDialog(".note");
      assert.match(await note.getText(), /removed/);
      await (await inDialog(".note button")).click();
      await holds(pasted);
      await field.sendKeys(Key.ESCAPE);
      assert.equal((await outcome()).error.code, "window_closed");
    });

    test("Escape closes the dialog, and the focus is where it was", async () => {
      await open("module", {});
      await driver.executeScript("document.getElementById('connect').focus()");
      await press("connect");
      const field = await inDialog('[name="apiKey"]');
      await field.sendKeys(Key.ESCAPE);
      assert.equal((await outcome()).error.code, "window_closed");
      assert.equal(await driver.executeScript("return document.activeElement.id"), "connect");
    });

    test("the element connects under the strict policy", async () => {
      await open("element", { connectionId: `${name}-element` });
      await driver.executeScript("document.querySelector('keyslot-connect').connect()");
      await (await inDialog('[name="apiKey"]')).sendKeys(ACCEPTED.apiKey);
      await (await inDialog("[part~=submit]")).click();
      assert.equal((await outcome()).result.connectionId, `${name}-element`);
      assert.deepEqual(await violations(), []);
    });

    test("keyslot/nango connects under the strict policy", async () => {
      await open("nango", {});
      const result = /** @type {any} */ (
        await driver.executeAsyncScript(
          "const done = arguments[arguments.length - 1]; run('keyslot', { connectSessionToken: true }, 'auth', ['acme-key', { credentials: arguments[0] }]).then(done)",
          { apiKey: ACCEPTED.apiKey },
        )
      );
      assert.equal(result.result.providerConfigKey, "acme-key");
      assert.deepEqual(await violations(), []);
    });
  });
}
