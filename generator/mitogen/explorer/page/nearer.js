// The knobs that would bring the image nearer to the user's own, each with a button that turns it.

import { short, units } from "./knobs.js";

export class Nearer {
  // `elements` are the button, a line and a table; `turn(name, text)` sets a knob, `fail` gets one line, `unitOf(name)`
  // gives the unit of a knob.
  constructor({ button, line, table }, { turn, fail, unitOf }) {
    Object.assign(this, { button, line, table, turn, fail, unitOf, query: null, running: null });
  }

  // What was found holds for one image only: forget it when another is seen.
  forget(query) {
    if (query === this.query) return;
    this.running?.abort();
    this.query = null;
    this.line.textContent = "";
    this.table.replaceChildren();
  }

  async look(query) {
    this.forget(null);
    this.query = query;
    const running = this.running = new AbortController();
    this.button.disabled = true;
    this.line.textContent = "Trying one knob after the other ...";
    try {
      const response = await fetch(`/nearer?${query}`, { signal: running.signal });
      if (!response.ok) throw new Error(await response.text());
      const found = await response.json();
      if (this.query === query) this.show(found);
    } catch (error) {
      if (!running.signal.aborted) {
        this.line.textContent = "";
        this.fail(error.message);
      }
    } finally {
      if (this.running === running) this.button.disabled = false;
    }
  }

  show({ distance, steps }) {
    this.line.textContent = `Distance ${distance.toFixed(2)}; at 1 all statistics are just within tolerance. ` +
      (steps.length ? "Each knob by itself, on this image:" : "No knob by itself brings this image nearer.");
    this.table.replaceChildren(...steps.map((step) => this.row(step)));
  }

  row({ knob, before, after, distance, because }) {
    const row = document.createElement("tr"), button = document.createElement("button");
    button.type = "button";
    button.textContent = "Apply";
    button.addEventListener("click", () => this.turn(knob, short(after)));
    const unit = because.unit ? ` ${because.unit}` : "";
    const why = `${because.title}: ${brief(because.before)} → ${brief(because.after)}, yours ${brief(because.real)}${unit}`;
    for (const text of [knob, `${short(before)} → ${short(after)} ${units(this.unitOf(knob))}`, `distance ${distance.toFixed(2)}`, why]) {
      row.insertCell().textContent = text;
    }
    row.insertCell().append(button);
    return row;
  }
}

function brief(number) {
  return Number(number.toPrecision(3));
}
