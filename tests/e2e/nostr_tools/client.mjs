// Drive nostr-tools: one JSON command a line on stdin, JSON lines on stdout. It decides nothing and checks nothing:
// what is right is said in test_nostr_tools.py.
//
//   node client.mjs ws://127.0.0.1:7447
//
// A command is {"do": name, ...}. Its answer is {"to": "answer", ...}; what arrives for a subscription is
// {"to": id, "event" | "invalid" | "eose" | "closed": ...}; what nostr-tools complains about is {"to": "warning", ...}.

import { createInterface } from "node:readline";
import { fetchRelayInformation } from "nostr-tools/nip11";
import { SimplePool, useWebSocketImplementation as usePoolWebSocket } from "nostr-tools/pool";
import { finalizeEvent } from "nostr-tools/pure";
import { Relay, useWebSocketImplementation as useRelayWebSocket } from "nostr-tools/relay";
import WebSocket from "ws";

// nostr-tools reports EOSE by itself when a relay sends none for this long; the tests give up before.
const EOSE_TIMEOUT_MS = 60_000;
const PUBLISH_TIMEOUT_MS = 20_000;
const EVENT_WITH_ITS_OWN_TIME = { created_at: Math.floor(Date.now() / 1000), kind: 1, tags: [], content: "" };

const write = (to, line) => process.stdout.write(JSON.stringify({ to, ...line }) + "\n");
const complain = (...parts) => write("warning", { text: parts.map(String).join(" ") });
console.warn = complain;
console.debug = complain;

// Node has a global WebSocket only since version 22.
useRelayWebSocket(WebSocket);
usePoolWebSocket(WebSocket);

const url = process.argv[2];
const relay = await Relay.connect(url);
relay.publishTimeout = PUBLISH_TIMEOUT_MS;
const pool = new SimplePool();
const subscriptions = new Map();

async function settle(promise) {
  try {
    return { ok: true, reason: await promise };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function fetchStored(filters, id) {
  const events = [];
  const invalid = [];
  // The ids as nostr-tools finds them in the text of the frame, before it parses any JSON.
  const scanned = [];
  return new Promise((resolve) => {
    const subscription = relay.subscribe(filters, {
      id,
      eoseTimeout: EOSE_TIMEOUT_MS,
      receivedEvent: (_, eventId) => scanned.push(eventId),
      onevent: (event) => events.push(event),
      oninvalidevent: (event) => invalid.push(event),
      oneose: () => {
        resolve({ events, invalid, scanned });
        subscription.close();
      },
      onclose: (reason) => resolve({ closed: reason }),
    });
  });
}

function subscribe(filters, id) {
  const handlers = {
    id,
    eoseTimeout: EOSE_TIMEOUT_MS,
    onevent: (event) => write(id, { event }),
    oninvalidevent: (event) => write(id, { invalid: event }),
    oneose: () => write(id, { eose: true }),
    onclose: (reason) => write(id, { closed: reason }),
  };
  subscriptions.set(id, relay.subscribe(filters, handlers));
}

function subscribePool(filter, id) {
  const handlers = {
    maxWait: EOSE_TIMEOUT_MS,
    onevent: (event) => write(id, { event }),
    oninvalidevent: (event) => write(id, { invalid: event }),
    oneose: () => write(id, { eose: true }),
    onclose: (closes) => write(id, { closed: closes[0].reason }),
  };
  subscriptions.set(id, pool.subscribe([url], filter, handlers));
}

const commands = {
  finalize: ({ template, secret }) => ({
    event: finalizeEvent({ ...EVENT_WITH_ITS_OWN_TIME, ...template }, Uint8Array.from(Buffer.from(secret, "hex"))),
  }),
  publish: ({ event }) => settle(relay.publish(event)),
  fetch: ({ filters, id }) => fetchStored(filters, id),
  subscribe: ({ filters, id }) => (subscribe(filters, id), {}),
  unsubscribe: async ({ id }) => (await subscriptions.get(id).close(), {}),
  count: ({ filters }) => settle(relay.count(filters)),
  ping: async () => ({ ok: await relay.waitForDummyReq() }),
  info: async () => ({ info: await fetchRelayInformation(url) }),
  poolPublish: async ({ event }) => settle(pool.publish([url], event)[0]),
  poolFetch: async ({ filter }) => ({ events: await pool.querySync([url], filter, { maxWait: EOSE_TIMEOUT_MS }) }),
  poolSubscribe: ({ filter, id }) => (subscribePool(filter, id), {}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  write("answer", await commands[command.do](command));
}
// Timers of nostr-tools' own would keep the process alive.
relay.close();
pool.destroy();
process.exit(0);
