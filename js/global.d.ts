// For pages with the classic script: `/// <reference types="keyslot/global" />` makes `Keyslot` known.
export * from "./index.js";
export as namespace Keyslot;
