/** The element <read-also-list>: it asks for a list and shows it. Importing this file defines it. */

import { Connection, pathOf, queryOf, readAnswer } from "./connection.js";
import { LIST_STYLE } from "./list_style.js";

/** @import { Item, ItemWords, RelatedList, WrittenDay } from "../types/api.js" */

/** Attributes that are options of the list; a minus in a name is an underscore there. */
export const LIST_ATTRIBUTES = Object.freeze([
  "author", "dates", "diversity", "exclude", "language", "limit", "max-age", "min-score", "mode", "offset",
  "published-after", "published-before", "section", "tag", "time-zone",
]);
const LOOK = ["heading", "heading-level", "images", "labels", "layout"];
const PICTURED = new Set(["cards", "list-thumbs"]); // unless told not to
const TIMEOUT = 5_000; // ms; a reader waits no longer
const MOST = 100;
const USUAL_LIMIT = 12; // of the service
const COMPACT_LIMIT = 3; // of its compact layout
const CAN_BE_SEEN = /[\p{L}\p{N}\p{P}\p{S}]/u;
const RELATED = new Set(["semantic", "words"]);
const DAY = 10; // characters of an RFC 3339 time
/** Of an image: its size without a theme, and how wide it is shown, for browsers that do not find out (`auto`). */
const CARD = { width: "480", height: "270", sizes: "auto, (min-width: 40em) 20em, 100vw" };
const THUMB = { width: "144", height: "96", sizes: "auto, 9em" };

// Where nothing is shown, as on a server that makes pages, the module can be imported all the same.
const PageElement = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/**
 * A list under an article. Attributes: `base` (where the service or its proxy is, the page's own
 * host by default), `article`, the options of a list, `heading`, `heading-level`, `images`,
 * `labels` and `layout`. It sends no key, no cookie and no address of the page, and stores nothing.
 *
 * Events, which bubble: `read-also-load` with the list as its detail, `read-also-error` with the
 * error. The place of the list is kept while it is on its way. Without a list the element is empty,
 * as soon as that moves nothing that a reader sees.
 */
export class ReadAlsoList extends PageElement {
  static observedAttributes = ["base", "article", ...LIST_ATTRIBUTES, ...LOOK];

  /** @type {RelatedList | null} */
  #list = null;
  #asked = "";
  /** @type {"waiting" | "answered" | "closed"} */
  #state = "waiting";
  #isDue = false;
  #stop = new AbortController();
  /** @type {IntersectionObserver | null} */
  #watch = null;
  /** @type {ShadowRoot} */
  #root;

  constructor() {
    super();
    const style = new CSSStyleSheet(); // an old browser fails here, and shows what is inside
    style.replaceSync(LIST_STYLE);
    this.#root = this.attachShadow({ mode: "open" });
    this.#root.adoptedStyleSheets = [style];
  }

  /** The list that is shown; null if there is none yet. */
  get list() {
    return this.#list;
  }

  connectedCallback() {
    this.#refreshSoon();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#watch?.disconnect();
    if (this.#list === null) this.#asked = "";
  }

  /**
   * @param {string} _name
   * @param {string | null} before
   * @param {string | null} after
   */
  attributeChangedCallback(_name, before, after) {
    if (before !== after) this.#refreshSoon();
  }

  /** Once for all attributes that a script sets one after another. */
  #refreshSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.isConnected) this.#refresh();
    });
  }

  #refresh() {
    const names = ["base", "article", ...optionsOf(this)];
    const given = names.map((name) => [name, this.getAttribute(name)]);
    const asked = JSON.stringify([limitOf(this), hasImages(this), ...given]);
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#list = null;
      this.#state = "waiting";
      this.#stop.abort();
      this.#stop = new AbortController();
      void this.#load(this.#stop.signal);
    }
    this.#show();
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    try {
      const list = await fetchList(this, signal);
      this.#answer(signal, list, "read-also-load", list);
    } catch (error) {
      this.#answer(signal, null, "read-also-error", error);
    }
  }

  /**
   * @param {AbortSignal} signal of the request; an older one may end after a newer one began.
   * @param {RelatedList | null} list
   * @param {string} event
   * @param {unknown} detail
   */
  #answer(signal, list, event, detail) {
    if (signal.aborted) return;
    this.#list = list;
    this.#state = "answered";
    this.#show();
    this.dispatchEvent(new CustomEvent(event, { bubbles: true, detail }));
  }

  /** Show the list, or keep its place while it is on its way. */
  #show() {
    this.#watch?.disconnect();
    const most = limitOf(this);
    const items = this.#list?.items.slice(0, most) ?? [];
    const words = this.#list?.presentation?.items ?? [];
    const rows = items.map((item, place) => row(this, item, words[place]));
    const kept = this.#state === "closed" ? 0 : most - rows.length;
    const all = [...rows, ...Array.from({ length: kept }, blank)];
    this.#root.replaceChildren(...(all.length > 0 ? [section(this, this.#list, all)] : []));
    if (this.#state === "answered" && kept > 0) this.#closeUnseen();
  }

  /** Give back the place that is not needed, once it is below what the reader sees. */
  #closeUnseen() {
    const watch = new IntersectionObserver((entries) => {
      if ((entries.at(-1)?.boundingClientRect.top ?? 0) < innerHeight) return;
      this.#state = "closed";
      this.#show();
    });
    watch.observe(this);
    this.#watch = watch;
  }
}

