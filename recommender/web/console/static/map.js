// Draws the archive map: all points into one picture, so that a hundred thousand move smoothly.

import { ask, refresh, say } from './console.js';

const root = document.getElementById('map');
const canvas = document.getElementById('map-canvas');
const pen = canvas.getContext('2d', { alpha: false });
const names = document.getElementById('map-names');
const legend = document.getElementById('map-legend');
const stories = document.getElementById('map-stories');
const SECTIONS = ['#0b6fb8', '#d1495b', '#2e8b57', '#b8860b', '#7b4fb0', '#008b8b', '#c65d21', '#5a7d2a', '#b03a8c', '#4a63c9', '#8a5a44', '#3f8fa3', '#8d96a0'];
const NEW = [214, 69, 65];
const OLD = [70, 110, 160];
const UNDATED = 65535;
const MOST_SENT = 800;
const NEAR_PX = 12;
const RING = 0.16; // of the canvas: the stories that Enter lists

/** For each radius, how far a dot reaches to either side in each of its rows. */
const SPANS = Array.from({ length: 24 }, (_, r) => Array.from({ length: 2 * r + 1 }, (__, row) => Math.round(Math.sqrt(Math.max(0, (r + 0.4) ** 2 - (row - r) ** 2)))));

const dark = matchMedia('(prefers-color-scheme: dark)');
let map = null;
let view = { x: 0, y: 0, scale: 1 };
let chosen = null; // Uint8Array: 1 for each chosen point
let shownList = []; // places of a story and of its list, the story first
let lasso = null; // a line that is being drawn
let lassoing = false;
let dirty = false;

function read(bytes) {
  const size = new DataView(bytes).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, size)));
  const count = head.points;
  let at = 4 + size;
  const take = (Kind) => { const part = new Kind(bytes, at, count); at += count * Kind.BYTES_PER_ELEMENT; return part; };
  return { ...head, rows: take(Int32Array), x: take(Int16Array), y: take(Int16Array), days: take(Uint16Array), section: take(Uint8Array), group: take(Uint8Array) };
}

const packed = (r, g, b) => (255 << 24) | (b << 16) | (g << 8) | r;
const ofHex = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** The colour of each point, as canvases keep it. */
function paint() {
  const by = document.getElementById('map-colour').value;
  const colours = new Uint32Array(map.points);
  if (by === 'section') {
    const palette = SECTIONS.map((hex) => packed(...ofHex(hex)));
    for (let i = 0; i < map.points; i += 1) colours[i] = palette[Math.min(map.section[i], SECTIONS.length - 1)];
    const shown = map.sections.map((name, at) => [SECTIONS[at], name || root.dataset.none]);
    if (map.section.includes(map.sections.length)) shown.push([SECTIONS.at(-1), root.dataset.other]);
    explain(shown);
  } else {
    // By rank of age, so that an archive of years does not look all old.
    const dated = Array.from(map.days).filter((day) => day !== UNDATED).sort((a, b) => a - b);
    const rank = new Map(dated.map((day, at) => [day, at / Math.max(1, dated.length - 1)]));
    for (let i = 0; i < map.points; i += 1) {
      const share = rank.get(map.days[i]);
      colours[i] = share === undefined ? packed(141, 150, 160) : packed(...NEW.map((one, at) => Math.round(one + (OLD[at] - one) * share)));
    }
    const hex = (rgb) => `#${rgb.map((one) => one.toString(16).padStart(2, '0')).join('')}`;
    explain([[hex(NEW), root.dataset.today], [hex(OLD), root.dataset.oldest], ['#8d96a0', root.dataset.dateless]]);
  }
  map.colours = colours;
}

function explain(shown) {
  legend.replaceChildren(...shown.map(([colour, text]) => {
    const item = document.createElement('li');
    const dot = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    dot.setAttribute('viewBox', '0 0 10 10');
    dot.setAttribute('aria-hidden', 'true');
    const circle = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
    for (const [name, value] of Object.entries({ cx: 5, cy: 5, r: 5, fill: colour })) circle.setAttribute(name, value);
    dot.append(circle);
    const words = document.createElement('span');
    words.textContent = text;
    words.dir = 'auto';
    item.append(dot, words);
    return item;
  }));
}

