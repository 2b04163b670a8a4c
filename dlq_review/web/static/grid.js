// Keys for the grid; without this script its boxes and buttons do the same.
const form = document.getElementById("grid");
const main = document.getElementById("main");
const boxes = form ? [...form.querySelectorAll("input[type=checkbox]")] : [];
let sent = false;

function answer(button) {
  if (!sent) form.requestSubmit(button);
}
function move(step) {
  const place = boxes.indexOf(document.activeElement);
  boxes[Math.max(0, Math.min(boxes.length - 1, place < 0 ? 0 : place + step))]?.focus();
}
function columns() {
  const top = boxes[0]?.closest("li").offsetTop;
  return Math.max(1, boxes.filter((box) => box.closest("li").offsetTop === top).length);
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const button = form && [...form.querySelectorAll(".choice")].find((one) => one.querySelector("kbd").textContent === event.key);
  if (button) answer(button);
  else if (event.key === "a") {
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = !all;
  } else if (event.key === "u") document.getElementById("undo-form")?.requestSubmit();
  else if (event.key === "ArrowRight") move(1);
  else if (event.key === "ArrowLeft") move(-1);
  else if (event.key === "ArrowDown") move(columns());
  else if (event.key === "ArrowUp") move(-columns());
  else return;
  event.preventDefault();
});
form?.addEventListener("change", () => { document.getElementById("none").hidden = true; });
form?.addEventListener("submit", (event) => {
  sent = boxes.some((box) => box.checked);
  document.getElementById("none").hidden = sent;
  if (!sent) event.preventDefault();
});
window.addEventListener("pagehide", () => {
  if (sent || !form) return;
  const leaving = new FormData();
  leaving.set("csrf", main.dataset.csrf);
  leaving.set("page", main.dataset.desk);
  navigator.sendBeacon("/review/leave", leaving);
});
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
const RENEW_MS = 25_000;
setInterval(() => {
  if (!form || document.visibilityState === "hidden") return;
  const headers = { "content-type": "application/json", "x-csrf-token": main.dataset.csrf };
  const body = JSON.stringify({ desk: main.dataset.desk, events: boxes.map((box) => box.value.split("/")[0]) });
  fetch("/review/renew", { method: "POST", headers, body }).catch(() => {});
}, RENEW_MS);
