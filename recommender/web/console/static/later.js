// Parts of a page that take a while: they are asked for when the page stands, or by a link.
//
//   <section data-later="ADDRESS">                      filled at once
//   <a data-fill="#target" data-from="ADDRESS" href>    fills the target when it is followed

import { refresh } from './console.js';

for (const part of document.querySelectorAll('[data-later]')) refresh(part, part.dataset.later);
document.addEventListener('click', (event) => {
  const link = event.target.closest('[data-fill]');
  if (!link) return;
  event.preventDefault();
  refresh(document.querySelector(link.dataset.fill), link.dataset.from);
});
