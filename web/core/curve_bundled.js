// The curve in WebAssembly with its module inside the script: 1.7 MB as base64, 1.2 MB compressed. So it is for a script of
// its own, which a page loads for long rings only. WebAssembly needs 'wasm-unsafe-eval' in the policy of what runs it.

import bytes from "../node_modules/tiny-secp256k1/lib/secp256k1.wasm";
import { loadWasmCurve } from "./curve_wasm.js";

/**
 * Return the curve, null where there is no WebAssembly or a policy forbids it.
 */
export function loadFastCurve() {
  return loadWasmCurve(bytes);
}
