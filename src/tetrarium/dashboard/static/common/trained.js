// How long a run has trained in all. Its records count every time that it trained; what it tells live counts from when it
// went on last. What lies before that is never less than a record is ahead of what is told.

export class TrainedTime {
  #name = null;
  #before = 0;
  #told = 0;

  /** Seconds in all: `recorded` of a run as its view says, `told` by the live event, if there is one. */
  of(name, recorded, told) {
    if (typeof told !== "number") return recorded;
    if (name !== this.#name || told < this.#told) this.#before = 0;
    [this.#name, this.#told] = [name, told];
    this.#before = Math.max(this.#before, (recorded ?? 0) - told);
    return this.#before + told;
  }
}
