// Draws the charts of the console and keeps its figures fresh; without this script the tables say the same.
const main = document.getElementById("main");
const drawn = new Map();
const HEIGHT = 220, LABELS_PX = 112, LINE_PX = 15;
const FONT = '12px system-ui, sans-serif';

function colour(name) {
  const names = { paper: "--paper-c" };
  return getComputedStyle(document.documentElement).getPropertyValue(names[name] ?? `--${name}`).trim();
}
function faint(name) {
  return `color-mix(in srgb, ${colour(name)} 18%, transparent)`;
}
function words(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "share") return `${(value * 100).toFixed(1)}\u00a0%`;
  if (unit === "s") return lasts(value);
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + (unit ? `\u00a0${unit}` : "");
}
function lasts(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= size) return `${Math.round(seconds / size)}\u00a0${unit}`;
  if (seconds >= 10) return `${seconds.toFixed(0)}\u00a0s`;
  return seconds >= 1 ? `${seconds.toFixed(1)}\u00a0s` : `${(seconds * 1000).toFixed(0)}\u00a0ms`;
}
function short(value, unit) {
  if (unit === "share") return `${+(value * 100).toFixed(1)}\u00a0%`;
  if (unit === "s") return value === 0 ? "0" : lasts(value);
  return value.toLocaleString("en", { maximumFractionDigits: 2 });
}
function moment(chart, x) {
  if (chart.axis) return `${chart.axis} ${x.toFixed(2)}`;
  const text = new Date(x * 1000).toISOString();
  return chart.days ? text.slice(0, 10) : `${text.slice(5, 10)} ${text.slice(11, 16)}`;
}
function last(values) {
  for (let place = values.length - 1; place >= 0; place--) if (values[place] !== null) return place;
  return -1;
}
function top(chart) {
  let most = chart.top ?? 0;
  for (const one of chart.series) if (one.unit === chart.unit) for (const value of one.values) if (value > most) most = value;
  if (chart.limit) most = Math.max(most, chart.limit.at * 1.1);
  if (chart.unit === "share") return chart.top ?? Math.min(1, most * 1.1 || 1);
  return most * 1.1 || 1;
}
function bottom(chart) {
  let least = chart.bottom;
  if (least) for (const one of chart.series) if (one.unit === chart.unit) for (const value of one.values) if (value !== null && value < least) least = value;
  return least;
}
// The series of a chart that are drawn: the edges of a band are, too, without a line.
function lines(chart) {
  return chart.series.map((one, place) => ({ ...one, place })).filter((one) => one.shown || chart.band?.includes(one.place));
}
function read(plot, chart, figure) {
  const place = plot.cursor.idx ?? Math.max(...chart.series.map((one) => last(one.values)));
  const text = place < 0 ? "" : `${moment(chart, chart.x[place])}: ` + chart.series.map((one) => `${one.name} ${words(one.values[place], one.unit)}`).join(", ");
  figure.querySelector(".reading").textContent = text;
}
function name_lines(plot, chart) {
  const { ctx } = plot, ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const right = plot.bbox.left + plot.bbox.width;
  const named = chart.series.filter((one) => one.shown && last(one.values) >= 0)
    .map((one) => ({ one, y: plot.valToPos(one.values[last(one.values)], "y", true) })).sort((a, b) => a.y - b.y);
  let free = plot.bbox.top;
  const overflow = plot.bbox.top + plot.bbox.height;
  for (const each of named) { each.y = Math.max(each.y, free); free = each.y + LINE_PX * ratio; }
  for (let place = named.length - 1, most = overflow; place >= 0; place--) { named[place].y = Math.min(named[place].y, most); most = named[place].y - LINE_PX * ratio; }
  for (const { one, y } of named) { ctx.fillStyle = colour(one.colour); ctx.fillText(one.name, right + 6 * ratio, y); }
  if (chart.limit) {
    const y = Math.round(plot.valToPos(chart.limit.at, "y", true));
    ctx.strokeStyle = ctx.fillStyle = colour("bad");
    ctx.lineWidth = ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.beginPath(); ctx.moveTo(plot.bbox.left, y); ctx.lineTo(right, y); ctx.stroke();
    // On the side of the line on which the values are not.
    const first = chart.series.find((one) => one.shown).values.find((value) => value !== null);
    ctx.fillText(chart.limit.name, plot.bbox.left + 4 * ratio, y + (first >= chart.limit.at ? 9 : -9) * ratio);
  }
  ctx.restore();
}
function options(chart, figure, width) {
  const shown = lines(chart), axis = { stroke: colour("dim"), font: FONT, grid: { stroke: colour("line"), width: 0.5 }, ticks: { show: false } };
  const band = chart.band && chart.band.map((place) => shown.findIndex((one) => one.place === place) + 1);
  return {
    width, height: HEIGHT, padding: [10, LABELS_PX, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false }, cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: !chart.axis }, y: { range: () => [bottom(chart), top(chart)] } },
    axes: [{ ...axis, size: 28, space: chart.days ? 48 : 64, ...(chart.days ? { incrs: [1, 2, 7, 14, 28].map((days) => days * 86400) } : {}), values: chart.axis ? (_, ticks) => ticks.map((tick) => tick.toFixed(1)) : times }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => short(tick, chart.unit)) }],
    bands: band ? [{ series: [Math.max(...band), Math.min(...band)], fill: faint("accent") }] : [],
    series: [{}, ...shown.map((one) => ({
      label: one.name, stroke: one.shown ? colour(one.colour) : "transparent", width: one.shown ? 2 : 0, spanGaps: false, points: { show: one.shown && !chart.bars && alone(one.values), size: 5 },
      ...(chart.bars ? { paths: uPlot.paths.bars({ size: [0.7, 24] }), fill: colour(one.colour) } : {}),
    }))],
    hooks: { draw: [(plot) => name_lines(plot, chart)], setCursor: [(plot) => read(plot, chart, figure)] },
  };
}
// A value between two gaps is no line: it is a dot.
function alone(values) {
  return values.some((value, place) => value !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null);
}
function times(plot, ticks, _, __, step) {
  return ticks.map((tick) => { const text = new Date(tick * 1000).toISOString(); return step >= 86400 ? text.slice(5, 10) : text.slice(11, 16) === "00:00" ? text.slice(5, 10) : text.slice(11, 16); });
}
function draw(chart, figure) {
  const canvas = figure.querySelector(".canvas"), title = figure.querySelector("figcaption strong");
  if (title.textContent !== chart.title) title.textContent = chart.title;
  const known = chart.series.some((one) => one.shown && last(one.values) >= 0);
  let nothing = canvas.querySelector(".nothing");
  if (!known && !nothing) { nothing = canvas.appendChild(document.createElement("p")); nothing.className = "nothing"; }
  if (nothing) { nothing.textContent = chart.empty; nothing.hidden = known; }
  const before = drawn.get(figure);
  if (!known) { before?.plot.destroy(); drawn.delete(figure); return; }
  const data = [chart.x, ...lines(chart).map((one) => one.values)];
  // Options hold the chart that they were made for: it is filled anew, not replaced.
  if (before && before.chart.series.length === chart.series.length) { Object.assign(before.chart, chart); before.plot.setData(data); read(before.plot, before.chart, figure); return; }
  before?.plot.destroy();
  const plot = new uPlot(options(chart, figure, canvas.clientWidth), data, canvas);
  drawn.set(figure, { plot, chart });
  read(plot, chart, figure);
}
function redraw() {
  for (const [figure, { plot, chart }] of [...drawn]) { plot.destroy(); drawn.delete(figure); draw(chart, figure); }
}
function fill(told) {
  for (const [name, text] of Object.entries(told.figures)) for (const place of document.querySelectorAll(`[data-figure="${name}"]`)) if (place.textContent !== text) place.textContent = text;
  for (const [name, chart] of Object.entries(told.charts)) { const figure = document.querySelector(`[data-chart="${name}"]`); if (figure) draw(chart, figure); }
  for (const [name, rows] of Object.entries(told.tables)) { const body = document.querySelector(`[data-table="${name}"]`); if (body) fill_table(body, rows); }
}
function fill_table(body, rows) {
  const heads = [...body.closest("table").querySelectorAll("th")];
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text, place) => { const cell = document.createElement("td"); cell.className = heads[place].className; cell.dataset.label = heads[place].textContent; cell.textContent = text; return cell; }));
    return row;
  }));
}
const away = document.getElementById("away");
let fresh = new Date();
function tell(text) {
  if (!away) return;
  away.hidden = !text;
  if (away.textContent !== text) away.textContent = text;
}
let asking = false;
async function renew() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(main.dataset.src, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(10_000) });
    if (answer.status === 401 || answer.status === 403) tell("You are signed out, or your role has changed. What is shown is of before; load the page again.");
    else if (!answer.ok) throw new Error(String(answer.status));
    else { fill(await answer.json()); fresh = new Date(); tell(""); }
  } catch {
    tell(`Not renewed since ${fresh.toISOString().slice(11, 19)} UTC: the server or its database does not answer. What is shown is of then; it is asked again by itself.`);
  } finally { asking = false; }
}
function wanted() {
  return document.visibilityState === "visible" && (document.getElementById("live")?.checked ?? true);
}
if (main.dataset.src) {
  renew();
  const every = Number(main.dataset.everyS ?? 0) * 1000;
  if (every) {
    setInterval(() => wanted() && renew(), every);
    document.addEventListener("visibilitychange", () => wanted() && renew());
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
}
