// The page: state in the address, knobs to the left, pictures that follow.

import { query, read, write } from "./address.js";
import { drawHistogram, drawSpectrum, fillTable } from "./curves.js";
import { Panel, short } from "./knobs.js";
import { Latest } from "./latest.js";
import { Nearer } from "./nearer.js";
import { Verdict } from "./verdict.js";

const ABOVE_PX = 220;  // what stands above and below a picture
const NO_MODEL = "No model is installed that could say what it finds: pip install mitogen-em";
const SIZES = [128, 256, 384, 512, 768, 1024];
const $ = (id) => document.getElementById(id);

let state = read(location.search);
let moving = false;
let recipes = new Map(), scenes = {}, own = null, crop = 0, scene = null, asked = false;
const described = { a: null, b: null }, looks = {};
const panel = new Panel($("knobs"), turn);
const nearer = new Nearer(
  { button: $("look-nearer"), line: $("nearer-line"), table: $("steps") },
  { turn: (name, text) => turn(name, text, true), fail: complain, unitOf: (name) => panel.rows.get(name)?.knob.unit ?? "" },
);

// --- the server --------------------------------------------------------------------------------------------------

const pictures = {}, texts = {}, numbers = {}, verdicts = {};
for (const side of ["a", "b"]) {
  pictures[side] = new Latest(async (response, address) => {
    await showPicture($(`figure-${side}`), await response.blob());
    document.body.dataset[`shown${side.toUpperCase()}`] = address;
    complain("");
  }, complain);
  texts[side] = new Latest(async (response) => {
    described[side] = await response.json();
    showTexts();
  }, complain);
  numbers[side] = new Latest(async (response) => {
    looks[side] = await response.json();
    showLooks();
  }, complain);
  verdicts[side] = new Verdict($(`model-${side}`), showPicture, complain);
}

numbers.real = new Latest(async (response) => {
  looks.real = await response.json();
  showLooks();
}, complain);
pictures.real = new Latest(async (response) => showPicture($("figure-real"), await response.blob()), complain);

function sideOf(side) {
  const chosen = (side === "a" ? state : state.other) ?? state;
  const painted = recipes.get(chosen.recipe)?.compartments ?? true;
  return query(state.layer === "compartments" && !painted ? { ...state, layer: "outlines" } : state, chosen);
}

// Whether the model is asked about a side: it is wanted, installed, and there are mitochondria to look for.
function asks(side) {
  const chosen = side === "a" ? state : state.other;
  return Boolean(asked && state.model && chosen && recipes.get(chosen.recipe)?.compartments);
}

function refresh() {
  for (const side of state.other ? ["a", "b"] : ["a"]) {
    pictures[side].want(`/image?${sideOf(side)}`);
    texts[side].want(`/describe?${sideOf(side)}`);
    if ($("look").open) numbers[side].want(`/look?${sideOf(side)}`);
  }
  for (const side of ["a", "b"]) verdicts[side].want(asks(side) ? state.model : "", sideOf(side));
  nearer.forget(sideOf("a"));
  if (own && $("look").open && !looks.real) numbers.real.want("/own-look");
  showState();
}

// --- what changes ------------------------------------------------------------------------------------------------

// Change the state; `done` is false while a slider moves, all of which is one entry in the history.
function change(changed, done = true) {
  state = { ...state, ...changed };
  history[moving ? "replaceState" : "pushState"](null, "", write(state));
  moving = !done;
  refresh();
}

function turn(name, text, done) {
  const { [name]: _, ...others } = state.changes;
  change({ changes: text === null ? others : { ...others, [name]: text } }, done);
}

async function toKind(kind, index) {
  if (!kind) return change({ kind, index });
  const response = await fetch(`/next?${query({ ...state, index })}&${new URLSearchParams({ kind })}`);
  if (!response.ok) return complain(await response.text());
  return change({ kind, index: String((await response.json()).index) });
}

async function throwDice() {
  state = { ...state, seed: String(Math.floor(Math.random() * 1e6)) };
  await toKind(state.kind, state.index);
}

function toRecipe(recipe) {
  const known = new Set(scenes[recipes.get(recipe).scene].map((knob) => knob.name));
  const changes = Object.fromEntries(Object.entries(state.changes).filter(([name]) => known.has(name)));
  change({ recipe, changes, kind: "" });
}

function compareWith(choice) {
  const { recipe, changes } = state;
  const others = { "": null, "=": { recipe, changes }, ...(state.other && { "+": state.other }) };
  change({ other: choice in others ? others[choice] : { recipe: choice, changes: {} } });
}

function swap() {
  const { recipe, changes, other } = state;
  change({ ...other, other: { recipe, changes }, kind: "" });
}

// --- what is shown -----------------------------------------------------------------------------------------------

function complain(line) {
  $("problem").textContent = line;
  $("problem").hidden = !line;
}

