// Modules that scripts/build-widget.mjs makes while bundling; they exist in no file.

declare module "keyslot:glue" {
  import type { Glue } from "./calls.js";
  /** A fresh copy of wasm-bindgen's glue, with no instance of the module yet. */
  export function createGlue(): Glue & {
    /** What the module imports. */
    imports(): WebAssembly.Imports;
    /** Takes the instance over and initialises it. */
    start(instance: WebAssembly.Instance): void;
  };
}

declare module "keyslot:wasm" {
  /** The module, as scripts/module-text.mjs writes it. */
  export const text: string;
  /** Its table. */
  export const frequent: string;
}

declare module "keyslot:english" {
  /** Words of core/src/words.rs that the hand-written entries show, by key. */
  const english: Record<string, string>;
  export default english;
}

declare module "keyslot:language-hashes" {
  /** Subresource-integrity hashes of dist/locales/*.json, by language. */
  const hashes: Record<string, string>;
  export default hashes;
}

declare module "keyslot:*.css" {
  /** A file of js/, minified. */
  const css: string;
  export default css;
}
