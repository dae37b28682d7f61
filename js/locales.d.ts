import type { Words } from "./index.js";

/** The texts of one language. */
declare const words: Words;
export default words;
