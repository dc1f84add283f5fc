/**
 * The client against the real service, over an archive that is empty at first. The service and its
 * key come by the environment: READ_ALSO_BASE, READ_ALSO_KEY, and the process READ_ALSO_INDEXER.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, Client } from "../src/index.js";
import { all } from "./answering.js";

const { READ_ALSO_BASE: base, READ_ALSO_KEY: key, READ_ALSO_INDEXER: indexer } = process.env;
const api = new Client(base, { key });
const HEADLINES = [
  "Two cranes unload grain at the old quay", "Frost takes half of the apple harvest",
  "The tram to the airport opens in spring", "A goalkeeper of seventeen saves three penalties",
  "Nurses ask for shorter nights", "The library lends out telescopes", "Bees return to the roof of the opera",
  "A baker from the hills wins the prize for rye bread", "Floods close the tunnel under the river",
  "The museum finds a lost map of the coast", "Teachers try lessons without telephones",
  "A bridge of wood carries lorries now", "The harbour gets a school for pilots",
  "Sheep mow the lawn of the castle",
];
const story = (id) => ({
  id,
  title: HEADLINES[Number(id) - 1],
  body: `${HEADLINES[Number(id) - 1]}. That was said on day ${id} of the month, before many people.`,
  url: `https://news.example/${id}`,
  language: "en",
  published_at: new Date(Date.UTC(2026, 0, 1 + Number(id))),
});

/** The first answer that is accepted: the service starts, and its indexer reads its model. */
async function eventually(ask, accepts) {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask().catch((error) => {
      if (!(error instanceof ApiError && error.status === 503)) throw error;
    });
    if (answer !== undefined && accepts(answer)) return answer;
    assert(tries < 100, "the service did not start");
    await new Promise((done) => setTimeout(done, 1_000));
  }
}

test("the archive is empty, and that is told", async () => {
  const { store } = await eventually(() => api.readyz(), ({ status }) => status === "ready");
  assert.equal(store, "ok");
  await assert.rejects(api.get("1"), { status: 404 });
  assert.deepEqual(await all(api.articles()), []);
});

test("a bulk load is answered line by line, in its order", async () => {
  const stories = Array.from({ length: 12 }, (_, at) => story(at + 1));
  const writes = [...stories, { id: "no text" }, { delete: { id: 99 } }];
  const items = await all(api.bulk(writes));
  assert.deepEqual(items.map(({ id, status }) => [id, status]), [
    ...Array.from({ length: 12 }, (_, at) => [`${at + 1}`, 201]), [null, 422], ["99", 404],
  ]);
  assert(items.slice(0, 12).every(({ result }) => result === "created"));
  assert(items[12].error.errors.length > 0);
});

test("a write is visible where it waited, and is in a list then", async () => {
  for (let id = 1; id <= 12; id += 1) {
    await eventually(() => api.status(id), ({ state }) => state === "visible");
  }
  const written = await api.put(story(13), { wait: true });
  assert.deepEqual({ ...written, change: 0 }, { id: "13", result: "created", change: 0, visible: true });
  assert.equal((await api.put(story(13))).result, "unchanged");
  const list = await api.related(13, { limit: 3, language: "any", presentation: true });
  assert.deepEqual([list.article_id, list.requested, list.items.length], ["13", 3, 3]);
  assert.deepEqual(list.items.map(({ rank }) => rank), [1, 2, 3]);
  assert.equal(list.presentation.heading, "Read also");
  const html = await api.relatedHtml(13, { limit: 3, language: "any" });
  for (const { title } of list.items) assert(html.includes(title));
  assert.equal((await api.readyz()).status, "ready");
});

test("an article is changed, fetched, and deleted twice", async () => {
  const { visible } = await api.patch(13, { title: "Another headline", summary: null }, { wait: true });
  assert(visible);
  const { published_at, title } = await api.get(13);
  assert.deepEqual([new Date(published_at), title], [story(13).published_at, "Another headline"]);
  assert.deepEqual(await api.delete(13, { wait: true }), { visible: true });
  assert.deepEqual(await api.delete(13), { visible: false });
  await assert.rejects(api.related(13), { status: 410 });
});

