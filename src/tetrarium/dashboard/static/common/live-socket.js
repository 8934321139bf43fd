// @ts-check
// WebSocket for live events. It subscribes to one source at a time, reconnects by itself, and keeps the status current.

import { ROOT } from "./address.js";
import { Emitter } from "./emitter.js";
import { refreshActivity, showConnection } from "./status-line.js";

const ADDRESS = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${ROOT}api/live`;
const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 4000];
const SILENCE_MS = 6_000; // the server sends a heartbeat every 2 s

/** @typedef {"connecting" | "open" | "lost"} ConnectionState */
/** @typedef {{ source: string, event: WorkerEvent }} SourcedEvent */

/** @extends {Emitter<{ event: SourcedEvent, refused: string, state: ConnectionState }>} */
export class LiveSocket extends Emitter {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Subscription | null} */
  #subscription = null;
  #attempt = 0;
  #retryTimer = 0;
  #silenceTimer = 0;
  /** @type {ConnectionState} */
  state = "connecting";

  constructor() {
    super();
    this.#connect();
  }

  /**
   * Subscribes to the events of a run, demo or human game; null unsubscribes.
   *
   * @param {Subscription | null} subscription
   */
  watch(subscription) {
    this.#subscription = subscription;
    this.#sendSubscription();
  }

  /**
   * Sends a message; without a connection it is dropped.
   *
   * @param {object} message
   */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Ends the connection for good. */
  close() {
    clearTimeout(this.#retryTimer);
    this.#closeSocket();
  }

  #connect() {
    this.#closeSocket();
    const socket = new WebSocket(ADDRESS);
    this.#socket = socket;
    this.#restartSilenceTimer();
    socket.onopen = () => {
      this.#attempt = 0;
      this.#setState("open");
      this.#sendSubscription();
    };
    socket.onmessage = (message) => {
      this.#restartSilenceTimer();
      this.#receive(message.data);
    };
    socket.onclose = () => this.#reconnectLater();
  }

  /** @param {string} text */
  #receive(text) {
    const { source, event, error } = JSON.parse(text);
    if (source === "home") refreshActivity();
    if (error) this.emit("refused", error);
    else if (event.kind !== "heartbeat") this.emit("event", { source, event });
  }

  #restartSilenceTimer() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#reconnectLater(), SILENCE_MS);
  }

  #reconnectLater() {
    this.#closeSocket();
    this.#setState("lost");
    const delay = RETRY_DELAYS_MS[Math.min(this.#attempt, RETRY_DELAYS_MS.length - 1)];
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
  }

  #closeSocket() {
    clearTimeout(this.#silenceTimer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState === WebSocket.CONNECTING)
      socket.onopen = () => socket.close(); // browsers warn before that
    else socket.close();
  }

  #sendSubscription() {
    this.send({ watch: this.#subscription });
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    if (state === this.state) return;
    this.state = state;
    showConnection(state === "lost");
    if (state === "open") refreshActivity();
    this.emit("state", state);
  }
}
