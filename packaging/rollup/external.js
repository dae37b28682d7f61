import { auth } from "keyslot/external";
import { connectWith } from "./connect.js";

connectWith(auth);
