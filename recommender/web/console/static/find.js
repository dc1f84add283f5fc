// The box to search in, on every page that has one: "/" leads to it, arrows walk through what is found.
import { refreshLive } from './console.js';

const box = document.querySelector('[data-finder-box]');
const form = box.form;
const target = document.querySelector(form.dataset.live);
const said = document.querySelector('[data-said]');
const titles = () => [...target.querySelectorAll('[data-stories] .stories__title')];

/** Move from one of the box and the stories to the next or the one before. */
function walk(step) {
  const stops = [box, ...titles()];
  const at = stops.indexOf(document.activeElement);
  const next = stops[Math.min(Math.max(at + step, 0), stops.length - 1)];
  next.focus();
  if (next === box) box.select();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const inside = document.activeElement;
  if (event.key === '/' && !inside.matches('input, textarea, select')) {
    event.preventDefault();
    box.focus();
    box.select();
  }
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    if (inside !== box && !titles().includes(inside)) return;
    event.preventDefault();
    walk(event.key === 'ArrowDown' ? 1 : -1);
  }
});

// Enter in the box leads to the first story, as soon as the answer to what was typed last is there.
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  event.stopPropagation();
  if (await refreshLive(form)) titles()[0]?.focus();
});

target.addEventListener('filled', () => {
  said.textContent = target.querySelector('[data-count]')?.textContent ?? '';
  if (form.dataset.finder !== 'page') return;
  const kept = [...new FormData(form)].filter(([, value]) => value);
  const query = new URLSearchParams(kept).toString();
  history.replaceState(null, '', query ? `?${query}` : location.pathname);
});
