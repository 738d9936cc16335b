// SPDX-License-Identifier: Apache-2.0
//
// kem_differential.mjs: ML-KEM-768 and X-Wing against @noble/post-quantum, case by case.
//
//     node kem_differential.mjs KEM_LINES NODE_MODULES [CASES [SEED]]
//
// Every case makes keys from random seeds, encapsulates, decapsulates, decapsulates a changed
// ciphertext, and encapsulates to a changed public key, in both implementations.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import path from "node:path";

const [program, modules, count = "200", seed = String(Date.now())] = process.argv.slice(2);
const from = (name) =>
  import(pathToFileURL(path.resolve(modules, "@noble/post-quantum", name)).href);
const { ml_kem768: kem } = await from("ml-kem.js");
const { ml_kem768_x25519: xwing } = await from("hybrid.js");

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const random = (label, len) =>
  Uint8Array.from(createHash("shake256", { outputLength: len }).update(`${seed} ${label}`).digest());

const lines = [];
const wanted = [];
function ask(what, line, answer) {
  lines.push(line);
  wanted.push([what, answer]);
}

function attempt(call) {
  try {
    return call();
  } catch {
    return "refused";
  }
}

const both = ({ cipherText, sharedSecret }) => `${hex(cipherText)} ${hex(sharedSecret)}`;

function flipped(text, place) {
  const copy = bytes(text);
  copy[place % copy.length] ^= 1 + (place % 255);
  return copy;
}

function mlkemCase(i) {
  const keys = kem.keygen(random(`seed ${i}`, 64));
  const message = random(`message ${i}`, 32);
  const sealed = kem.encapsulate(keys.publicKey, message);
  const place = Number(BigInt("0x" + hex(random(`place ${i}`, 4))));
  const changed = flipped(hex(sealed.cipherText), place);
  const odd = flipped(hex(keys.publicKey), place);
  ask("keygen", `keygen ${hex(random(`seed ${i}`, 64))}`, `${hex(keys.publicKey)} ${hex(keys.secretKey)}`);
  ask("encaps", `encaps ${hex(keys.publicKey)} ${hex(message)}`, both(sealed));
  ask("decaps", `decaps ${hex(keys.secretKey)} ${hex(sealed.cipherText)}`, hex(sealed.sharedSecret));
  ask("rejection", `decaps ${hex(keys.secretKey)} ${hex(changed)}`, hex(kem.decapsulate(changed, keys.secretKey)));
  ask("changed key", `encaps ${hex(odd)} ${hex(message)}`, attempt(() => both(kem.encapsulate(odd, message))));
}

function xwingCase(i) {
  const root = random(`root ${i}`, 32);
  const keys = xwing.keygen(root);
  const coins = random(`coins ${i}`, 64);
  const sealed = xwing.encapsulate(keys.publicKey, coins);
  const changed = flipped(hex(sealed.cipherText), i);
  ask("x-wing keygen", `xwing-keygen ${hex(root)}`, hex(keys.publicKey));
  ask("x-wing encaps", `xwing-encaps ${hex(keys.publicKey)} ${hex(coins)}`, both(sealed));
  ask("x-wing decaps", `xwing-decaps ${hex(root)} ${hex(sealed.cipherText)}`, hex(sealed.sharedSecret));
  ask("x-wing rejection", `xwing-decaps ${hex(root)} ${hex(changed)}`, hex(xwing.decapsulate(changed, keys.secretKey)));
}

for (let i = 0; i < Number(count); i++) {
  mlkemCase(i);
  xwingCase(i);
}
const run = spawnSync(program, { input: lines.join("\n") + "\n", encoding: "utf8", maxBuffer: 1 << 30 });
const got = run.stdout.trimEnd().split("\n");
const refused = wanted.filter(([, answer]) => answer === "refused").length;
const wrong = wanted.filter(([, answer], i) => got[i] !== answer).map(([what]) => what);
if (run.status !== 0 || got.length !== wanted.length || wrong.length !== 0) {
  console.error(run.stderr);
  console.error(`seed ${seed}: ${wrong.length} of ${wanted.length} answers differ: ${[...new Set(wrong)]}`);
  process.exit(1);
}
console.log(`${wanted.length} answers agree, ${refused} keys refused by both; seed ${seed}`);
