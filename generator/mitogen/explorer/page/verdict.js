// What a model says of a rendered image: a picture beside it, and a caption.

import { Rested } from "./latest.js";

const LEGENDS = {
  errors: [["found", "found"], ["missed", "missed"], ["wrong", "wrongly found"]],
  probability: [["found", "true outline; probability from black, 0, to white, 1"]],
};

export class Verdict {
  // `draw(figure, blob)` shows a picture, `fail` gets one line.
  constructor(figure, draw, fail) {
    this.figure = figure;
    const failed = (line) => {
      figure.classList.remove("waiting");
      fail(line);
    };
    this.picture = new Rested(async (response, address) => {
      await draw(figure, await response.blob());
      figure.classList.remove("waiting");
      figure.dataset.shown = address;
    }, failed);
    this.text = new Rested(async (response) => caption(figure, await response.json()), failed);
  }

  // Ask about a view; `how` is errors or probability, or empty for nothing.
  want(how, query) {
    const address = `/${how}?${query}`;
    this.figure.hidden = !how;
    this.figure.dataset.how = how;
    if (!how) {
      this.wanted = null;
      this.picture.cancel();
      this.text.cancel();
    } else if (address !== this.wanted) {
      this.wanted = address;
      this.figure.classList.add("waiting");
      this.picture.want(address);
      this.text.want(`/verdict?${query}`);
    }
  }
}

function caption(figure, { model, iou, precision, recall, mitochondria, found, missed, wrong }) {
  const lines = [
    [["b", model], ["", iou === null ? " nothing to find, and nothing found" : ` IoU ${share(iou)}, precision ${share(precision)}, recall ${share(recall)}`]],
    LEGENDS[figure.dataset.how].flatMap(([name, text]) => [[`i.${name}`, ""], ["", `${text} `]]),
  ];
  if (mitochondria) lines.push([["", `${found} of ${mitochondria} mitochondria found (over half of each).`]]);
  if (missed.length) lines.push([["", `Missed: ${places(missed)}.`]]);
  if (wrong.length) lines.push([["", `Wrongly found: ${places(wrong)}.`]]);
  figure.querySelector("figcaption").replaceChildren(...lines.map((parts) => {
    const line = document.createElement("div");
    line.append(...parts.map(([tag, text]) => element(tag, text)));
    return line;
  }));
}

function element(tag, text) {
  if (!tag) return document.createTextNode(text);
  const [name, kind] = tag.split(".");
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

function share(number) {
  return number === null ? "none" : number.toFixed(2);
}

function places(list) {
  return list.map(([name, part]) => `${name.replaceAll("_", " ")} ${Math.round(100 * part)} %`).join(", ");
}
