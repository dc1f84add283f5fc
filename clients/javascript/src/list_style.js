/**
 * The theme of the element. A row has a fixed size, so that a list fills the place that was kept
 * for it. Sizes are in `em`: they follow the font. The custom properties and the font of the page
 * come in; its other styles stay out.
 */
export const LIST_STYLE = `
:host { display: block; contain: layout style; }
:host([hidden]) { display: none; }
section {
  display: grid;
  grid-template: var(--read-also-heading-size, 3.5em) auto / minmax(0, 1fr);
  font: var(--read-also-font, inherit);
  line-height: 1.4;
  color: var(--read-also-text, inherit);
}
.waiting { visibility: hidden; }
.heading {
  margin: 0;
  padding-block: 0.75rem 0.5rem;
  border-block-start: var(--read-also-heading-rule, 3px solid);
  overflow: hidden;
  white-space: nowrap;
  text-overflow: ellipsis;
  font: var(--read-also-heading-font, 600 1.125em/1.8 system-ui, sans-serif);
}
.list { margin: 0; padding: 0; list-style: none; }
.item {
  box-sizing: border-box;
  display: flex;
  flex-direction: column;
  position: relative;
  block-size: var(--read-also-item-size, 5.25em);
  padding-block: 0.5em;
  border-block-start: 1px solid var(--read-also-rule, rgb(127 127 127 / 40%));
}
.blank { border-color: transparent; }
.link { color: var(--read-also-link, inherit); text-decoration: none; }
.link:hover, .link:focus-visible { text-decoration: underline; }
.link:focus-visible { outline: 2px solid; outline-offset: 2px; }
.title {
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: var(--read-also-lines, 2);
  overflow: hidden;
  overflow-wrap: anywhere;
  font-weight: 600;
}
.time { margin-block-start: 0.25em; font-size: 0.8125em; color: var(--read-also-quiet, inherit); }
.title, .time { text-align: -webkit-match-parent; text-align: match-parent; }
.pictured { padding-inline-end: calc(var(--read-also-image-width, 6em) + 1em); }
.image {
  position: absolute;
  inset-block-start: 0.5em;
  inset-inline-end: 0;
  inline-size: var(--read-also-image-width, 6em);
  block-size: var(--read-also-image-height, 4em);
  object-fit: cover;
  border-radius: var(--read-also-radius, 4px);
}
.cards .list {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(var(--read-also-card-width, 14em), 100%), 1fr));
  gap: var(--read-also-gap, 1em);
}
.cards .item { block-size: var(--read-also-item-size, 6.75em); }
.cards.images .item {
  block-size: calc(var(--read-also-item-size, 6.75em) + var(--read-also-image-height, 8em) + 0.5em);
}
.cards .title { -webkit-line-clamp: var(--read-also-lines, 3); }
.cards .pictured { padding-inline-end: 0; }
.compact {
  grid-template-rows: var(--read-also-heading-size, 2.5em) auto;
  padding-inline-start: 1em;
  border-inline-start: var(--read-also-heading-rule, 3px solid);
}
.compact .heading { padding-block: 0.25em; border: 0; font: var(--read-also-heading-font, inherit); font-weight: 600; }
.compact .item { block-size: var(--read-also-item-size, 3.375em); padding-block: 0.25em; border: 0; }
.cards .image {
  position: static;
  display: block;
  inline-size: 100%;
  block-size: var(--read-also-image-height, 8em);
  margin-block-end: 0.5em;
}
`;
