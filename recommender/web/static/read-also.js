/* Fills each <div data-read-also="ID"> with its list. */
(script => {
  const names = "limit mode language section tag exclude max-age min-score diversity heading heading-level images";
  const fill = async place => {
    try {
      const query = new URLSearchParams();
      for (const name of names.split(" ")) {
        const value = place.getAttribute("data-" + name);
        if (value) query.set(name.replace("-", "_"), value);
      }
      const id = encodeURIComponent(place.getAttribute("data-read-also"));
      const address = new URL(`articles/${id}/related.html?${query}`, script.src);
      const answer = await fetch(address, { credentials: "omit" });
      const list = (await answer.text()).trim();
      if (answer.ok && list) place.innerHTML = list;
    } catch { /* no list */ }
  };
  const start = () => document.querySelectorAll("[data-read-also]").forEach(fill);
  if (document.readyState != "loading") start();
  else addEventListener("DOMContentLoaded", start);
})(document.currentScript);
