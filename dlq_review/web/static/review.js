// Nobody waits: the next pictures are here before the answer is given, and the answer is told to the server afterwards.
import { Outbox } from "/static/outbox.js";

const main = document.getElementById("main");
const desk = main.dataset.desk;
let csrf = main.dataset.csrf;
const at = (id) => document.getElementById(id);
const form = at("answers");
const AHEAD = 10;
const UNDO = 10;
const RENEW_MS = 25_000;
const EMPTY_MS = 10_000;
const ELSEWHERE_MS = 2_000; // a page that was left a moment ago may not have given back yet
const AT_LEAVING = 100;
const ZOOM = 2.5; // times the size at which the whole picture fits
const PAN = 0.25; // of what is seen, with each press of an arrow

const wish = Object.fromEntries(["order", "sensor", "category", "reason"].map((name) => [name, document.querySelector(`.filters [name=${name}]`).value]));
const reasons = Object.fromEntries([...document.querySelectorAll(".filters [name=reason] option")].filter((one) => one.value).map((one) => [one.value, one.textContent]));
const queue = []; // shown next, each with its decoded picture
const answered = new Set(); // not to be shown again to who has answered
const done = []; // the last answers, to be taken back
let current = null;
let shownAt = 0;
let taking = false;
let lookAgain = 0;

function post(path, body, more) {
  const headers = { "content-type": "application/json", "x-csrf-token": csrf };
  return fetch(path, { method: "POST", headers, body: JSON.stringify({ desk, ...body }), ...more });
}
async function call(path, body) {
  let answer = await post(path, body);
  if (answer.status === 403 && (await cameBack())) answer = await post(path, body);
  if (answer.status === 401 || answer.status === 403) throw new SignedOut();
  if (answer.status >= 500) throw new Error(`the server says ${answer.status}`);
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said.error);
  return said;
}
// Who signed in again in another tab has a new session, and each session its own token. Somebody else's does not count.
async function cameBack() {
  const answer = await fetch("/account");
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main")?.dataset;
  if (found?.account !== main.dataset.account) return false;
  csrf = found.csrf;
  for (const input of document.querySelectorAll("input[name=csrf]")) input.value = csrf;
  return true;
}
class SignedOut extends Error {}
class Refused extends Error {
  permanent = true;
}

const outbox = new Outbox(`waste-desk-${main.dataset.account}`, desk, async (actions) => {
  const said = await call("/review/actions", { actions });
  left(said.waiting);
  return said.results;
});
outbox.onchange = () => {
  if (outbox.fault instanceof SignedOut) signedOut();
  else if (outbox.fault) say(`No connection. ${untold()}; trying again.`);
  else if (outbox.refused.length) say(`Not taken. ${outbox.refused.splice(0).join(" ")}`);
  else quiet();
};
outbox.onresult = (action, result) => {
  if (action.kind === "label" && action.choice === null && result.item === null && current?.event_id === action.event_id) say("Somebody else has this picture by now. Your answer was taken back.");
};

function untold() {
  const where = outbox.kept ? "kept in this browser" : "kept in this page alone, do not close it";
  return `${outbox.size} ${outbox.size === 1 ? "answer is" : "answers are"} ${where}`;
}
function signedOut() {
  say(outbox.size ? `You are signed out. ${untold()}; saved when you sign in again.` : "You are signed out.", "/enter?next=/review");
}
function say(text, link) {
  const notice = at("notice");
  notice.replaceChildren(text);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link;
    if (outbox.atRisk) anchor.target = "_blank";
    anchor.textContent = " Sign in";
    notice.append(anchor);
  }
  notice.classList.toggle("bad", Boolean(outbox.fault));
  notice.hidden = false;
}
function quiet() {
  at("notice").hidden = true;
}
function left(waiting) {
  if (waiting !== undefined) at("waiting").textContent = `${waiting.toLocaleString("en")} left`;
}
function elsewhere(count) {
  at("elsewhere").hidden = !count;
  at("held-elsewhere").textContent = `${count} ${count === 1 ? "is" : "are"}`;
}