/** From the plane, -1 to 1, to device pixels; the whole plane fills the canvas. */
function lens() {
  const [wide, high] = [canvas.width * 0.46 * view.scale, canvas.height * 0.45 * view.scale];
  return { wide, high, left: canvas.width / 2 - view.x * wide, top: canvas.height / 2 - view.y * high };
}

/** The device pixels of a point. */
function placing() {
  const { wide, high, left, top } = lens();
  const [x, y] = [wide / 32767, high / 32767];
  return (i) => [left + map.x[i] * x, top + map.y[i] * y];
}

/** The radius of a dot in device pixels: the fewer and the nearer, the larger. */
function radius() {
  const few = Math.min(4, Math.max(0.6, 90 / Math.sqrt(map.points + 1)));
  return Math.min(SPANS.length - 2, Math.round(devicePixelRatio * Math.min(6, few * Math.min(3, Math.sqrt(view.scale)))));
}

function draw() {
  dirty = false;
  const { width, height } = canvas;
  const { wide, high, left, top } = lens();
  const picture = pen.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  pixels.fill(dark.matches ? packed(20, 23, 27) : packed(246, 247, 249));
  const [scaleX, scaleY, size] = [wide / 32767, high / 32767, radius()];
  const faded = dark.matches ? packed(52, 58, 67) : packed(221, 226, 232);
  const dot = (i, colour, r) => {
    const x = Math.round(left + map.x[i] * scaleX);
    const y = Math.round(top + map.y[i] * scaleY);
    if (x < r || y < r || x >= width - r || y >= height - r) return;
    if (r === 0) { pixels[y * width + x] = colour; return; }
    const spans = SPANS[r];
    for (let row = 0; row <= 2 * r; row += 1) {
      const at = (y - r + row) * width + x;
      pixels.fill(colour, at - spans[row], at + spans[row] + 1);
    }
  };
  for (let i = 0; i < map.points; i += 1) dot(i, chosen && !chosen[i] ? faded : map.colours[i], size);
  if (chosen) for (let i = 0; i < map.points; i += 1) if (chosen[i]) dot(i, map.colours[i], size + 1);
  pen.putImageData(picture, 0, 0);
  drawList();
  drawLasso();
  drawRing();
  placeNames();
}

/** The ring in the middle, for those who work by keys. */
function drawRing() {
  if (!canvas.matches(':focus-visible')) return;
  pen.strokeStyle = dark.matches ? '#7fbde8' : '#1f5f8b';
  pen.lineWidth = 2 * devicePixelRatio;
  pen.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
  pen.beginPath();
  ring().forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  pen.setLineDash([]);
}

function ring() {
  const reach = RING * Math.min(canvas.width, canvas.height);
  return Array.from({ length: 49 }, (_, at) => [canvas.width / 2 + reach * Math.cos((at * Math.PI) / 24), canvas.height / 2 + reach * Math.sin((at * Math.PI) / 24)]);
}

function drawList() {
  if (!shownList.length) return;
  const at = placing();
  const ink = dark.matches ? '#ffffff' : '#1b2229';
  pen.strokeStyle = ink;
  pen.lineWidth = devicePixelRatio;
  const [x, y] = at(shownList[0]);
  for (const item of shownList.slice(1)) {
    const [itemX, itemY] = at(item);
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(itemX, itemY);
    pen.stroke();
    pen.fillStyle = ink;
    pen.beginPath();
    pen.arc(itemX, itemY, 4 * devicePixelRatio, 0, 7);
    pen.fill();
  }
  pen.fillStyle = '#d64541';
  pen.beginPath();
  pen.arc(x, y, 7 * devicePixelRatio, 0, 7);
  pen.fill();
  pen.stroke();
}

