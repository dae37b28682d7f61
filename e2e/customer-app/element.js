import "/assets/element.js";
import { describe, show, task } from "./run-task.js";

// As a page without a build has it, but for the attributes, which come from the address.
const button = /** @type {import("/assets/element.js").KeyslotConnectElement} */ (
  document.createElement("keyslot-connect")
);
const session = `/connect-session?${new URLSearchParams(task.connectionId ? { user: `${task.connectionId}` } : {})}`;
const attributes = { "session-url": session, host: task.host, .../** @type {any} */ (task.options) };
for (const [name, value] of Object.entries(attributes)) button.setAttribute(name, value);
button.setAttribute("integration", /** @type {string} */ (task.integrationId));
if (task.connectionId) button.setAttribute("connection", /** @type {string} */ (task.connectionId));
button.append("Connect Acme");
document.querySelector("main")?.append(button);
document.addEventListener("keyslot-connected", (event) => show({ result: event.detail }));
document.addEventListener("keyslot-error", (event) => show(describe(event.detail)));
