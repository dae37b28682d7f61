// As external.js; what is loaded ahead of it is in the page (e2e/customer-app.mjs).
import * as keyslot from "/assets/external.js";
import { connectWith } from "./run-task.js";

connectWith(keyslot);
