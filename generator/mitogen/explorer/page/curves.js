// Curves and the table of statistics; `looks` is a list of { side, name, look }.

const WIDTH = 320, HEIGHT = 150, MARGIN = 6;

export function drawHistogram(svg, looks) {
  const curves = looks.map(({ side, look }) => [side, look.histogram.map((share, grey) => [grey, share])]);
  draw(svg, curves);
}

export function drawSpectrum(svg, looks) {
  const curves = looks.map(({ side, look }) => [
    side,
    look.frequency.map((f, i) => [Math.log(f), Math.log(Math.max(look.power[i], 1e-3))]),
  ]);
  draw(svg, curves);
}

function draw(svg, curves) {
  const points = curves.flatMap(([, curve]) => curve);
  const [left, right] = ends(points.map(([x]) => x)), [low, high] = ends(points.map(([, y]) => y));
  svg.replaceChildren(...curves.map(([side, curve]) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("class", side);
    line.setAttribute("points", curve.map(([x, y]) =>
      `${(MARGIN + (x - left) / (right - left) * (WIDTH - 2 * MARGIN)).toFixed(1)},` +
      `${(HEIGHT - MARGIN - (y - low) / (high - low) * (HEIGHT - 2 * MARGIN)).toFixed(1)}`).join(" "));
    return line;
  }));
}

function ends(numbers) {
  const low = Math.min(...numbers), high = Math.max(...numbers);
  return high > low ? [low, high] : [low, low + 1];
}

export function fillTable(table, looks) {
  table.replaceChildren();
  const head = table.insertRow();
  head.append(document.createElement("th"), ...looks.map(({ side, name }) => {
    const cell = document.createElement("th");
    cell.className = side;
    cell.textContent = name;
    return cell;
  }));
  looks[0].look.values.forEach(({ title, unit }, place) => {
    const row = table.insertRow();
    row.insertCell().textContent = unit ? `${title}, ${unit}` : title;
    for (const { look } of looks) {
      const value = look.values[place].value;
      row.insertCell().textContent = value === null ? "" : Number(value.toPrecision(3));
    }
  });
}
