// esbuild's loader `binary` makes bytes of the file (build.mjs).
declare module "*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
