// Pages that are hard on a guest: focus traps, libraries that switch off whatever is not theirs, rules
// for everything, other layers on top. The dialog must work there, and leave the page as it was.
import { buildSync } from "esbuild";
import { Dialog, expect, test as base } from "./fixtures.mjs";
import { ACCEPTED } from "./provider-api.mjs";
import { paste } from "./states.mjs";
import { root } from "../scripts/workspace.mjs";

/** The page's own modal code, from the stock package. */
const FOCUS_TRAP = buildSync({
  stdin: { contents: `export { createFocusTrap } from "focus-trap";`, resolveDir: root },
  bundle: true,
  format: "iife",
  globalName: "focusTrap",
  write: false,
}).outputFiles[0].text;

/**
 * @typedef {object} Host
 * @property {(spoil: () => void) => Promise<void>} on opens the dialog on a page on which `spoil` was run
 * @property {() => Promise<void>} connects types the key, presses Connect, and sees the promise resolve
 */
const test = base.extend(
  /** @type {import("@playwright/test").Fixtures<Host, {}, import("./fixtures.mjs").OfTest & import("@playwright/test").PlaywrightTestArgs, import("./fixtures.mjs").OfWorker>} */ ({
    on: async ({ page, world, dialog, connectionId }, use) => {
      await use(async (spoil) => {
        await page.goto(world.app.page("module", { integrationId: "acme-key", connectionId }));
        await page.evaluate(spoil);
        await page.locator("#connect").press("Enter");
        await expect(dialog.field("apiKey")).toBeFocused();
      });
    },
    connects: async ({ page, dialog, outcome, connectionId }, use) => {
      await use(async () => {
        await dialog.field("apiKey").click();
        await page.keyboard.type(ACCEPTED.apiKey);
        await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
        await dialog.submit.click();
        expect((await outcome()).result.connectionId).toBe(connectionId);
        await expect(dialog.host).toHaveCount(0);
      });
    },
  }),
);

test.describe("an active focus trap", () => {
  const trap = () => {
    const { createFocusTrap } = /** @type {any} */ (globalThis).focusTrap;
    const state = { deactivated: 0 };
    const trap = createFocusTrap(document.querySelector("main"), { onDeactivate: () => (state.deactivated += 1) });
    trap.activate();
    Object.assign(globalThis, { trapState: state });
  };
  const deactivated = (/** @type {import("@playwright/test").Page} */ page) =>
    page.evaluate(() => /** @type {any} */ (globalThis).trapState.deactivated);

  test.beforeEach(async ({ page }) => {
    await page.addInitScript({ content: `globalThis.focusTrap = (() => { ${FOCUS_TRAP}; return focusTrap; })();` });
  });

  test("one can type, press, and connect", async ({ on, connects }) => {
    await on(trap);
    await connects();
  });

  test("the first Escape closes the dialog and not the trap, and the focus goes back", async ({
    page,
    on,
    outcome,
    dialog,
  }) => {
    await on(trap);
    await page.keyboard.press("Escape");
    expect((await outcome()).error.code).toBe("window_closed");
    await expect(dialog.host).toHaveCount(0);
    expect(await deactivated(page)).toBe(0);
    await expect(page.locator("#connect")).toBeFocused();
  });

  test("Tab goes through the dialog, and the mouse puts the focus where it points", async ({ page, on, dialog }) => {
    await on(trap);
    await page.keyboard.press("Tab");
    await expect(dialog.root.locator("[part~=toggle]")).toBeFocused();
    await page.keyboard.press("Tab");
    await expect(dialog.submit).toBeFocused();
    await dialog.field("apiKey").click();
    await expect(dialog.field("apiKey")).toBeFocused();
    await dialog.root.locator("[part~=toggle]").click();
    await expect(dialog.field("apiKey")).toHaveAttribute("type", "text");
    await dialog.close.click();
    await expect(dialog.host).toHaveCount(0);
  });
});

test("a library that takes pointer events from the page and hides it from screen readers", async ({ on, connects }) => {
  await on(() => {
    document.body.style.pointerEvents = "none";
    for (const child of document.body.children) child.setAttribute("aria-hidden", "true");
  });
  await connects();
});

test("a library that makes strangers inert when they appear", async ({ page, on, dialog, connects }) => {
  await on(() => {
    new MutationObserver((records) => {
      for (const { addedNodes } of records)
        for (const node of addedNodes)
          if (node instanceof HTMLElement) {
            node.inert = true;
            node.setAttribute("aria-hidden", "true");
            node.setAttribute("data-aria-hidden", "true");
          }
    }).observe(document.body, { childList: true });
  });
  await expect(dialog.host).not.toHaveAttribute("inert");
  await expect(dialog.host).not.toHaveAttribute("aria-hidden");
  await expect(page.getByRole("dialog", { name: "Connect Acme Mail" })).toBeVisible();
  await connects();
});

