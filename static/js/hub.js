/**
 * The live hub's client: status changes as they are recorded, over a WebSocket (SignalR JSON hub protocol).
 *
 * What comes through it is a hint. After every (re)connection `onReady` is called, and the page catches up from the
 * server: whatever happened while nobody listened is found there and not here.
 *
 * @module hub
 */

const END = "\x1e";
const PING = JSON.stringify({ type: 6 }) + END;
const PING_AFTER_MS = 14_000;
const SILENCE_MS = 30_000;
const WATCH_MS = 5_000;
const NEGOTIATION_MS = 10_000;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 15_000;
const STEADY_MS = 5_000;

/**
 * A status change, as the hub's `EverTaskEvent` carries it.
 * @typedef {{taskId: string, eventDateUtc: string, severity: "Information"|"Warning"|"Error", taskType: string,
 *   taskHandlerType: string, taskParameters: string, message: string, exception: string|null}} EverTaskEvent
 *
 * @typedef {{taskId: string, progress: number, message: string}} Progress
 *
 * @typedef {"connecting"|"live"|"reconnecting"} State
 *
 * @typedef {object} HubOptions
 * @property {string} url The hub's path, without a slash at its end.
 * @property {(events: EverTaskEvent[]) => void} [onEvents] Gets what arrived together in one call, oldest first.
 * @property {(progress: Progress) => void} [onProgress] Gets the progress of running tasks; without it none is sent.
 * @property {(change: {state: State, since: Date|null}) => void} [onState] Gets each change of the connection; `since`
 *   is when the server was last heard, null if it never was.
 * @property {(ready: {reconnected: boolean}) => void} [onReady] Is called whenever the hub can be heard (again).
 */

/**
 * Connects, and stays connected until `close` is called.
 * @param {HubOptions} options
 * @returns {{close: () => void}}
 */
export function connectHub(options) {
  const connection = new HubConnection(options);
  connection.start();
  return { close: () => connection.stop() };
}

class HubConnection {
  /** @param {HubOptions} options */
  constructor({ url, onEvents = () => {}, onProgress, onState = () => {}, onReady = () => {} }) {
    this.url = new URL(url, location.href);
    Object.assign(this, { onEvents, onProgress, onState, onReady });
    this.state = null;
    this.socket = null;
    this.retryTimer = null;
    this.failures = 0;
    this.wasLive = false;
    this.lastContactAt = null;
  }

  start() {
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    addEventListener("online", () => this.wake(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.wake(), { signal });
    // A page with an open socket cannot be kept for the Back button: hang up when it is left, come back with it.
    addEventListener("pagehide", () => this.drop(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.connect(), { signal });
    this.connect();
  }

  stop() {
    this.listeners.abort();
    this.drop();
  }

  /** The network or the person is back: do not wait for the timers, which sleep in hidden pages. */
  wake() {
    if (this.retryTimer !== null) this.connect();
    else if (this.socket) this.checkSilence();
  }

  async connect() {
    this.drop();
    this.tell(this.state === null || this.state === "connecting" ? "connecting" : "reconnecting");
    const attempt = (this.attempt = {});
    try {
      const token = await this.negotiate();
      if (this.attempt === attempt) this.open(token);
    } catch {
      if (this.attempt === attempt) this.retryLater();
    }
  }

  async negotiate() {
    const response = await fetch(`${this.url}/negotiate?negotiateVersion=1`, {
      method: "POST",
      cache: "no-store",
      signal: AbortSignal.timeout(NEGOTIATION_MS),
    });
    if (response.status === 401 || response.status === 403) this.failures = Math.max(this.failures, 4);
    if (!response.ok) throw new Error(`negotiation was answered with ${response.status}`);
    return (await response.json()).connectionToken;
  }

  /** @param {string} token */
  open(token) {
    const address = new URL(this.url);
    address.protocol = address.protocol.replace("http", "ws");
    address.searchParams.set("id", token);
    const socket = (this.socket = new WebSocket(address));
    this.rest = "";
    this.isReady = false;
    this.heardAt = this.sentAt = Date.now();
    this.watch = setInterval(() => this.checkSilence(), WATCH_MS);
    socket.onopen = () => this.send(JSON.stringify({ protocol: "json", version: 1 }) + END);
    socket.onmessage = ({ data }) => this.hear(data);
    socket.onclose = () => this.retryLater();
  }

  /** @param {string} frame */
  hear(frame) {
    this.heardAt = Date.now();
    this.lastContactAt = new Date(this.heardAt);
    const records = (this.rest + frame).split(END);
    this.rest = records.pop();
    const events = [];
    for (const record of records) {
      const message = JSON.parse(record);
      if (!this.isReady) this.finishHandshake(message);
      else if (message.type === 1 && message.target === "EverTaskEvent") events.push(message.arguments[0]);
      else if (message.type === 1 && message.target === "TaskProgress") this.onProgress?.(message.arguments[0]);
      else if (message.type === 7) this.socket?.close();
    }
    // Pinging when pinged: a timer of our own would be put to sleep in a hidden page, and the server would hang up.
    if (this.heardAt - this.sentAt >= PING_AFTER_MS) this.send(PING);
    if (events.length > 0) this.onEvents(events);
  }

  /** @param {{error?: string}} answer */
  finishHandshake(answer) {
    if (answer.error) {
      this.retryLater();
      return;
    }
    this.isReady = true;
    this.readyAt = Date.now();
    if (this.onProgress) this.send(JSON.stringify({ type: 1, target: "WatchProgress", arguments: [] }) + END);
    const reconnected = this.wasLive;
    this.wasLive = true;
    this.tell("live");
    this.onReady({ reconnected });
  }

  /** @param {string} text */
  send(text) {
    this.sentAt = Date.now();
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  checkSilence() {
    if (Date.now() - this.heardAt > SILENCE_MS) this.retryLater();
  }

  retryLater() {
    if (this.isReady && Date.now() - this.readyAt > STEADY_MS) this.failures = 0;
    this.drop();
    this.tell("reconnecting");
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures++);
    // Between half and all of it by chance, so that a thousand pages do not come back in the same moment.
    this.retryTimer = setTimeout(() => this.connect(), (longest / 2) * (1 + Math.random()));
  }

  /** Hangs up without a retry. */
  drop() {
    clearTimeout(this.retryTimer);
    clearInterval(this.watch);
    this.retryTimer = null;
    this.attempt = null;
    this.isReady = false;
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  /** @param {State} state */
  tell(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState({ state, since: this.lastContactAt });
  }
}
