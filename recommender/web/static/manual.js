// The page of the API: search, and trying calls. The key is in its input alone, and nothing is stored.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const key = byId("key");
  const calls = [...document.querySelectorAll("details.call")];
  const types = [...document.querySelectorAll("details.type")];
  const words = new Map([...calls, ...types].map((one) => [one, one.textContent.toLowerCase()]));

  function search() {
    const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [one, text] of words) one.hidden = !wanted.every((word) => text.includes(word));
    for (const section of document.querySelectorAll("main > section")) {
      section.hidden = !section.querySelector("details.call:not([hidden])");
    }
    byId("types").open = wanted.length > 0;
    const count = (all, noun) => {
      const left = all.filter((one) => !one.hidden).length;
      return `${left} ${noun}${left === 1 ? "" : "s"}`;
    };
    byId("found").textContent = wanted.length ? `${count(calls, "call")}, ${count(types, "type")}` : "";
  }

  function open() {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    if (target) target.scrollIntoView();
  }

  function request(form) {
    const given = [...form.querySelectorAll("input")].filter((one) => one.value);
    let path = form.dataset.path;
    const query = new URLSearchParams();
    for (const { name, value, dataset } of given) {
      if (dataset.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
      else if (dataset.in === "pairs") new URLSearchParams(value).forEach((one, each) => query.append(each, one));
      else query.append(name, value);
    }
    const headers = key.value ? { Authorization: `Bearer ${key.value}` } : {};
    if (form.dataset.media) headers["Content-Type"] = form.dataset.media;
    const body = form.querySelector("textarea")?.value;
    const target = query.size ? `${path}?${query}` : path;
    return [target, { method: form.dataset.method, headers, body, credentials: "omit", cache: "no-store" }];
  }

  async function send(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const [target, options] = request(form);
    const output = form.querySelector("output");
    output.textContent = "…";
    try {
      const answer = await fetch(target, options);
      const text = await answer.text();
      const shown = answer.headers.get("Content-Type")?.includes("json") && text ? JSON.stringify(JSON.parse(text), null, 2) : text;
      output.textContent = `${options.method} ${target}\n${answer.status} ${answer.statusText}\n\n${shown}`;
    } catch (fault) {
      output.textContent = String(fault);
    }
  }

  for (const form of document.querySelectorAll("form.try")) {
    form.hidden = false;
    form.addEventListener("submit", send);
  }
  document.querySelector(".tools").hidden = false;
  byId("search").addEventListener("input", search);
  addEventListener("hashchange", open);
  addEventListener("pagehide", () => { key.value = ""; });
  open();
})();
