// One request at a time; of those that come meanwhile only the last one is made.

const PAUSE_MS = 300;  // before a busy server is asked again
const REST_MS = 400;  // after which the hand rests

export class Latest {
  // `show` gets the response and its address; `fail` gets one line.
  constructor(show, fail) {
    Object.assign(this, { show, fail, next: null, running: false });
  }

  want(address) {
    this.next = address;
    if (!this.running) this.run();
  }

  async run() {
    this.running = true;
    while (this.next !== null) {
      const address = this.next;
      this.next = null;
      try {
        const response = await fetch(address);
        if (response.status === 503) {
          await new Promise((done) => setTimeout(done, PAUSE_MS));
          this.next ??= address;
        } else if (!response.ok) {
          this.fail(await response.text());
        } else {
          await this.show(response, address);
        }
      } catch (error) {
        this.fail(error instanceof TypeError ? "The server does not answer. Start mitogen explore again." : String(error));
      }
    }
    this.running = false;
  }
}

// The same for what takes long: a request is made once nothing else was wanted for a while.
export class Rested extends Latest {
  want(address) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => super.want(address), REST_MS);
  }

  cancel() {
    clearTimeout(this.timer);
    this.next = null;
  }
}