function drawLasso() {
  if (!lasso || lasso.length < 2) return;
  pen.strokeStyle = dark.matches ? '#7fbde8' : '#1f5f8b';
  pen.lineWidth = 2 * devicePixelRatio;
  pen.beginPath();
  lasso.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

/** The names of the largest groups that have room, each in the middle of its group. */
function placeNames() {
  const { wide, high, left, top } = lens();
  const taken = [];
  for (const label of names.children) {
    const [x, y] = map.groups[label.dataset.group].place;
    const [half, tall] = [Number(label.dataset.half), Number(label.dataset.tall)];
    const middle = (left + x * wide) / devicePixelRatio;
    const level = (top + y * high) / devicePixelRatio;
    const within = (at, reach, end) => Math.min(Math.max(at, reach + 2), end - reach - 2); // a name does not leave the frame
    const [px, py] = [within(middle, half, canvas.clientWidth), within(level, tall, canvas.clientHeight)];
    const inside = Math.abs(px - middle) < half && Math.abs(py - level) < tall;
    const free = taken.every(([a, b, wide, deep]) => Math.abs(a - px) > half + wide + 4 || Math.abs(b - py) > tall + deep + 2);
    label.classList.toggle('is-away', !(inside && free));
    if (inside && free) { taken.push([px, py, half, tall]); label.style.transform = `translate(${px - half}px, ${py - tall}px)`; }
  }
}

/** Measure the names: all of them first, so that the page is laid out once. */
function measureNames() {
  const sizes = Array.from(names.children, (label) => [label.offsetWidth / 2, label.offsetHeight / 2]);
  Array.from(names.children).forEach((label, at) => { [label.dataset.half, label.dataset.tall] = sizes[at]; });
}

export function redraw() {
  if (dirty || !map) return;
  dirty = true;
  requestAnimationFrame(draw);
}

function fit() {
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  measureNames();
  redraw();
}

function zoom(factor, px = canvas.width / 2, py = canvas.height / 2) {
  const before = lens();
  const [x, y] = [(px - before.left) / before.wide, (py - before.top) / before.high];
  view.scale = Math.min(200, Math.max(0.8, view.scale * factor));
  const after = lens();
  view.x += (after.left + x * after.wide - px) / after.wide;
  view.y += (after.top + y * after.high - py) / after.high;
  redraw();
}

function move(dx, dy) {
  const { wide, high } = lens();
  view.x -= dx / wide;
  view.y -= dy / high;
  redraw();
}

function whole() {
  view = { x: 0, y: 0, scale: 1 };
  choose(null);
}

/** Choose points, and list the newest of them. */
function choose(points) {
  chosen = null;
  if (points) {
    chosen = new Uint8Array(map.points);
    for (const i of points) chosen[i] = 1;
  }
  redraw();
  if (!points?.length) return Promise.resolve();
  const newest = Array.from(points).sort((a, b) => map.days[a] - map.days[b]).slice(0, MOST_SENT);
  const rows = newest.map((i) => map.rows[i]).join(',');
  return refresh(stories, `${root.dataset.stories}?generation=${map.generation}&total=${points.length}&rows=${rows}`);
}

function near(px, py) {
  const at = placing();
  const most = (NEAR_PX * devicePixelRatio) ** 2;
  const found = [];
  for (let i = 0; i < map.points; i += 1) {
    const [x, y] = at(i);
    if ((x - px) ** 2 + (y - py) ** 2 <= most) found.push(i);
  }
  return found;
}

function inside(line) {
  const at = placing();
  const found = [];
  for (let i = 0; i < map.points; i += 1) {
    const [x, y] = at(i);
    let is = false;
    for (let a = 0, b = line.length - 1; a < line.length; b = a, a += 1) {
      const [[ax, ay], [bx, by]] = [line[a], line[b]];
      if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) is = !is;
    }
    if (is) found.push(i);
  }
  return found;
}

function chooseInside(line) {
  const found = line.length > 2 ? inside(line) : [];
  choose(found.length ? found : null);
}

