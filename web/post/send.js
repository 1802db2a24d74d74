// One message to the relay by WebSocket, and what it answers. Knows no page.

const PAYMENT_REQUIRED = "restricted: payment required: ";
const PAY_PATH = /pay at https?:\/\/[^/\s]+(\/pay\/[0-9a-f]{32}) or lightning:/;

/**
 * @typedef {object} Answer
 * @property {boolean} isAccepted
 * @property {string} text the text of the OK
 * @property {string} payPath where the note is paid for, "" where nothing is asked for it
 */

/**
 * Send a message. `onAnswer` is called with each OK of this id: of a note that is paid for there is a second one.
 * `onFailure` is called, at most once, where no answer came.
 *
 * @param {{ url: string, id: string, message: string, timeoutMs: number }} request
 * @param {(answer: Answer) => void} onAnswer
 * @param {() => void} onFailure
 */
export function send({ url, id, message, timeoutMs }, onAnswer, onFailure) {
  let isAnswered = false;
  const fail = () => {
    clearTimeout(timer);
    if (isAnswered) return;
    isAnswered = true;
    socket?.close();
    onFailure();
  };
  const timer = setTimeout(fail, timeoutMs);
  const socket = connect(url);
  if (socket === null) return fail();
  socket.onopen = () => socket.send(message);
  socket.onerror = fail;
  socket.onclose = fail;
  socket.onmessage = ({ data }) => {
    const answer = readOk(data, id);
    if (answer === null) return;
    clearTimeout(timer);
    isAnswered = true;
    // Where it is to be paid for, the relay tells here once it is.
    if (!answer.payPath) socket.close();
    onAnswer(answer);
  };
}

/**
 * @param {string} url
 * @returns {WebSocket | null} null where the browser's settings forbid it
 */
function connect(url) {
  try {
    return new WebSocket(url);
  } catch {
    return null;
  }
}

/**
 * @param {unknown} data
 * @param {string} id
 * @returns {Answer | null} null for what is not an OK (NIP-01) of this id
 */
export function readOk(data, id) {
  try {
    const [verb, about, isAccepted, text] = JSON.parse(String(data));
    if (verb !== "OK" || about !== id || typeof text !== "string") return null;
    const found = !isAccepted && text.startsWith(PAYMENT_REQUIRED) ? PAY_PATH.exec(text) : null;
    return { isAccepted: isAccepted === true, text, payPath: found ? found[1] : "" };
  } catch {
    return null;
  }
}
