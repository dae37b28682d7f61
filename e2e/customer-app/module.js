import * as keyslot from "/assets/index.js";
import { connectWith } from "./run-task.js";

connectWith(keyslot);
