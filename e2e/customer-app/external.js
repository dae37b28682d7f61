import * as keyslot from "/assets/external.js";
import { connectWith } from "./run-task.js";

connectWith(keyslot);
