// What is seen, and the address that says so.

const OWN = ["recipe", "seed", "index", "size", "layer", "kind", "model", "other"];

export const START = {
  recipe: "mito", seed: "0", index: "0", size: "256", layer: "plain", kind: "", model: "", changes: {}, other: null,
};

// The state that an address stands for. Knobs are the names with a dot.
export function read(search) {
  const pairs = new URLSearchParams(search);
  const state = { ...START, changes: changesOf(pairs) };
  for (const name of OWN) if (name !== "other" && pairs.has(name)) state[name] = pairs.get(name);
  if (pairs.has("other")) {
    const other = new URLSearchParams(pairs.get("other"));
    state.other = { recipe: other.get("recipe") ?? START.recipe, changes: changesOf(other) };
  }
  return state;
}

function changesOf(pairs) {
  return Object.fromEntries([...pairs].filter(([name]) => name.includes(".")));
}

// The query of one picture, as the server takes it.
export function query(state, side = state) {
  const { seed, index, size, layer } = state;
  return new URLSearchParams({ recipe: side.recipe, seed, index, size, layer, ...side.changes }).toString();
}

// The query of the whole page.
export function write(state) {
  const pairs = new URLSearchParams(query(state));
  if (state.kind) pairs.set("kind", state.kind);
  if (state.model) pairs.set("model", state.model);
  if (state.other) pairs.set("other", new URLSearchParams({ recipe: state.other.recipe, ...state.other.changes }));
  return `?${pairs}`;
}
