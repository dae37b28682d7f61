import { connectWith } from "./run-task.js";

// Set by <script src="/assets/global.js" integrity="…">.
connectWith(/** @type {any} */ (globalThis).Keyslot);