function load(item) {
  const image = new Image();
  image.alt = "The picture to be judged";
  image.dataset.event = item.event_id;
  image.decoding = "sync";
  item.image = image;
  item.ready = new Promise((resolve) => {
    image.onload = () => image.decode().then(resolve, resolve);
    image.onerror = () => {
      item.gone = true;
      resolve();
    };
  });
  image.src = `/pictures/${item.event_id}/large`;
  return item;
}

async function refill() {
  if (taking || queue.length >= AHEAD - 2) return;
  taking = true;
  let pause = EMPTY_MS;
  try {
    const said = await call("/review/take", { ...wish, count: AHEAD - queue.length });
    const known = new Set([...[current, ...queue].filter(Boolean).map((item) => item.event_id), ...answered]);
    for (const item of said.items) if (!known.has(item.event_id)) queue.push(load(item));
    left(said.waiting);
    elsewhere(said.elsewhere);
    if (said.elsewhere) pause = ELSEWHERE_MS;
    if (!current && queue.length) next();
  } catch (fault) {
    if (fault instanceof SignedOut) signedOut();
    else if (!queue.length) say("No connection. Trying again; nothing is lost.");
    setTimeout(refill, 2000);
  } finally {
    taking = false;
  }
  clearTimeout(lookAgain);
  if (!current) lookAgain = setTimeout(refill, pause);
}

function next() {
  show(queue.shift() ?? null);
  refill();
}

function show(item) {
  current = item;
  at("work").hidden = !item;
  at("empty").hidden = Boolean(item);
  if (!item) return;
  zoomOut();
  at("picture").replaceChildren(item.gone ? missing() : item.image);
  item.ready.then(() => {
    if (current !== item) return;
    if (item.gone) at("picture").replaceChildren(missing());
    item.seen = true; // what nobody has seen, nobody can judge
    shownAt = performance.now();
  });
  form.event_id.value = item.event_id;
  at("guess").replaceChildren(...item.top.flatMap(([category, score]) => [dot(category), ` ${Math.round(score * 100)} % `]));
  at("why").textContent = reasons[item.reason] ?? item.reason;
  at("sensor").textContent = item.sensor_id;
  const when = at("when");
  when.dateTime = when.title = item.captured_at;
  when.textContent = ago(new Date(item.captured_at));
  if (at("around").open) around();
}

function missing() {
  const words = document.createElement("p");
  words.className = "gone";
  words.textContent = "This picture cannot be shown any more: it is missing, or is no picture. Answer “cannot tell”, or skip it.";
  return words;
}
function dot(category) {
  const mark = document.createElement("span");
  mark.className = `dot ${category}`;
  mark.textContent = category;
  return mark;
}
function ago(moment) {
  const seconds = Math.max(0, (Date.now() - moment) / 1000);
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= size) return `${Math.round(seconds / size)} ${unit} ago`;
  return `${Math.round(seconds)} s ago`;
}
async function around() {
  const event = current?.event_id;
  if (!event) return;
  const answer = await fetch(`/review/around/${event}`).catch(() => null);
  const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html").body : null;
  if (page && current?.event_id === event) at("neighbours").replaceChildren(...page.childNodes);
}

