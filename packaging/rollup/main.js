import { auth } from "keyslot";
import { connectWith } from "./connect.js";

connectWith(auth);
