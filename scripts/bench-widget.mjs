// `npm run bench:widget`: builds what bench/widget measures, and runs it. `RUNS=5` makes it shorter.
// It only builds; bench/widget measures.
import path from "node:path";
import { spawn } from "node:child_process";
import { buildWidget } from "./build-widget.mjs";
import { installBrowser } from "./install-browser.mjs";
import { installTools } from "./install-tools.mjs";
import { main, runStep, StepFailed } from "./run-step.mjs";
import { root, toolEnv } from "./workspace.mjs";

await main(async () => {
  await installTools();
  const { chrome } = await installBrowser();
  await buildWidget();
  await runStep("Building keyslot-server as it is shipped (minutes, the first time)", "cargo", [
    ...["build", "--locked", "--release", "-p", "keyslot-server"],
  ]);
  const bench = path.join(root, "bench", "widget", "bench.mjs");
  const child = spawn(process.execPath, [bench], { cwd: root, stdio: "inherit", env: toolEnv({ CHROME: chrome }) });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new StepFailed(`The benchmark ended with code ${code}.`);
});
