// wasm-pack's own output, with nothing around it.
import init, { auth } from "./pkg/keyslot.js";
import { connectWith } from "./connect.js";

await init();
connectWith(auth);