/**
 * The list that an element asks for. An element of the page cannot mislead it: `location` is the
 * window's own, where `document.baseURI` may be an element's name.
 * @param {HTMLElement} element
 * @param {AbortSignal} signal
 * @returns {Promise<RelatedList>}
 */
async function fetchList(element, signal) {
  const base = new URL(element.getAttribute("base") || "/", location.href);
  const given = optionsOf(element).map((name) => [name, element.getAttribute(name) || null]);
  const options = given.map(([name, value]) => [String(name).replaceAll("-", "_"), value]);
  const usual = isIn(element, "compact") ? { limit: COMPACT_LIMIT } : {};
  const more = { presentation: true, ...(hasImages(element) ? { fields: "image" } : {}) };
  const found = options.filter(([, value]) => value !== null);
  const query = queryOf({ ...usual, ...Object.fromEntries(found), ...more });
  const path = pathOf(element.getAttribute("article") ?? "", "/related");
  const connection = new Connection(base.href, { attempts: 1, timeout: TIMEOUT });
  return readAnswer(await connection.call("GET", path, { query, signal }), "items");
}

/**
 * The attributes that are options; those that begin with `attr.` filter by attributes of articles.
 * @param {HTMLElement} element
 */
function optionsOf(element) {
  const own = element.getAttributeNames().filter((name) => name.startsWith("attr."));
  return [...LIST_ATTRIBUTES, ...own];
}

/** @param {HTMLElement} element */
function limitOf(element) {
  const usual = isIn(element, "compact") ? COMPACT_LIMIT : USUAL_LIMIT;
  const limit = Number(element.getAttribute("limit") || usual);
  return Number.isInteger(limit) && limit >= 1 && limit <= MOST ? limit : usual;
}

/**
 * @param {HTMLElement} element
 * @param {string} layout
 */
function isIn(element, layout) {
  return element.getAttribute("layout") === layout;
}

/** @param {HTMLElement} element */
function hasImages(element) {
  return switchOf(element, "images") ?? PICTURED.has(element.getAttribute("layout") ?? "");
}

/**
 * Whether an attribute switches something on: it is there, and is not "0". Null if it is not there.
 * @param {HTMLElement} element
 * @param {string} name
 */
function switchOf(element, name) {
  const value = element.getAttribute(name);
  return value === null ? null : value !== "0";
}

/**
 * @param {HTMLElement} element
 * @param {RelatedList | null} list null while it is on its way.
 * @param {readonly HTMLElement[]} rows
 */
function section(element, list, rows) {
  const look = list?.presentation;
  const words = element.getAttribute("heading");
  const level = element.getAttribute("heading-level") ?? "";
  const heading = make(/^[2-6]$/.test(level) ? `h${level}` : "h2", "heading", {
    id: "heading", lang: words ? null : look?.heading_language,
  });
  heading.append(words || look?.heading || "");
  const ul = make("ul", "list", { role: "list" });
  ul.append(...rows);
  const whole = make("section", "section", {
    "aria-labelledby": "heading", lang: look?.language, dir: look?.direction,
  });
  whole.classList.toggle("waiting", !list?.items.length);
  for (const layout of ["cards", "compact"]) whole.classList.toggle(layout, isIn(element, layout));
  whole.classList.toggle("images", hasImages(element));
  whole.classList.toggle("labelled", switchOf(element, "labels") ?? false);
  whole.append(heading, ul);
  return whole;
}

