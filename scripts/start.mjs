// `npm start`: installs what is missing, builds, and runs `keyslot-server --dev` until Ctrl-C.
// Its last line is the address of the demo page.
// Not concurrently: each step needs the one before.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { buildServer } from "./build-server.mjs";
import { buildWidget } from "./build-widget.mjs";
import { installTools } from "./install-tools.mjs";
import { main, say, StepFailed } from "./run-step.mjs";
import { root } from "./workspace.mjs";

const listen = process.env.KEYSLOT_LISTEN || "127.0.0.1:3003";

await main(async () => {
  say("Keyslot: preparing a development server");
  await refuseTakenPort(listen);
  await installTools();
  await buildWidget();
  const binary = await buildServer();

  const server = spawn(binary, ["--dev", "--listen", listen], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  // Ctrl-C reaches the server by itself (same process group); a plain `kill` of this process does not.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => server.kill("SIGTERM"));
  process.on("exit", () => server.kill("SIGTERM"));

  createInterface({ input: server.stdout }).on("line", (line) => {
    const ready = line.match(/^keyslot-server listening on (http:\/\/\S+)$/);
    // A moment later, so that it comes after what the server says on stderr at its start.
    if (ready)
      setTimeout(
        () =>
          say(
            `\n  Server:    ${ready[1]}\n  Dashboard: ${ready[1]}/dashboard\n  Demo page: ${ready[1]}/demo/   (Ctrl-C stops it)\n`,
          ),
        100,
      );
    else say(line);
  });
  const [code, signal] = await new Promise((resolve) => server.on("close", (...ending) => resolve(ending)));
  if (code !== 0 && signal === null) throw new StepFailed(`keyslot-server ended with code ${code}; it says why above.`);
});

/**
 * Says at once that the port is taken, instead of after a build.
 * @param {string} address
 */
async function refuseTakenPort(address) {
  const match = address.match(/^(?:\[(.+)\]|([^:]+)):(\d+)$/);
  if (!match) throw new StepFailed(`KEYSLOT_LISTEN is "${address}"; it must be ADDRESS:PORT, such as 127.0.0.1:3003.`);
  const host = match[1] ?? match[2];
  const port = Number(match[3]);
  await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (/** @type {NodeJS.ErrnoException} */ error) => {
      const taken = error.code === "EADDRINUSE";
      reject(
        new StepFailed(
          taken
            ? `Port ${port} of ${host} is taken, perhaps by another Keyslot. Stop that one, or choose another port: KEYSLOT_LISTEN=${host}:${port + 1} npm start`
            : `Cannot listen on ${address}: ${error.message}`,
        ),
      );
    });
    probe.listen({ host, port }, () => probe.close(resolve));
  });
}
