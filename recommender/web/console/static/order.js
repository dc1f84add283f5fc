// What editors set for a list: the order of the pins by dragging and by Alt+arrows; after each change
// the list of the page is the new one, and what came of it is said.
import { ask, fill, refresh, refreshLive, say } from './console.js';

const steer = document.getElementById('steer');

document.addEventListener('filled', (event) => {
  if (event.target !== steer) return;
  const notice = steer.querySelector('[data-say]');
  if (notice) say(notice.dataset.say, floats(notice) ? 2 : 6);
  if (document.activeElement === document.body) (steer.querySelector('.notice button') ?? notice)?.focus();
  const why = document.getElementById('list-why');
  if (why) why.value = ''; // it was sent with the change; the field of the part is a new one
  refreshList();
  const find = document.querySelector('form[data-live="#steer-found"]');
  if (find?.elements.q.value) refreshLive(find);
});

/** Keep the notice, with its way back, in sight of who has pressed a button further down. */
function floats(notice) {
  const box = notice.getBoundingClientRect();
  const isOut = box.bottom < 0 || box.top > innerHeight;
  notice.classList.toggle('notice--floating', isOut);
  return isOut;
}

/** The list as it is now; one that is being tried with sliders stays tried. */
function refreshList() {
  const list = document.getElementById('story-list');
  const form = document.querySelector('form[data-live="#story-list"]');
  if (!list || !form) return;
  if (list.querySelector('.trial')) refreshLive(form);
  else refresh(list, `${form.action}?as=${form.elements.as.value}`);
}

function rows() {
  return [...steer.querySelectorAll('[data-step=pins]')];
}

async function move(row, place) {
  const form = document.getElementById('steer-step');
  const body = new FormData(form);
  body.set('step', `pins place ${row.dataset.id} ${place}`);
  steer.setAttribute('aria-busy', 'true');
  try {
    fill(steer, await ask(form.action, { method: 'POST', body }));
  } catch (fault) {
    steer.removeAttribute('aria-busy');
    say(fault.message);
  }
}

steer.addEventListener('keydown', async (event) => {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const row = event.target.closest('[data-step=pins]');
  if (!by || !event.altKey || !row) return;
  event.preventDefault();
  const place = rows().indexOf(row) + by;
  if (place < 0 || place >= rows().length) return;
  const focused = document.activeElement.id;
  await move(row, place);
  (document.getElementById(focused) ?? document.getElementById(`up-${row.dataset.id}`))?.focus();
});

let dragged = null;
steer.addEventListener('dragstart', (event) => {
  dragged = event.target.closest?.('[data-step=pins]') ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = 'move';
  event.dataTransfer.setData('text/plain', dragged.dataset.id);
  dragged.classList.add('is-dragged');
});
steer.addEventListener('dragover', (event) => {
  const over = event.target.closest('[data-step=pins]');
  if (!dragged || !over) return;
  event.preventDefault();
  mark(over === dragged ? null : over, isLower(over, event));
});
steer.addEventListener('drop', (event) => {
  const over = event.target.closest('[data-step=pins]');
  if (!dragged || !over) return;
  event.preventDefault();
  const others = rows().filter((row) => row !== dragged);
  if (over !== dragged) move(dragged, others.indexOf(over) + isLower(over, event));
});
steer.addEventListener('dragend', () => {
  mark(null, false);
  dragged?.classList.remove('is-dragged');
  dragged = null;
});

function isLower(row, event) {
  const box = row.getBoundingClientRect();
  return event.clientY > box.top + box.height / 2;
}

function mark(row, lower) {
  for (const one of rows()) {
    one.classList.toggle('is-over', one === row && !lower);
    one.classList.toggle('is-under', one === row && lower);
  }
}
