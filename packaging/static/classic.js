import { connectWith } from "./connect.js";

connectWith(globalThis.Keyslot.auth);
