// Be a wallet service for Nostr Wallet Connect: Alby's NWCWalletService reads the requests and writes the replies. What a
// wallet would answer it asks on stdout, one JSON line a question, and reads on stdin; test_nwc_alby.py has the invoices.
//
//   node wallet.mjs ws://127.0.0.1:7447 <wallet secret> <client pubkey> nip44_v2|nip04
//
// With nip04 it introduces itself as the wallets did that know no other encryption.
// A question is {"ask": number, "method", "params"}; its answer {"answer": number, "result", "error"}. The line
// {"notify": notification} makes it send that to the client in both encryptions, as wallets do. {"ready": true} is its first line.

import { createInterface } from "node:readline";
import WebSocket from "ws";

// Node has a global WebSocket only since version 22, and the SDK looks for it as it is loaded.
globalThis.WebSocket ??= WebSocket;
const { NWCWalletService, NWCWalletServiceKeyPair } = await import("@getalby/sdk/nwc");
console.info = () => {};
console.warn = console.error;

const [url, walletSecret, clientPubkey, encryption] = process.argv.slice(2);
const methods = ["get_info", "make_invoice", "lookup_invoice"];
const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const questions = new Map();

const ask = (method) => (params) =>
  new Promise((resolve) => {
    questions.set(questions.size, resolve);
    write({ ask: questions.size - 1, method, params: params ?? {} });
  });

const keypair = new NWCWalletServiceKeyPair(walletSecret, clientPubkey);
const service = new NWCWalletService({ relayUrl: url });

const publish = async (kind, tags, content) => {
  const event = { kind, created_at: Math.floor(Date.now() / 1000), tags, content };
  await service.relay.publish(await service.signEvent(event, walletSecret));
};

// The service has no words for notifications, only what they are made of.
async function notify(notification) {
  for (const [kind, encryption] of [[23196, "nip04"], [23197, "nip44_v2"]]) {
    const content = await service.encrypt(keypair, JSON.stringify(notification), encryption);
    await publish(kind, [["p", clientPubkey]], content);
  }
}

if (encryption === "nip04") {
  await service.relay.connect();
  await publish(13194, [["notifications", "payment_received"]], methods.join(" "));
} else {
  await service.publishWalletServiceInfoEvent(walletSecret, methods, ["payment_received"]);
}
const unsubscribe = await service.subscribe(keypair, {
  getInfo: ask("get_info"),
  makeInvoice: ask("make_invoice"),
  lookupInvoice: ask("lookup_invoice"),
});
write({ ready: true });

for await (const line of createInterface({ input: process.stdin })) {
  const { answer, notify: notification, ...response } = JSON.parse(line);
  if (notification) await notify(notification);
  else questions.get(answer)(response);
}
unsubscribe();
service.close();
process.exit(0);