/**
 * @param {HTMLElement} element
 * @param {Item} item
 * @param {ItemWords} [words] what the page says of it.
 */
function row(element, item, words) {
  const kind = RELATED.has(item.reason) ? "" : item.reason.split(":")[0];
  const li = make("li", kind ? `item ${kind}` : "item", { lang: item.language });
  const href = webAddress(item.url);
  const link = href ? make("a", "link", { href }) : li;
  const image = hasImages(element) ? imageOf(item, isIn(element, "cards") ? CARD : THUMB) : null;
  if (image) {
    li.classList.add("pictured");
    link.append(image);
  }
  const title = make("span", "title", { dir: "auto" });
  title.append(CAN_BE_SEEN.test(item.title) ? item.title : item.id);
  link.append(title);
  if (link !== li) li.append(link);
  const details = detailsOf(element, item, words);
  if (details.length > 0) {
    const meta = make("span", "meta", {});
    meta.append(...details);
    li.append(meta);
  }
  return li;
}

/**
 * @param {Item} item
 * @param {typeof CARD} look
 */
function imageOf(item, { sizes, ...size }) {
  const src = webAddress(item.image_url);
  if (src === null) return null;
  const srcset = /^https?:/.test(item.image?.srcset ?? "") ? { srcset: item.image?.srcset, sizes } : {};
  const how = { alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" };
  return make("img", "image", { ...size, ...how, ...srcset, src });
}

/**
 * What stands under a headline: labels, the section of the newspaper, the day; a compact list has
 * labels alone.
 * @param {HTMLElement} element
 * @param {Item} item
 * @param {ItemWords} [words]
 */
function detailsOf(element, item, words) {
  const labels = switchOf(element, "labels") ? words?.labels ?? [] : [];
  const details = labels.map(({ kind, text, language }) => worded("span", `label ${kind}`, text, { lang: language }));
  if (isIn(element, "compact")) return details;
  if (CAN_BE_SEEN.test(item.section ?? "")) details.push(worded("span", "department", item.section ?? "", { dir: "auto" }));
  const day = words?.day ?? (item.published_at ? plainDay(item.published_at) : null);
  if (day) details.push(worded("time", "time", day.text, { datetime: day.moment, lang: day.language, dir: day.direction }));
  return details;
}

/**
 * The day of a moment in UTC, for a service that says none. A text from right to left would mirror it.
 * @param {string} moment RFC 3339; HTML takes three digits of a fraction, RFC 3339 any.
 * @returns {WrittenDay}
 */
function plainDay(moment) {
  return { moment: moment.replace(/\.[0-9]+/, ""), text: moment.slice(0, DAY), direction: "ltr" };
}

/**
 * @param {string} tag
 * @param {string} names
 * @param {string} text
 * @param {Record<string, string | null | undefined>} attributes
 */
function worded(tag, names, text, attributes) {
  const element = make(tag, names, attributes);
  element.append(text);
  return element;
}

/** The place of an item that is not there. */
function blank() {
  return make("li", "item blank", { "aria-hidden": "true" });
}

/**
 * An element, under the same names for the theme and, as parts, for the page. It is made by the
 * document's own method: an element of the page with the name `createElement` would hide that.
 * @param {string} tag
 * @param {string} names
 * @param {Record<string, string | null | undefined>} attributes
 */
function make(tag, names, attributes) {
  const element = Document.prototype.createElement.call(document, tag);
  for (const [name, value] of Object.entries({ class: names, part: names, ...attributes })) {
    if (value != null) element.setAttribute(name, value);
  }
  return element;
}

/**
 * An address that is safe as a link; null for every other text.
 * @param {string | null} text
 */
function webAddress(text) {
  try {
    return text !== null && /^https?:$/.test(new URL(text).protocol) ? text : null;
  } catch {
    return null;
  }
}

globalThis.customElements?.define("read-also-list", ReadAlsoList);
