// What all pages of the console share: asking for parts of pages, and putting them in place.
//
//   <form data-live="#results" action="…">      GET while somebody types; its answer fills #results
//   <form data-act="#list" action="…">          POST when it is sent; its answer fills #list
//   <button data-act="#list" formaction="…">    the same by a button of a form
//
// An answer is HTML that the service has rendered and escaped. Scripts in it would not run.

const TYPING_MS = 120;
const token = document.querySelector('meta[name="form-token"]')?.content ?? '';
const status = document.getElementById('status');
let silence;

/** Show a line for some seconds; assistive technology reads it. */
export function say(text, seconds = 6) {
  status.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { status.textContent = ''; }, seconds * 1000);
}

/** Fetch a part of a page as text. Throws an Error that says why there is none. */
export async function ask(url, { method = 'GET', body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(url, {
      method, body, signal, credentials: 'same-origin',
      headers: { 'X-Part': '1', 'X-Form-Token': token },
    });
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new Error(status.dataset.away);
  }
  if (answer.status === 401) { location.reload(); }
  const text = await answer.text();
  if (!answer.ok) throw new Error(detailOf(text) || status.dataset.failed);
  return text;
}

function detailOf(text) {
  try { return JSON.parse(text).detail; } catch { return ''; }
}

/** Put a part into an element, and tell scripts of the page with the event `filled`. */
export function fill(target, html) {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  const place = target.contains(document.activeElement) ? document.activeElement.id : '';
  target.replaceChildren(...parsed.body.childNodes);
  target.removeAttribute('aria-busy');
  if (place) { document.getElementById(place)?.focus(); }
  target.dispatchEvent(new CustomEvent('filled', { bubbles: true }));
}

/** Ask, and fill; a newer call for the same target replaces an older one. Resolves to whether it was filled. */
const asked = new WeakMap();
export async function refresh(target, url, options = {}) {
  asked.get(target)?.abort();
  const control = new AbortController();
  asked.set(target, control);
  target.setAttribute('aria-busy', 'true');
  try {
    fill(target, await ask(url, { ...options, signal: control.signal }));
    return true;
  } catch (fault) {
    if (fault.name !== 'AbortError') { target.removeAttribute('aria-busy'); say(fault.message); }
    return false;
  }
}

/** Ask for what a form says, with GET. */
export function refreshLive(form) {
  const query = new URLSearchParams(new FormData(form));
  return refresh(document.querySelector(form.dataset.live), `${form.action}?${query}`);
}

const typing = new WeakMap();
document.addEventListener('input', (event) => {
  const form = event.target.form; // also one that the control stands outside of
  if (!form?.dataset.live) return;
  clearTimeout(typing.get(form));
  typing.set(form, setTimeout(() => refreshLive(form), TYPING_MS));
});
document.addEventListener('submit', (event) => {
  const form = event.target;
  const button = event.submitter;
  const target = button?.dataset.act ?? form.dataset.act;
  if (form.dataset.live && !target) { event.preventDefault(); refreshLive(form); return; }
  if (!target) return;
  event.preventDefault();
  refresh(document.querySelector(target), button?.getAttribute('formaction') ?? form.action, {
    method: 'POST', body: new FormData(form, button),
  });
});
document.addEventListener('click', (event) => {
  for (const open of document.querySelectorAll('details.bar__account[open]')) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    for (const open of document.querySelectorAll('details.bar__account[open]')) open.open = false;
  }
});