const onCanvas = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * devicePixelRatio, (event.clientY - box.top) * devicePixelRatio];
};
const fingers = new Map();
let moved = 0;
canvas.addEventListener('pointerdown', (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, onCanvas(event));
  moved = 0;
  if (lassoing || event.shiftKey) lasso = [onCanvas(event)];
});
canvas.addEventListener('pointermove', (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const now = onCanvas(event);
  moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
  if (lasso) {
    lasso.push(now);
    redraw();
  } else if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    zoom(apart(now) / Math.max(1, apart(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else {
    move(now[0] - before[0], now[1] - before[1]);
  }
  fingers.set(event.pointerId, now);
});
const lift = (event) => {
  if (!fingers.delete(event.pointerId) || !map) return;
  if (lasso) {
    const line = lasso;
    lasso = null;
    chooseInside(line);
  } else if (moved < 5 * devicePixelRatio) {
    const found = near(...onCanvas(event));
    choose(found.length ? found : null);
  }
};
canvas.addEventListener('pointerup', lift);
canvas.addEventListener('pointercancel', lift);
canvas.addEventListener('wheel', (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), ...onCanvas(event));
}, { passive: false });
canvas.addEventListener('keydown', (event) => {
  const step = 60 * devicePixelRatio;
  const act = {
    ArrowLeft: () => move(step, 0), ArrowRight: () => move(-step, 0), ArrowUp: () => move(0, step), ArrowDown: () => move(0, -step),
    '+': () => zoom(1.4), '=': () => zoom(1.4), '-': () => zoom(1 / 1.4), 0: whole,
    Enter: () => chooseInside(ring()),
  }[event.key];
  if (act && map) { event.preventDefault(); act(); }
});
canvas.addEventListener('focus', redraw);
canvas.addEventListener('blur', redraw);
document.getElementById('map-in').addEventListener('click', () => zoom(1.4));
document.getElementById('map-out').addEventListener('click', () => zoom(1 / 1.4));
document.getElementById('map-all').addEventListener('click', whole);
document.getElementById('map-colour').addEventListener('change', () => { if (map) { paint(); redraw(); } });
document.getElementById('map-lasso').addEventListener('click', (event) => {
  lassoing = !lassoing;
  event.currentTarget.setAttribute('aria-pressed', String(lassoing));
  canvas.classList.toggle('is-lasso', lassoing);
});
dark.addEventListener('change', redraw);
new ResizeObserver(fit).observe(canvas);

function showGroups() {
  const groups = document.getElementById('map-groups');
  groups.replaceChildren(...map.groups.map((group, number) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    const name = document.createElement('b');
    name.textContent = group.name || root.dataset.mixed;
    name.dir = 'auto';
    const size = document.createElement('span');
    size.textContent = group.size;
    button.append(name, size);
    button.addEventListener('click', () => {
      const points = [];
      for (let i = 0; i < map.points; i += 1) if (map.group[i] === number) points.push(i);
      [view.x, view.y] = group.place;
      view.scale = Math.max(view.scale, 1.5);
      choose(points);
    });
    item.append(button);
    return item;
  }));
  names.replaceChildren(...map.groups.flatMap((group, number) => {
    if (!group.name) return [];
    const label = document.createElement('li');
    label.textContent = group.name;
    label.dir = 'auto';
    label.dataset.group = number;
    return [label];
  }));
}

/** Show a part of the plane that holds some points, with room around them. */
function lookAt(points) {
  const [x, y] = [points.map((i) => map.x[i] / 32767), points.map((i) => map.y[i] / 32767)];
  const [left, right, top, bottom] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
  view = { x: (left + right) / 2, y: (top + bottom) / 2, scale: Math.min(4, Math.max(1, 1.4 / Math.max(right - left, bottom - top, 0.01))) };
}

async function showList(address) {
  const { rows } = JSON.parse(await ask(address));
  const place = new Map();
  map.rows.forEach((row, i) => place.set(row, i));
  shownList = rows.map((row) => place.get(row)).filter((i) => i !== undefined);
  if (place.get(rows[0]) === undefined) {
    shownList = [];
    stories.textContent = root.dataset.absent;
    return;
  }
  lookAt(shownList);
  await choose(shownList);
}

async function start() {
  const answer = await fetch(root.dataset.points, { credentials: 'same-origin', headers: { 'X-Part': '1' } });
  if (!answer.ok) { say(document.getElementById('status').dataset.failed); return; }
  map = read(await answer.arrayBuffer());
  paint();
  showGroups();
  if (!map.points) stories.textContent = root.dataset.nothing;
  fit();
  if (root.dataset.list) await showList(root.dataset.list);
  root.dataset.ready = 'true';
}

start().catch((fault) => say(fault.message));