function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function answer(choice) {
  if (!current?.seen) return;
  const item = current;
  const action =
    choice === "skip"
      ? { kind: "skip", event_id: item.event_id }
      : { kind: "label", event_id: item.event_id, label_id: uuid(), choice, took_ms: Math.round(performance.now() - shownAt) };
  answered.add(item.event_id);
  remember({ item, action });
  next(); // first what the person waits for
  outbox.add(action);
}
function remember(one) {
  done.push(one);
  if (done.length > UNDO) done.shift();
  at("undo").disabled = false;
}
function undo() {
  const last = done.pop();
  at("undo").disabled = !done.length;
  if (!last) return;
  const { item, action } = last;
  answered.delete(item.event_id);
  if (current) queue.unshift(current);
  show(item);
  outbox.add(
    action.kind === "skip"
      ? { kind: "unskip", event_id: item.event_id }
      : { kind: "label", event_id: item.event_id, label_id: uuid(), choice: null, replaces: action.label_id },
  );
}
function zoomOut() {
  at("picture").classList.remove("zoomed");
  at("zoom").setAttribute("aria-pressed", "false");
}
// Into the middle, or into where a double click was.
function zoom(event) {
  const frame = at("picture");
  const image = frame.querySelector("img");
  if (!image || frame.classList.contains("zoomed")) return zoomOut();
  const fits = Math.min(frame.clientWidth / image.naturalWidth, frame.clientHeight / image.naturalHeight);
  const width = image.naturalWidth * fits;
  const height = image.naturalHeight * fits;
  const box = frame.getBoundingClientRect();
  const pointed = event?.type === "dblclick";
  const x = pointed ? (event.clientX - box.left - (frame.clientWidth - width) / 2) / width : 0.5;
  const y = pointed ? (event.clientY - box.top - (frame.clientHeight - height) / 2) / height : 0.5;
  frame.style.setProperty("--zoomed", `${width * ZOOM}px`);
  frame.classList.add("zoomed");
  at("zoom").setAttribute("aria-pressed", "true");
  frame.focus();
  frame.scrollTo(x * width * ZOOM - frame.clientWidth / 2, y * height * ZOOM - frame.clientHeight / 2);
}
const arrows = new Map([["ArrowLeft", [-PAN, 0]], ["ArrowRight", [PAN, 0]], ["ArrowUp", [0, -PAN]], ["ArrowDown", [0, PAN]]]);
function pan(event) {
  const frame = at("picture");
  const step = arrows.get(event.key);
  if (!step || !frame.classList.contains("zoomed")) return false;
  frame.scrollBy(step[0] * frame.clientWidth, step[1] * frame.clientHeight);
  event.preventDefault();
  return true;
}

async function renew() {
  const held = [current, ...queue].filter(Boolean);
  if (!held.length || document.visibilityState === "hidden") return;
  try {
    const said = await call("/review/renew", { events: held.map((item) => item.event_id) });
    left(said.waiting);
    const kept = new Set(said.held);
    for (let place = queue.length - 1; place >= 0; place--) if (!kept.has(queue[place].event_id)) queue.splice(place, 1);
    if (current && !kept.has(current.event_id)) say("This picture was away too long and may be with somebody else; your answer is kept all the same.");
    refill();
  } catch (fault) {
    if (fault instanceof SignedOut) signedOut();
  }
}

const keys = new Map([...form.querySelectorAll(".choice")].map((button) => [button.querySelector("kbd").textContent, () => answer(button.value)]));
keys.set("u", undo).set("s", () => answer("skip")).set("z", zoom).set("i", () => at("around").toggleAttribute("open")).set("?", () => at("keys").showModal());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
  if (event.target.closest?.("input, select, textarea") || pan(event) || event.repeat) return;
  const act = keys.get(event.key);
  if (!act) return;
  event.preventDefault();
  act();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.value) answer(event.submitter.value);
});
at("undo").addEventListener("click", undo);
at("zoom").addEventListener("click", zoom);
at("help").addEventListener("click", () => at("keys").showModal());
at("around").addEventListener("toggle", () => at("around").open && around());
at("picture").addEventListener("dblclick", zoom);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && renew());
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
window.addEventListener("beforeunload", (event) => outbox.atRisk && event.preventDefault());
window.addEventListener("pagehide", () => {
  // What is under way may be cut off with the page: it is told once more, and at the next visit again.
  if (outbox.size) post("/review/actions", { actions: outbox.actions.slice(0, AT_LEAVING) }, { keepalive: true }).catch(() => {});
  const leaving = new FormData();
  leaving.set("csrf", csrf);
  leaving.set("page", desk);
  navigator.sendBeacon("/review/leave", leaving);
});
setInterval(renew, RENEW_MS);

const first = document.querySelector("#picture img");
if (first) {
  // The first one came with the page; its facts stand there already.
  const item = { event_id: first.dataset.event, image: first, gone: first.complete && !first.naturalWidth, ready: Promise.resolve(), captured_at: at("when").dateTime };
  item.reason = Object.keys(reasons).find((one) => reasons[one] === at("why").textContent) ?? at("why").textContent;
  item.sensor_id = at("sensor").textContent;
  item.top = [...at("guess").querySelectorAll(".dot")].map((mark) => [mark.textContent, parseFloat(mark.nextSibling.textContent) / 100]);
  item.ready = first.complete ? Promise.resolve() : new Promise((resolve) => { first.onload = resolve; first.onerror = () => { item.gone = true; resolve(); }; });
  show(item);
}
outbox.flush();
refill();