async function showPicture(figure, blob) {
  const picture = figure.querySelector("img");
  const before = picture.src, room = Math.min(figure.clientWidth, innerHeight - ABOVE_PX);
  picture.src = URL.createObjectURL(blob);
  await picture.decode();
  const size = picture.naturalWidth;
  const scale = Math.max(1, room / size);
  picture.style.width = `${Math.round(size * (scale >= 2 ? Math.floor(scale) : scale))}px`;
  picture.style.imageRendering = scale >= 2 ? "pixelated" : "auto";
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

function showState() {
  const recipe = recipes.get(state.recipe);
  if (recipe && recipe.scene !== scene) panel.build(scenes[scene = recipe.scene], Object.keys(state.changes));
  fill($("kind"), [["", "any"], ...(recipe?.kinds ?? []).map(({ name, share }) => [name, `${name} (${short(100 * share)} %)`])]);
  const kept = state.other ? [["+", `B: ${nameOf(state.other)}`]] : [];
  fill($("other"), [["", "nothing"], ...kept, ["=", "A as it is now"], ...[...recipes.keys()].map((name) => [name, name])]);
  for (const name of ["recipe", "kind", "seed", "index", "size", "layer", "model"]) $(name).value = state[name];
  $("other").value = state.other ? "+" : "";
  $("layer").querySelector("[value=compartments]").disabled = recipe ? !recipe.compartments : false;
  $("description").textContent = recipe?.description ?? "";
  $("model").disabled = !asked;
  $("no-model").hidden = !state.model || asks("a");
  $("no-model").textContent = asked ? "The model looks for mitochondria; this scene has none." : NO_MODEL;
  $("swap").hidden = $("figure-b").hidden = !state.other;
  $("changed-count").textContent = Object.keys(state.changes).length;
  $("save").href = `/recipe.toml?${sideOf("a")}`;
  panel.show(state.changes, described.a);
}

function nameOf({ recipe, changes }) {
  const count = Object.keys(changes).length;
  return count ? `${recipe}, ${count} changed` : recipe;
}

function showTexts() {
  panel.show(state.changes, described.a);
  $("command").textContent = described.a?.[$("as-dataset").checked ? "dataset" : "command"] ?? "";
  for (const side of ["a", "b"]) {
    const chosen = side === "a" ? state : state.other;
    if (described[side] && chosen) caption(side, chosen, described[side]);
  }
}

function caption(side, chosen, { kind, knobs }) {
  const bold = document.createElement("b");
  bold.textContent = `${state.other ? `${side.toUpperCase()}: ` : ""}${nameOf(chosen)}`;
  const facts = [kind, `${short(knobs["section.pixel_nm"].drawn)} nm a pixel`,
                 `section of ${short(knobs["section.thickness_nm"].drawn)} nm`];
  $(`figure-${side}`).querySelector("figcaption").replaceChildren(bold, ` ${facts.filter(Boolean).join(", ")}`);
}

function showLooks() {
  const names = { a: "A", b: "B", real: "yours" };
  const shown = ["a", ...(state.other ? ["b"] : []), "real"].filter((side) => looks[side]);
  if (!looks.a) return;
  const list = shown.map((side) => ({ side, name: names[side], look: looks[side] }));
  drawHistogram($("histogram"), list);
  drawSpectrum($("spectrum"), list);
  fillTable($("statistics"), list);
}

function showOwn() {
  if (!own) return;
  $("figure-real").hidden = $("nearer").hidden = false;
  const bold = document.createElement("b");
  bold.textContent = own.name;
  $("figure-real").querySelector("figcaption").replaceChildren(bold, ` crop ${crop + 1} of ${own.count}, ${short(own.pixel_nm)} nm a pixel; click for the next`);
  pictures.real.want(`/own?number=${crop}`);
}

// --- the start ---------------------------------------------------------------------------------------------------

function listen() {
  for (const name of ["size", "layer", "model"]) $(name).addEventListener("change", (event) => change({ [name]: event.target.value }));
  for (const name of ["seed", "index"]) $(name).addEventListener("change", (event) => change({ [name]: event.target.value.trim() }));
  $("recipe").addEventListener("change", (event) => toRecipe(event.target.value));
  $("kind").addEventListener("change", (event) => toKind(event.target.value, state.index));
  $("other").addEventListener("change", (event) => compareWith(event.target.value));
  $("dice").addEventListener("click", throwDice);
  $("previous").addEventListener("click", () => change({ index: String(Math.max(0, Number(state.index) - 1)) }));
  $("following").addEventListener("click", () => toKind(state.kind, String(Number(state.index) + 1)));
  $("swap").addEventListener("click", swap);
  $("reset-all").addEventListener("click", () => change({ changes: {} }));
  for (const name of ["search", "changed-only"]) {
    $(name).addEventListener("input", () => panel.search($("search").value, $("changed-only").checked));
  }
  $("as-dataset").addEventListener("change", showTexts);
  $("copy").addEventListener("click", copy);
  $("look").addEventListener("toggle", refresh);
  $("look-nearer").addEventListener("click", () => nearer.look(sideOf("a")));
  $("figure-real").addEventListener("click", () => {
    crop = (crop + 1) % own.count;
    showOwn();
  });
  addEventListener("popstate", () => { state = read(location.search); refresh(); });
}

async function copy() {
  await navigator.clipboard.writeText($("command").textContent);
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy command"; }, 1500);
}

async function start() {
  const given = await (await fetch("/start")).json();
  recipes = new Map(given.recipes.map((recipe) => [recipe.name, recipe]));
  scenes = given.scenes;
  own = given.own;
  asked = given.model;
  if (!asked) $("model").title = NO_MODEL;
  fill($("recipe"), [...recipes.keys()].map((name) => [name, name]));
  fill($("size"), [...new Set([...SIZES, Number(state.size)])].sort((a, b) => a - b).map((size) => [size, `${size} px`]));
  listen();
  showOwn();
  refresh();
}

start().catch((error) => complain(String(error)));