test("rules for everything, all of them important, change nothing in the dialog", async ({ page, on, dialog }) => {
  const look = () =>
    dialog.host.evaluate((host) => {
      const all = [.../** @type {ShadowRoot} */ (host.shadowRoot).querySelectorAll("*")];
      return all.map((element) => {
        const style = getComputedStyle(element);
        // Every property that is not the page's own to set: custom properties are not listed by `length`.
        return [element.tagName, ...[...style].map((name) => `${name}: ${style.getPropertyValue(name)}`)].join("\n");
      });
    });
  await page.emulateMedia({ reducedMotion: "reduce" });
  await on(() => {});
  const before = await look();
  await page.goto("about:blank");
  await on(() => {
    const rules = new CSSStyleSheet();
    rules.replaceSync(`
      * {
        all: unset !important; display: inline !important; position: static !important; float: right !important;
        font: italic 40px/3 serif !important; letter-spacing: 9px !important; word-spacing: 9px !important;
        text-transform: uppercase !important; text-align: right !important; text-indent: 40px !important;
        color: red !important; background: lime !important; cursor: wait !important; opacity: 0.2 !important;
        visibility: hidden !important; pointer-events: none !important; user-select: none !important;
        direction: rtl !important; writing-mode: vertical-rl !important;
        transform: scale(0.5) !important; filter: blur(3px) !important; animation: none !important;
        --bg: red !important; --fg: red !important; --fill: red !important; --line: red !important;
      }
      #connect { visibility: visible !important; }
    `);
    document.adoptedStyleSheets.push(rules);
  });
  expect(await look()).toEqual(before);
});

test("a transform on body neither moves nor scales the dialog", async ({ page, on, dialog, connects }) => {
  await page.emulateMedia({ reducedMotion: "reduce" }); // its own motion is no part of this
  await on(() => {
    document.body.style.transform = "scale(0.5) rotate(10deg)";
    document.body.style.filter = "grayscale(1)";
    document.body.style.overflow = "hidden";
    document.body.style.width = "10px";
  });
  const box = await dialog.root.boundingBox();
  const size = page.viewportSize();
  if (!box || !size) throw new Error("not on screen");
  expect(box.width).toBe(416);
  expect(Math.abs(box.x + box.width / 2 - size.width / 2)).toBeLessThan(1);
  expect(Math.abs(box.y + box.height / 2 - size.height / 2)).toBeLessThan(1);
  await connects();
});

test("another modal dialog stays open below, and gets the focus back", async ({ page, on, dialog, outcome }) => {
  await on(() => {
    const other = document.createElement("dialog");
    other.id = "theirs";
    other.append(/** @type {Node} */ (document.querySelector("main")));
    document.body.append(other);
    other.showModal();
  });
  await dialog.submit.click(); // on top: nothing of theirs is hit
  await expect(dialog.field("apiKey")).toHaveAttribute("aria-invalid", "true");
  await page.keyboard.press("Escape");
  expect((await outcome()).error.code).toBe("window_closed");
  expect(await page.locator("#theirs").evaluate((other) => /** @type {HTMLDialogElement} */ (other).open)).toBe(true);
  await expect(page.locator("#connect")).toBeFocused();
});

test("an overlay of the highest z-index is below", async ({ on, connects }) => {
  await on(() => {
    const overlay = document.createElement("div");
    overlay.style.cssText = "position:fixed;inset:0;z-index:2147483647;background:#000";
    document.body.append(overlay);
  });
  await connects();
});

test("a popover that opens later does not cover it for good: the dialog still takes its keys", async ({
  page,
  on,
  dialog,
  connects,
}) => {
  await on(() => {});
  await page.evaluate(() => {
    const toast = document.createElement("div");
    toast.popover = "manual";
    toast.style.cssText = "inset:auto 0 0 auto;width:100px;height:40px";
    document.body.append(toast);
    toast.showPopover();
  });
  await expect(dialog.field("apiKey")).toBeFocused();
  await connects();
});

test("layers of the page that close on a press or a focus elsewhere stay open, and a scroll lock lets the wheel through", async ({
  page,
  on,
  dialog,
  connects,
}) => {
  await on(() => {
    /** @type {string[]} */
    const heard = [];
    for (const type of ["pointerdown", "mousedown", "click", "focusin", "wheel", "touchmove"])
      document.addEventListener(
        type,
        (event) => {
          if (!(/** @type {Element} */ (event.target).matches("[data-keyslot]"))) return;
          heard.push(type);
          if (event.cancelable) event.preventDefault();
        },
        { capture: true, passive: false },
      );
    Object.assign(globalThis, { heard });
  });
  await page.setViewportSize({ width: 400, height: 200 });
  await dialog.root.hover();
  await page.mouse.wheel(0, 50);
  await expect.poll(() => dialog.root.evaluate((dialog) => dialog.scrollTop)).toBeGreaterThan(0);
  await connects();
  expect(await page.evaluate(() => /** @type {any} */ (globalThis).heard)).toEqual([]);
});

