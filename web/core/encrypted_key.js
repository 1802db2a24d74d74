// A secret key under a passphrase: ncryptsec (NIP-49). Slow on purpose: it belongs into a worker.

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { scrypt } from "@noble/hashes/scrypt.js";

import { BadInput } from "./bad_input.js";
import { isSecret, trimKey } from "./author_keys.js";
import { decodeNcryptsec } from "./nip19_secret.js";

/**
 * A secret key under a passphrase. `security` is authenticated with it, and says how it was handled before.
 * @typedef {{ logN: number, salt: Uint8Array, nonce: Uint8Array, security: Uint8Array, sealed: Uint8Array }} EncryptedKey
 */

// The highest in NIP-49's table: 4 GiB. A key that asks for more would stop the machine.
export const MAX_LOG_N = 22;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
const KEY_BYTES = 32;
const VERSION = 2;
const SALT_END = 2 + 16;
const NONCE_END = SALT_END + 24;

/**
 * Return the encrypted key of an ncryptsec, null for anything else. Throws BadInput for one that is not read here.
 * @param {string} text
 * @returns {EncryptedKey | null}
 */
export function parseEncryptedKey(text) {
  const raw = decodeNcryptsec(trimKey(text));
  if (!raw) return null;
  const [version, logN] = raw;
  if (version !== VERSION) throw new BadInput("ncryptsec_version", { version, known: VERSION });
  if (logN < 1 || logN > MAX_LOG_N) throw new BadInput("ncryptsec_work", { logN, most: MAX_LOG_N });
  return {
    logN,
    salt: raw.slice(2, SALT_END),
    nonce: raw.slice(SALT_END, NONCE_END),
    security: raw.slice(NONCE_END, NONCE_END + 1),
    sealed: raw.slice(NONCE_END + 1),
  };
}

/**
 * Return how much memory it takes to derive the key of the passphrase, in MiB.
 * @param {EncryptedKey} key
 */
export function countMemory(key) {
  return 2 ** (key.logN + 10 - 20);
}

/**
 * Return the 32-byte secret key. Throws BadInput, for a wrong passphrase too.
 * @param {EncryptedKey} key
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 * @returns {Uint8Array}
 */
export function decryptKey(key, passphrase, onProgress) {
  const derived = deriveKey(key, passphrase, onProgress);
  let secret;
  try {
    secret = xchacha20poly1305(derived, key.nonce, key.security).decrypt(key.sealed);
  } catch {
    throw new BadInput("passphrase_wrong");
  } finally {
    derived.fill(0);
  }
  if (!isSecret(secret)) throw new BadInput("ncryptsec_out_of_range");
  return secret;
}

/**
 * @param {EncryptedKey} key
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 */
function deriveKey({ logN, salt }, passphrase, onProgress) {
  // NIP-49: so that it can be typed on any keyboard.
  const typed = new TextEncoder().encode(passphrase.normalize("NFKC"));
  const maxmem = 2 ** (MAX_LOG_N + 11);
  try {
    return scrypt(typed, salt, { N: 2 ** logN, r: SCRYPT_R, p: SCRYPT_P, dkLen: KEY_BYTES, maxmem, onProgress });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // What a browser says when an array is larger than it can be.
    throw new BadInput("ncryptsec_memory", { logN });
  } finally {
    typed.fill(0);
  }
}
