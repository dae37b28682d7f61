// `npm run size`: prints what the browser fetches, in bytes, and fails when it is over the budget
// (scripts/size-table.mjs). `npm run size -- --items` adds an account of what holds the bytes of the module
// (scripts/size-items.mjs).
// Not size-limit: the budget is a sum of files, as a page fetches them, and `--items` reads the module.
import { buildWidget } from "./build-widget.mjs";
import { installTools } from "./install-tools.mjs";
import { main } from "./run-step.mjs";
import { printItems } from "./size-items.mjs";
import { printSizes } from "./size-table.mjs";

await main(async () => {
  await installTools();
  await buildWidget();
  if (process.argv.includes("--items")) await printItems();
  await printSizes();
});
