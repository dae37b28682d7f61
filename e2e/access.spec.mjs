// Everyone can use it: WCAG 2.2 A and AA and axe's best practices on every state of the dialog, in both
// directions, light, dark and with forced colours; what a screen reader is told; small and zoomed windows.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "./fixtures.mjs";
import { STATES } from "./states.mjs";

// Half of all tests of this folder: without this they would all be one worker's.
test.describe.configure({ mode: "parallel" });

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** @type {{ name: string, media: NonNullable<Parameters<import("@playwright/test").Page["emulateMedia"]>[0]> }[]} */
const MEDIA = [
  { name: "light", media: { colorScheme: "light", forcedColors: "none" } },
  { name: "dark", media: { colorScheme: "dark", forcedColors: "none" } },
  { name: "light, forced colours", media: { colorScheme: "light", forcedColors: "active" } },
  { name: "dark, forced colours", media: { colorScheme: "dark", forcedColors: "active" } },
];

/** What axe finds, one line a node. @param {import("@playwright/test").Page} page */
async function violations(page) {
  // While the page's scrolling is locked, axe takes for hidden what lies below the end of a short page.
  await page.evaluate(() => (document.documentElement.style.minHeight = "100vh"));
  // Legacy mode: no second page to report from. It is for frames of other origins, of which there are none.
  const found = await new AxeBuilder({ page }).setLegacyMode(true).withTags(RULES).analyze();
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.any.map((check) => check.message).join(" ")}`),
  );
}

/** The pressable things of the dialog that are smaller than 24 CSS px either way (WCAG 2.2, 2.5.8). */
const small = (/** @type {import("@playwright/test").Page} */ page) =>
  page.locator("[data-keyslot]").evaluate((host) => {
    const all = /** @type {ShadowRoot} */ (host.shadowRoot).querySelectorAll("button, a, summary, input, select");
    return [...all].flatMap((element) => {
      const { width, height } = element.getBoundingClientRect();
      return width > 0 && Math.min(width, height) < 23.99 ? [`${element.outerHTML} is ${width} × ${height}`] : [];
    });
  });

/**
 * @typedef {object} Reach
 * @property {(name: string, options?: Record<string, unknown>) => Promise<void>} reach opens the dialog in a state
 */
const stateTest = test.extend(
  /** @type {import("@playwright/test").Fixtures<Reach, {}, import("./fixtures.mjs").OfTest & import("@playwright/test").PlaywrightTestArgs, import("./fixtures.mjs").OfWorker>} */ ({
    reach: async ({ page, dialog, world, open }, use) => {
      await use(async (name, more) => {
        const state = STATES.find((state) => state.name === name);
        if (!state) throw new Error(`There is no state named ${name}.`);
        const scene = { page, dialog, world };
        await state.before?.(scene);
        await open({ ...state.task, options: { ...state.task.options, ...more } });
        await state.reach(scene);
      });
    },
  }),
);

for (const locale of ["en", "ar"]) {
  for (const { name } of STATES) {
    stateTest(
      `${name}, ${locale}: axe finds nothing in any colours, and every target is large enough`,
      async ({ page, reach }) => {
        await page.emulateMedia({ reducedMotion: "reduce" });
        await reach(name, { locale });
        for (const { name, media } of MEDIA) {
          await page.emulateMedia(media);
          expect(await violations(page), name).toEqual([]);
        }
        expect(await small(page)).toEqual([]);
      },
    );
  }
}

stateTest("axe looks into the dialog: text that is too pale is found there", async ({ page, reach }) => {
  await page.emulateMedia({ reducedMotion: "reduce", colorScheme: "light" });
  await reach("basic", { theme: { tokens: { text: "#bbb" } } });
  const found = await violations(page);
  expect(found.length).toBeGreaterThan(1);
  for (const line of found) expect(line).toMatch(/^color-contrast: <(h2|label|p|span) /);
});

stateTest(
  "a screen reader is told that it is loading, in regions that were there before",
  async ({ dialog, reach }) => {
    await reach("loading");
    await expect(dialog.root).toMatchAriaSnapshot(`
    - dialog "Connect your account":
      - heading "Connect your account" [level=2]
      - button "Close"
      - status: Loading…
      - alert
      - button "Connect" [disabled]
  `);
    await expect(dialog.root).toHaveAttribute("aria-busy", "true");
  },
);

stateTest("a form has names, descriptions and required marks", async ({ dialog, reach }) => {
  await reach("every-field");
  await expect(dialog.root).toMatchAriaSnapshot(`
    - dialog "Connect Acme Cloud":
      - heading "Connect Acme Cloud" [level=2]
      - button "Close"
      - status
      - alert
      - text: Sub-domain
      - paragraph: The first part of your address.
      - text: https://
      - textbox "Sub-domain":
        - /placeholder: acme
      - text: .acme.invalid
      - link "Where do I find this?"
      - text: Region
      - paragraph: Where your data is kept.
      - combobox "Region":
        - option "eu" [selected]
        - option "us"
        - option "ap"
      - text: Secret key
      - paragraph: Begins with acme_live_.
      - textbox "Secret key":
        - /placeholder: acme_live_…
      - button "Show Secret key"
      - group:
        - text: Where do I find this?
        - list:
          - listitem: Sign in to Acme Cloud and open Settings, Developers.
          - listitem: Choose Create secret key.
          - listitem: Copy the key; it is shown once.
        - link "Open Acme Cloud’s guide"
      - text: Project (optional)
      - paragraph: Only when your key is for one project.
      - textbox "Project (optional)"
      - button "Connect"
  `);
  await expect(dialog.field("apiKey")).toHaveAccessibleDescription("Begins with acme_live_.");
  await expect(dialog.field("apiKey")).toHaveAttribute("aria-required", "true");
  await expect(dialog.field("project")).not.toHaveAttribute("aria-required", "true");
});

stateTest("a refusal is an alert, and the field to blame says so and has the focus", async ({ dialog, reach }) => {
  await reach("refused");
  await expect(dialog.root.getByRole("alert")).toMatchAriaSnapshot(`
    - alert:
      - paragraph: Acme Mail did not accept this.
      - paragraph: Check that you copied all of it, or create a new key in Acme Mail.
      - paragraph:
        - text: /Reference \\S+/
        - button "Copy"
  `);
  await expect(dialog.field("apiKey")).toHaveAttribute("aria-invalid", "true");
  await expect(dialog.field("apiKey")).toBeFocused();
});

stateTest("what is missing is part of the field's description", async ({ dialog, reach }) => {
  await reach("empty");
  await expect(dialog.field("username")).toHaveAccessibleDescription(/Fill this in to connect\.$/);
  await expect(dialog.field("password")).toHaveAccessibleDescription(/Fill this in to connect\.$/);
  await expect(dialog.field("username")).toBeFocused();
});

stateTest("success is said and has the focus", async ({ dialog, reach }) => {
  await reach("success");
  await expect(dialog.root).toMatchAriaSnapshot(`
    - dialog "Connect Acme Mail":
      - heading "Connect Acme Mail" [level=2]
      - button "Close"
      - status: "Acme Mail is connected. Account: Acme Ltd"
      - paragraph: Acme Mail is connected
      - paragraph: "Account: Acme Ltd"
      - button "Done"
  `);
  await expect(dialog.root.getByRole("button", { name: "Done" })).toBeFocused();
});

stateTest(
  "Tab goes through the dialog in the order of the screen and never into the page",
  async ({ page, dialog, reach }) => {
    await reach("every-field");
    await dialog.close.focus();
    /** @type {{ y: number, name: string }[]} */
    const stops = [];
    for (let press = 0; press < 9; press += 1) {
      await page.keyboard.press("Tab");
      stops.push(
        await dialog.host.evaluate((host) => {
          const focused = host.shadowRoot?.activeElement;
          if (!focused) return { y: Number.NaN, name: `outside: ${document.activeElement?.outerHTML}` };
          const y = focused.getBoundingClientRect().y + (focused.closest("dialog")?.scrollTop ?? 0);
          return { y, name: focused.getAttribute("name") ?? focused.textContent ?? "" };
        }),
      );
    }
    expect(stops.map(({ name }) => name)).toEqual([
      "subdomain",
      "Where do I find this?",
      "region",
      "apiKey",
      "Show",
      "Where do I find this?",
      "Open Acme Cloud’s guide",
      "project",
      "Connect",
    ]);
    const line = (/** @type {number} */ y) => Math.round(y / 12); // the toggle is beside its field
    expect(stops.map(({ y }) => line(y))).toEqual(stops.map(({ y }) => line(y)).toSorted((a, b) => a - b));
  },
);

for (const [name, viewport] of /** @type {[string, { width: number, height: number }][]} */ ([
  ["400 % zoom of 1280 × 1024", { width: 320, height: 256 }],
  ["a phone held sideways", { width: 667, height: 320 }],
])) {
  for (const state of ["every-field", "repaired", "unavailable-save", "success"]) {
    stateTest(
      `${state}, ${name}: nothing scrolls sideways and everything can be reached`,
      async ({ page, dialog, reach }) => {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ reducedMotion: "reduce" });
        await reach(state, { locale: "de" }); // long words
        // What scrolls or cuts off; a box of text scrolls inside itself, and what is only spoken is cut off on purpose.
        const wide = await dialog.host.evaluate((host) =>
          [.../** @type {ShadowRoot} */ (host.shadowRoot).querySelectorAll("*")]
            .filter((element) => element.scrollWidth > element.clientWidth + 1)
            .filter((element) => getComputedStyle(element).overflowX !== "visible")
            .filter((element) => !["INPUT", "SELECT"].includes(element.tagName) && element.role !== "status")
            .map(
              (element) => `${element.tagName}.${element.className} ${element.scrollWidth} > ${element.clientWidth}`,
            ),
        );
        expect(wide).toEqual([]);
        for (const target of await dialog.root
          .locator("button:visible, a:visible, input:visible, select:visible")
          .all()) {
          await target.scrollIntoViewIfNeeded();
          const box = await target.boundingBox();
          if (!box) throw new Error("not on screen");
          expect(box.x).toBeGreaterThanOrEqual(0);
          expect(box.x + box.width).toBeLessThanOrEqual(viewport.width);
          expect(box.y).toBeGreaterThanOrEqual(-0.5);
          expect(box.y + box.height).toBeLessThanOrEqual(viewport.height + 0.5);
        }
      },
    );
  }
}

stateTest("motion is short, and there is none for whoever asked for none", async ({ page, dialog, reach }) => {
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await reach("loading");
  // The sheet's rules, whatever has ended by now.
  const durations = () =>
    dialog.root.evaluate((dialog) =>
      ["", "::backdrop"].map((pseudo) => {
        const style = getComputedStyle(dialog, pseudo || null);
        return style.animationName === "none" ? 0 : Number.parseFloat(style.animationDuration) * 1000;
      }),
    );
  for (const duration of await durations()) {
    expect(duration).toBeGreaterThanOrEqual(120);
    expect(duration).toBeLessThanOrEqual(200);
  }
  await page.emulateMedia({ reducedMotion: "reduce" });
  expect(await durations()).toEqual([0, 0]);
});
