// Modules that scripts/build-widget.mjs makes while bundling; they exist in no file.

declare module "keyslot:glue" {
  import type { Glue } from "./calls.js";
  /** A fresh copy of wasm-bindgen's glue, with no instance of the module yet. */
  export function createGlue(): Glue & { init(source: { module_or_path: unknown }): Promise<unknown> };
}

declare module "keyslot:wasm" {
  /** The module: deflated (raw), then base64. */
  const deflated: string;
  export default deflated;
}

declare module "keyslot:english" {
  /** Words of core/src/words.rs that the hand-written entries show, by key. */
  const english: Record<string, string>;
  export default english;
}

declare module "keyslot:*.css" {
  /** A file of js/, minified. */
  const css: string;
  export default css;
}
