import { auth } from "./keyslot/index.js";
import { connectWith } from "./connect.js";

connectWith(auth);
