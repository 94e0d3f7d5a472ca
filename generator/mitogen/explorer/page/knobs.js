// The panel of knobs: one row a knob, grouped by section.

const STEPS = 1000;

// Where a value lies between the ends of a knob, 0 to 1, and back.
const SCALES = {
  even: [(knob, value) => (value - knob.low) / (knob.high - knob.low), (knob, at) => knob.low + at * (knob.high - knob.low)],
  factors: [
    (knob, value) => Math.log(value / knob.low) / Math.log(knob.high / knob.low),
    (knob, at) => knob.low * (knob.high / knob.low) ** at,
  ],
  roots: [(knob, value) => Math.cbrt(value / knob.high), (knob, at) => knob.high * at ** 3],
};

export function units(text) {
  return text.replace("um", "µm").replace("2", "²").replace("3", "³");
}

export function short(number) {
  return String(Number(number.toPrecision(4)));
}

export class Panel {
  // `turn(name, text, done)` is called with the new value of a knob in TOML, or null for the recipe's own; `done` is
  // false while a slider moves.
  constructor(root, turn) {
    Object.assign(this, { root, turn, rows: new Map(), words: [], changedOnly: false, open: new Set() });
  }

  // Make the rows for the knobs of a scene; sections of those that are changed are open.
  build(knobs, changed) {
    for (const name of changed) this.open.add(name.split(".")[0]);
    this.root.replaceChildren();
    this.rows.clear();
    const sections = new Map();
    for (const knob of knobs) {
      const [section, name] = knob.name.split(".");
      if (!sections.has(section)) sections.set(section, this.section(section));
      const row = this.row(knob, name);
      this.rows.set(knob.name, row);
      sections.get(section).append(row.element);
    }
    for (const group of this.root.children) {
      group.querySelector("summary span").textContent = ` ${group.querySelectorAll(".knob").length}`;
    }
    this.filter();
  }

  section(name) {
    const group = document.createElement("details");
    group.dataset.section = name;
    group.open = this.open.has(name);
    group.innerHTML = "<summary><b></b><span></span></summary>";
    group.querySelector("b").textContent = name.replaceAll("_", " ");
    group.addEventListener("toggle", () => {
      if (!this.words.length && !this.changedOnly) this.open[group.open ? "add" : "delete"](name);
    });
    this.root.append(group);
    return group;
  }

  row(knob, name) {
    const element = document.createElement("div");
    element.className = "knob";
    element.dataset.knob = knob.name;
    element.innerHTML = `<div class="head"><label></label><span class="set"><span class="unit"></span><input class="value"
      autocomplete="off" spellcheck="false"><button class="reset" type="button" title="As the recipe">&#8634;</button>
      </span></div>`;
    const label = element.querySelector("label"), field = element.querySelector(".value");
    const slider = document.createElement(knob.names.length ? "select" : "input");
    slider.id = `slider-${knob.name}`;
    label.htmlFor = slider.id;
    label.textContent = name;
    field.ariaLabel = `value of ${knob.name}`;
    element.querySelector(".unit").textContent = units(knob.unit);
    if (knob.names.length) {
      slider.append(...knob.names.map((one, place) => new Option(one, place)));
      slider.addEventListener("change", () => this.turn(knob.name, JSON.stringify(knob.names[slider.value]), true));
    } else {
      Object.assign(slider, { type: "range", min: 0, max: STEPS, step: 1 });
      const value = () => short(clip(SCALES[knob.scale][1](knob, slider.value / STEPS), knob));
      slider.addEventListener("input", () => this.turn(knob.name, value(), false));
      slider.addEventListener("change", () => this.turn(knob.name, value(), true));
    }
    field.addEventListener("change", () => this.turn(knob.name, field.value.trim() || null, true));
    element.querySelector(".reset").addEventListener("click", () => this.turn(knob.name, null, true));
    const help = document.createElement("p"), facts = document.createElement("p");
    help.textContent = knob.help;
    element.append(slider, help, facts);
    return { knob, element, slider, field, facts, text: `${knob.name} ${knob.unit} ${knob.help}`.toLowerCase() };
  }

  // Show what is set (`changes`) and what this image has and its recipe draws (`described`, from the server).
  show(changes, described) {
    for (const [name, row] of this.rows) {
      const own = described?.knobs[name];
      const set = changes[name];
      const number = set !== undefined && set.trim() !== "" && !Number.isNaN(Number(set)) ? Number(set) : own?.drawn;
      row.element.classList.toggle("changed", set !== undefined);
      if (number === undefined) continue;
      this.place(row, number);
      if (document.activeElement !== row.field) {
        row.field.value = set ?? (row.knob.names.length ? row.knob.names[number] : short(number));
      }
      if (own) this.say(row, own);
    }
    for (const group of this.root.children) {
      group.classList.toggle("idle", Boolean(described?.idle.includes(group.dataset.section)));
      group.title = group.classList.contains("idle") ? "Does nothing in this image: its cells are arranged otherwise" : "";
    }
    this.filter();
  }

  place(row, number) {
    const { knob, slider } = row;
    if (document.activeElement === slider && slider.matches(":active")) return;
    slider.value = knob.names.length ? number : Math.round(STEPS * SCALES[knob.scale][0](knob, clip(number, knob)));
  }

  say(row, own) {
    const { knob, slider, facts } = row;
    const allowed = knob.names.length ? "" : `, allowed ${short(knob.low)} to ${short(knob.high)} ${units(knob.unit)}`;
    facts.textContent = `Recipe ${own.text}${allowed}`;
    if (knob.names.length) return;
    const [from, to] = own.range.map((value) => 100 * SCALES[knob.scale][0](knob, clip(value, knob)));
    slider.style.setProperty("--from", `${Math.max(0, from - 0.5)}%`);
    slider.style.setProperty("--to", `${Math.min(100, to + 0.5)}%`);
  }

  search(text, changedOnly) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.changedOnly = changedOnly;
    this.filter();
    const found = this.words.length || changedOnly;
    for (const group of this.root.children) group.open = found ? !group.hidden : this.open.has(group.dataset.section);
  }

  filter() {
    for (const row of this.rows.values()) {
      const fits = this.words.every((word) => row.text.includes(word));
      row.element.hidden = !fits || (this.changedOnly && !row.element.classList.contains("changed"));
    }
    for (const group of this.root.children) group.hidden = !group.querySelector(".knob:not([hidden])");
  }
}

function clip(value, knob) {
  return Math.min(Math.max(value, knob.low), knob.high);
}