test("shortcuts of the page do not hear what is typed", async ({ page, on, dialog }) => {
  await on(() => {
    /** @type {string[]} */
    const heard = [];
    for (const type of /** @type {const} */ (["keydown", "keypress", "keyup"])) {
      document.addEventListener(type, (event) => heard.push(`${type} ${event.key}`));
      window.addEventListener(type, (event) => heard.push(`${type} ${event.key}`));
    }
    Object.assign(globalThis, { heard });
  });
  await page.keyboard.type("sk?");
  await expect(dialog.field("apiKey")).toHaveValue("sk?");
  // Enter on the page's button, which opened the dialog, was let go after it.
  const heard = await page.evaluate(() => /** @type {any} */ (globalThis).heard);
  expect(heard.filter((/** @type {string} */ key) => !key.endsWith("Enter"))).toEqual([]);
});

test("a page that forbids pasting, typing, copying and the context menu forbids nothing in the dialog", async ({
  page,
  on,
  dialog,
  outcome,
}) => {
  await on(() => {
    for (const type of ["paste", "beforeinput", "copy", "cut", "contextmenu"]) {
      const forbid = (/** @type {Event} */ event) => {
        event.preventDefault();
        event.stopImmediatePropagation();
      };
      document.addEventListener(type, forbid, true);
      document.addEventListener(type, forbid);
    }
  });
  await page.keyboard.type("acme");
  await expect(dialog.field("apiKey")).toHaveValue("acme");
  await dialog.field("apiKey").fill("");
  await paste(dialog.field("apiKey"), "acme_live_4321");
  await expect(dialog.field("apiKey")).toHaveValue("acme_live_4321");
  await page.keyboard.press("Control+A");
  await paste(dialog.field("apiKey"), `Authorization: Bearer ${ACCEPTED.apiKey}`);
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
  await expect(dialog.note).toContainText("removed");
  const allowed = await dialog.title.evaluate((title) =>
    ["copy", "cut", "contextmenu"].filter((type) =>
      title.dispatchEvent(new Event(type, { bubbles: true, cancelable: true, composed: true })),
    ),
  );
  expect(allowed).toEqual(["copy", "cut", "contextmenu"]);
  await dialog.submit.click();
  await outcome();
});

test("a page that forbids pasting before anybody else hears of it does not either", async ({ page, on, dialog }) => {
  await page.addInitScript(() => window.addEventListener("paste", (event) => event.preventDefault(), true));
  await on(() => {});
  await paste(dialog.field("apiKey"), ACCEPTED.apiKey);
  await expect(dialog.field("apiKey")).toHaveValue(ACCEPTED.apiKey);
});

for (const [way, send] of /** @type {[string, (dialog: Dialog) => Promise<void>][]} */ ([
  ["the button", (dialog) => dialog.submit.click()],
  ["Enter", (dialog) => dialog.field("apiKey").press("Enter")],
])) {
  test(`a sandboxed frame without allow-forms: ${way} connects, once`, async ({ page, world, connectionId }) => {
    const url = world.app.page("module", { integrationId: "acme-key", connectionId });
    await page.setContent(`<iframe sandbox="allow-scripts allow-same-origin" width="600" height="600"></iframe>`);
    await page.locator("iframe").evaluate((frame, url) => frame.setAttribute("src", url), url);
    const frame = page.frameLocator("iframe");
    // As far as the dialog needs it, a frame is a page.
    const dialog = new Dialog(/** @type {any} */ (frame));
    let posts = 0;
    page.on(
      "request",
      (request) => (posts += Number(request.method() === "POST" && request.url().includes("api-auth"))),
    );
    await frame.getByRole("button", { name: "Connect" }).click();
    await dialog.field("apiKey").waitFor();
    await send(dialog);
    await expect(dialog.field("apiKey")).toHaveAttribute("aria-invalid", "true");
    await dialog.field("apiKey").fill(ACCEPTED.apiKey);
    await send(dialog);
    await expect(frame.locator("#outcome")).toContainText(`"connectionId":"${connectionId}"`);
    expect(posts).toBe(1);
  });
}

test("a page that replaces its whole body ends the call", async ({ page, on, outcome }) => {
  await on(() => {});
  await page.evaluate(() => {
    const body = document.createElement("body");
    body.append(/** @type {Node} */ (document.querySelector("main")));
    document.documentElement.replaceChild(body, document.body);
  });
  expect((await outcome()).error.code).toBe("window_closed");
});
