/* Fills each <div data-read-also="ID"> with its list, and loads the style of layouts.
   No element of the page misleads it. */
(() => {
  /* The document's own: an element with that name hides document[name]. */
  const own = (name, ...given) => {
    const found = Reflect.get(Document.prototype, name, document);
    return given.length ? found.apply(document, given) : found;
  };
  const script = own("currentScript");
  const source = script?.src;
  const names = "limit offset mode language section tag author published-after published-before exclude max-age min-score diversity heading heading-level layout images labels dates time-zone";
  const part = /<(section|h[2-6]|ul|li|a|img|span|time)((?: [\w-]+="[^"<>]*")*)>|([^<>]+)|<\/\w+>/gy;
  const safe = /^(class|id|lang|dir|role|aria-labelledby|href|src|srcset|sizes|width|height|alt|loading|decoding|referrerpolicy|datetime)$/;
  const plain = text => text.replace(/&(?:#(\d+)|amp|(lt)|gt);/g, (all, code, less) =>
    code ? String.fromCharCode(code) : all == "&amp;" ? "&" : less ? "<" : ">");
  /* The parts of a list alone; no parser of HTML. */
  const build = html => {
    const list = new DocumentFragment();
    let place = list, end = 0;
    for (const [all, tag, attributes, text] of html.matchAll(part)) {
      end += all.length;
      if (tag) {
        const element = own("createElement", tag);
        for (const [, name, value] of attributes.matchAll(/ (\S+)="([^"]*)"/g)) {
          if (safe.test(name) && (!/^(href|src(set)?)$/.test(name) || /^https?:/.test(value))) element.setAttribute(name, plain(value));
        }
        place.append(element);
        if (tag != "img") place = element;
      } else if (text) place.append(plain(text));
      else place = place.parentNode;
    }
    return end == html.length && place == list && list;
  };
  const fill = async (place, styled) => {
    try {
      const query = new URLSearchParams();
      for (const name of names.split(" ")) {
        const value = place.getAttribute("data-" + name);
        if (value) query.set(name.replace("-", "_"), value);
      }
      for (const { name, value } of place.attributes)
        if (name.startsWith("data-attr.")) query.set(name.slice(5), value);
      if (query.has("layout")) query.set("stylesheet", 0);
      const id = encodeURIComponent(place.getAttribute("data-read-also"));
      if (/^\.*$/.test(id)) return;
      const answer = await fetch(new URL(`articles/${id}/related.html?${query}`, source), { credentials: "omit" });
      const list = build((await answer.text()).trim());
      await styled;
      if (answer.ok && list?.firstChild) place.replaceChildren(list);
    } catch { /* no list */ }
  };
  const dress = () => new Promise(done => {
    const link = own("createElement", "link");
    Object.assign(link, { rel: "stylesheet", href: new URL("read-also.css", source), onload: done, onerror: done });
    own("head").append(link);
  });
  const start = () => {
    const places = [...own("querySelectorAll", "[data-read-also]")].slice(0, 20);
    const styled = source && script.dataset.style != "none" && places.some(place => place.hasAttribute("data-layout")) && dress();
    places.forEach(place => fill(place, styled));
  };
  if (own("readyState") != "loading") start();
  else own("addEventListener", "DOMContentLoaded", start);
})();
