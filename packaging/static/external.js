import { auth } from "./keyslot/external.js";
import { connectWith } from "./connect.js";

connectWith(auth);