test("all articles come by ascending id, over many pages", async () => {
  const ids = (await all(api.articles({ pageSize: 5 }))).map(({ id }) => id);
  assert.deepEqual(ids, Array.from({ length: 12 }, (_, at) => `${at + 1}`).sort());
});

test("pins and blocks are in force when the call that waited is answered", async () => {
  const pins = [{ id: 12, why: "ours", ends_at: new Date(Date.UTC(2100, 0, 1)) }];
  assert((await api.setPins(1, pins, { by: "Anna", wait: true })).visible);
  assert((await api.setBlocks(1, [{ id: 2 }], { wait: true })).visible);
  const { items } = await api.related(1, { limit: 100, language: "any" });
  assert.deepEqual([items[0].id, items[0].reason], ["12", "pinned"]);
  assert(!items.some(({ id }) => id === "2"));
  const [pin] = (await api.pins(1)).pins;
  assert.deepEqual([pin.id, pin.why, pin.by], ["12", "ours", "t: Anna"]);
  assert.deepEqual((await api.blocks(1)).blocks.map(({ id }) => id), ["2"]);
  assert((await api.appearsIn(12)).appears_in.includes("1"));
  assert((await api.removePins(1, { wait: true })).visible);
  await api.removeBlocks(1);
  assert.deepEqual((await api.pins(1)).pins, []);
});

test("what is said of an article itself is in force, and whoever comes second is told", async () => {
  assert((await api.setNever(2, { why: "ours", by: "Anna" }, { wait: true })).visible);
  assert(!(await api.related(1, { limit: 100, language: "any" })).items.some(({ id }) => id === "2"));
  const { change, decision } = await api.never(2);
  assert.deepEqual([decision.why, decision.by], ["ours", "t: Anna"]);
  await assert.rejects(api.removeNever(2, { seen: change - 1 }), { status: 412 });
  await api.removeNever(2, { seen: change });
  assert((await api.setNoList(1, {}, { seen: 0, wait: true })).visible);
  assert.deepEqual((await api.related(1)).items, []);
  assert((await api.removeNoList(1, { wait: true })).visible);
  assert.equal((await api.noList(1)).decision, null);
});

test("a draft gets a list, and the lists of a page do not repeat each other", async () => {
  const { id: _, ...draft } = story(5);
  const list = await api.relatedForDraft({ ...draft, limit: 2 });
  assert.deepEqual([list.article_id, list.items.length], [null, 2]);
  const like = await api.relatedLike([1, 3], { unlike: [2], limit: 2, language: "any" });
  assert(like.items.every(({ id }) => !["1", "2", "3"].includes(id)));
  const lists = await api.relatedLists([{ article_id: "1", limit: 3 }, { article_id: "3", limit: 3 }]);
  const shown = lists.flatMap(({ items }) => items.map(({ id }) => id));
  assert.equal(new Set(shown).size, 6);
});

test("a query too long for an address gets the same list", async () => {
  const exclude = ["2", ...Array.from({ length: 400 }, (_, at) => `${at}`.padStart(100, "x"))];
  const long = await api.related(1, { limit: 100, exclude });
  assert.deepEqual(long, await api.related(1, { limit: 100, exclude: ["2"] }));
});

test("a refusal names the field, and where the log has it", async () => {
  await assert.rejects(api.put({ id: "a", title: 5, colour: "red" }), (error) => {
    assert.deepEqual([error.status, error.errors.map(({ pointer }) => pointer)], [422, ["/title", "/colour"]]);
    assert.match(error.requestId, /^[0-9a-f]{32}$/);
    return true;
  });
  await assert.rejects(api.related(1, { limit: 0 }), { status: 400 });
  await assert.rejects(new Client(base, { key: "another0123456" }).get(1), { status: 401 });
});

test("a write that shows too late is stored, and says that it does not show yet", async () => {
  process.kill(Number(indexer), "SIGSTOP");
  try {
    const written = await api.put({ ...story(14), body: "A text that nobody reads now." }, { wait: true });
    assert.deepEqual([written.result, written.visible], ["created", false]);
    assert.equal((await api.get(14)).id, "14");
    const { id, state, waits_for } = await api.status(14);
    assert.deepEqual([id, state, waits_for], ["14", "received", "indexer"]);
  } finally {
    process.kill(Number(indexer), "SIGCONT");
  }
});
