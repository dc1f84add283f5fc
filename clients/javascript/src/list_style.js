/**
 * The theme of the element. A row has a fixed size, so that a list fills the place that was kept
 * for it: a line of the details, and as many lines of the headline as there is room for. Sizes are
 * in `em`: they follow the font. The custom properties and the font of the page come in; its other
 * styles stay out.
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
.item:first-child { border-color: transparent; }
.blank { border-color: transparent; }
.link { color: var(--read-also-link, inherit); text-decoration: none; }
.link:visited { color: var(--read-also-visited, color-mix(in srgb, currentColor 45%, #808080)); }
.link::after { content: ""; position: absolute; inset: 0; border-radius: var(--read-also-radius, 4px); }
.link:focus-visible { outline: 0; }
.link:focus-visible::after { outline: 3px solid; outline-offset: 2px; }
.title {
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: var(--read-also-lines, 2);
  position: relative;
  z-index: 1;
  overflow: hidden;
  overflow-wrap: anywhere;
  font-weight: 600;
}
.link:is(:hover, :focus-visible) .title {
  text-decoration: underline;
  text-decoration-thickness: from-font;
  text-underline-offset: 0.15em;
}
.meta {
  display: flex;
  gap: 0.5em;
  margin-block-start: 0.25em;
  overflow: hidden;
  white-space: nowrap;
  font-size: 0.8125em;
  color: var(--read-also-quiet, color-mix(in srgb, currentColor 35%, #808080));
}
.department { min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; }
.department:not(:last-child)::after { content: " ·"; content: " ·" / ""; }
.department + .time { margin-inline-start: -0.2em; }
.label ~ .department { max-inline-size: calc((100% - 18em) * 99); } /* none where there is no room beside a label */
.time, .label { flex: none; }
.label { padding-inline: 0.4em; border: 1px solid; border-radius: 3px; font-size: 0.9em; font-weight: 600; }
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
  background: color-mix(in srgb, currentColor 8%, transparent);
}
.cards .list {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(var(--read-also-card-width, max(12em, (100% - 2em) / 3.01)), 100%), 1fr));
  gap: var(--read-also-gap, 1em);
}
.cards .item { block-size: var(--read-also-item-size, 6.75em); border: 0; }
.cards .title { -webkit-line-clamp: var(--read-also-lines, 3); }
/* A card is as high as its picture and its texts, also where it has no picture. The padding is that of the width. */
.cards.images .item {
  --picture: calc(var(--read-also-image-height, 56.25%) + 0.5em);
  box-sizing: content-box;
  padding-block: 0 var(--picture);
}
.cards.images .pictured { padding: var(--picture) 0 0; }
.cards .image {
  inset-block-start: 0;
  inline-size: 100%;
  block-size: var(--read-also-image-height, auto);
  aspect-ratio: 16 / 9;
}
.cards.images .item:not(.pictured, .blank) {
  padding: 1em 1em calc(var(--picture) - 1em);
  border-radius: var(--read-also-radius, 4px);
  background: color-mix(in srgb, currentColor 6%, transparent);
}
.cards.images .item:not(.pictured) .title { font-size: 1.1875em; }
.cards.images .item:not(.pictured) .meta { position: absolute; inset: auto 1.25em 1.25em; }
.compact {
  grid-template-rows: var(--read-also-heading-size, 2.5em) auto;
  padding-inline-start: 1em;
  border-inline-start: var(--read-also-heading-rule, 3px solid);
}
.compact .heading { padding-block: 0.25em; border: 0; font: var(--read-also-heading-font, inherit); font-weight: 600; }
.compact .item { block-size: var(--read-also-item-size, 3.375em); padding-block: 0.25em; border: 0; }
.compact.labelled .item { block-size: var(--read-also-item-size, 4.625em); }
@media (forced-colors: active) {
  .cards.images .item:not(.pictured, .blank) { outline: 1px solid CanvasText; outline-offset: -1px; }
}
`;
