// The socket: says what is watched, hands out events, and comes back by itself when the connection is lost.

const ADDRESS = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`;
const DELAYS_MS = [250, 500, 1000, 2000, 4000];
const SILENCE_MS = 6_000; // the server says something every 2 s

export class LiveLink extends EventTarget {
  #socket = null;
  #watched = null;
  #attempt = 0;
  #retry = 0;
  #silence = 0;
  state = "connecting"; // "connecting", "open" or "lost"

  constructor() {
    super();
    this.#connect();
  }

  /** Says what to watch: {kind, name, boards, thoughts, boards_per_second}, or null for nothing. */
  watch(watched) {
    this.#watched = watched;
    this.#send();
  }

  /** Says something else; lost while there is no connection. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Tries at once, without waiting for the next attempt. */
  retryNow() {
    if (this.state === "open") return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  #connect() {
    this.#drop();
    const socket = new WebSocket(ADDRESS);
    this.#socket = socket;
    this.#listenFor(SILENCE_MS);
    socket.onopen = () => {
      this.#attempt = 0;
      this.#setState("open");
      this.#send();
    };
    socket.onmessage = (message) => {
      this.#listenFor(SILENCE_MS);
      this.#receive(message.data);
    };
    socket.onclose = () => this.#lose();
  }

  #receive(text) {
    const { source, event, error } = JSON.parse(text);
    if (error) this.dispatchEvent(new CustomEvent("refused", { detail: error }));
    else if (event.kind !== "heartbeat") this.dispatchEvent(new CustomEvent("event", { detail: { source, event } }));
  }

  #listenFor(milliseconds) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lose(), milliseconds);
  }

  #lose() {
    this.#drop();
    this.#setState("lost");
    const delay = DELAYS_MS[Math.min(this.#attempt, DELAYS_MS.length - 1)];
    this.#attempt += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #drop() {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #send() {
    this.send({ watch: this.#watched });
  }

  #setState(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("link", { detail: state }));
  }
}
