// What was done and not told yet. It is kept in the browser's storage, so that neither a dead network nor a closed page loses it;
// each label has an id of its own, so that telling it twice changes nothing.
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const AT_ONCE = 50;

function read(text) {
  try {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}

export class Outbox {
  // `family` is the account's, `name` this page's own: another page of the same person must not write over it.
  constructor(family, name, send) {
    this.family = family;
    this.name = `${family}/${name}`;
    this.send = send;
    this.fault = null;
    this.refused = [];
    this.onchange = () => {};
    this.onresult = () => {};
    this.sending = false;
    this.pause = FIRST_PAUSE_MS;
    this.atOnce = AT_ONCE;
    this.actions = [];
    this.adopt();
    window.addEventListener("online", () => this.flush());
  }
  get size() {
    return this.actions.length;
  }
  // What earlier pages of this person could not tell is told by this one.
  adopt() {
    try {
      for (const key of Object.keys(localStorage).filter((one) => one.startsWith(`${this.family}/`))) {
        const found = read(localStorage.getItem(key));
        if (!found) continue; // what is not ours stays where it is, and holds up nothing else
        this.actions.push(...found);
        localStorage.removeItem(key);
      }
    } catch {
      // A forbidden storage.
    }
    this.keep();
  }
  keep() {
    this.kept = true;
    try {
      if (this.actions.length) localStorage.setItem(this.name, JSON.stringify(this.actions));
      else localStorage.removeItem(this.name);
    } catch {
      this.kept = false; // a full or forbidden storage: what is in memory is told all the same
      return;
    }
  }
  // Whether closing the page would lose something.
  get atRisk() {
    return this.size > 0 && !this.kept;
  }
  add(action) {
    this.actions.push(action);
    this.keep();
    this.flush();
  }
  async flush() {
    if (this.sending || !this.actions.length) return;
    this.sending = true;
    clearTimeout(this.timer);
    const batch = this.actions.slice(0, this.atOnce);
    try {
      const results = await this.send(batch);
      this.actions.splice(0, batch.length);
      this.keep();
      this.fault = null;
      this.pause = FIRST_PAUSE_MS;
      this.atOnce = AT_ONCE;
      results.forEach((result, place) => (result.error ? this.refused.push(result.error) : this.onresult(batch[place], result)));
    } catch (fault) {
      if (fault.permanent) {
        // One that cannot be read must not hold up the rest.
        if (batch.length === 1) this.refused.push(fault.message) && this.actions.shift() && this.keep();
        this.atOnce = 1;
      }
      this.fault = fault.permanent ? null : fault;
      if (this.fault) this.timer = setTimeout(() => this.flush(), this.pause);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    } finally {
      this.sending = false;
      this.onchange();
    }
    if (!this.fault) this.flush();
  }
}
